import type { Clock } from '../../engine/clock.js';
import { ALONE } from '../../engine/core.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { MarkerValue } from '../../engine/entry-format.js';
import { compilePattern } from '../../engine/pattern.js';
import { VERSION_LENGTH, type Version, VersionSource } from '../../engine/version.js';
import type {
  MarkerChange,
  RemoteChanges,
  RemoteRead,
  RemoteStats,
  RemoteTier,
  RemoteTierContext,
  Trust,
} from '../tier.js';
import { Batch } from './batch.js';
import type { Bus } from './bus.js';
import { ChangeLog } from './change-log.js';
import type { RedisConnection } from './connection.js';
import type { Change } from './delivered.js';
import { Messages } from './messages.js';
import { RedisNames } from './names.js';
import { ReadBatch } from './read-batch.js';
import type { Script } from './script.js';
import { CHANGE, EVICT, EXPIRE, FILL, HOLD, MARK, PUT, RECHECK } from './scripts.js';

/** Most keys in one command: more would keep others waiting. */
const MAX_KEYS = 128;
/** Most bytes of values in one command. */
const MAX_BYTES = 256 * 1024;
const SCAN_COUNT = 500;

interface Store {
  key: string;
  token: string;
  bytes: string | Buffer;
  life: Milliseconds;
}

interface Place {
  name: string;
  version: string;
  life: Milliseconds;
}

/** The Redis tier of one namespace. Calls of one tick travel together, writes before reads. */
export class RedisRemote implements RemoteTier {
  private readonly names: RedisNames;
  private readonly versions = new VersionSource();
  private readonly log: ChangeLog;
  private readonly messages = new Messages(this.versions.next());
  /** Where changes are published; '' if nobody hears them. */
  private readonly channel: string;
  private changes: RemoteChanges | undefined;
  readonly trust: Trust;
  private readonly batches: { flush(): void }[] = [];
  private scheduled = false;
  private wasReady = false;
  private readonly forget: () => void;

  constructor(
    private readonly connection: RedisConnection,
    private readonly bus: Bus | undefined,
    clock: Clock,
    namespace: string,
    lossWindow: Milliseconds,
    private readonly context: RemoteTierContext,
    private readonly released: () => Promise<void>,
  ) {
    this.names = new RedisNames(namespace);
    this.trust = bus ?? ALONE;
    this.channel = bus ? connection.keyPrefix + this.names.channel : '';
    this.log = new ChangeLog((change) => this.sendChange(change), connection, bus, clock, lossWindow, context);
    this.reads = new ReadBatch(this.names);
    this.wasReady = connection.ready;
    const leave = bus?.join(this.names.channel, {
      message: (text) => this.receive(text),
      gap: () => this.changes?.gap(),
      safe: (sent) => this.log.safe(sent),
    });
    const forget = connection.listen({
      // First on a new connection: whatever is sent after it sees its effect.
      ready: () => {
        this.wasReady = true;
        void this.log.deliver();
        context.onConnection(true);
      },
      lost: () => {
        this.log.broken();
        if (this.wasReady) context.onConnection(false);
        this.wasReady = false;
      },
      failed: (error) => context.onError('connection', error),
    });
    this.forget = () => {
      leave?.();
      forget();
    };
  }

  // In the order in which they are sent at the end of a tick.
  private readonly evicts = this.batch<string, 1>(async (keys) => {
    const names = keys.map((key) => this.names.entry(key));
    if (this.channel === '') await this.connection.send('UNLINK', names);
    else await this.publish(EVICT, names, [], this.messages.keys('dead', keys));
    return keys.map(() => 1);
  }, MAX_KEYS);
  private readonly puts = this.batch<Store, boolean>((stores) => this.sendPuts(stores), MAX_BYTES, sizeOf);
  private readonly fills = this.batch<Store, boolean>((stores) => this.sendFills(stores), MAX_BYTES, sizeOf);
  private readonly marks = this.batch<Place, Buffer>((places) => this.sendPlaces(MARK, places), MAX_KEYS);
  private readonly holds = this.batch<Place, Buffer | null>((places) => this.sendHolds(places), MAX_KEYS);
  private reads: ReadBatch;
  /** Lists of markers asked for in this tick: many keys have the same ones. */
  private readonly marking = new Map<readonly string[], { places: Place[]; answer: Promise<readonly MarkerValue[]> }>();

  read(key: string | undefined, markers: readonly string[]): Promise<RemoteRead> {
    // All of it, not the reads alone: an eviction of this tick must not be overtaken.
    if (this.reads.size >= MAX_KEYS) this.flush();
    if (this.reads.size === 0) this.schedule();
    return this.reads.add(key, markers);
  }

  hold(key: string, version: Version, holdFor: Milliseconds): Promise<Buffer | null> {
    return this.holds.add({ name: this.names.entry(key), version, life: holdFor });
  }

  mark(markers: readonly string[], life: Milliseconds): Promise<readonly MarkerValue[]> {
    const asked = this.marking.get(markers);
    if (asked !== undefined) {
      // One command serves both: for the longer of their lives, or the markers would end before entries of the other.
      for (const place of asked.places) place.life = Math.max(place.life, life);
      return asked.answer;
    }
    const places = markers.map(
      (name): Place => ({
        name: this.names.marker(name),
        version: this.versions.next() + this.versions.next(),
        life,
      }),
    );
    const answer = Promise.all(places.map((place) => this.marks.add(place))).then((values) =>
      values.map((value) => value.toString('latin1')),
    );
    this.marking.set(markers, { places, answer });
    return answer;
  }

  fill(key: string, token: Version, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    return this.fills.add({ key, token, bytes, life });
  }

  async put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    const stored = await this.puts.add({ key, token: token ?? '', bytes, life });
    const versions = stored ? [versionOf(bytes)] : undefined;
    this.log.confirmed({ kind: 'keys', change: 'dead', names: [key], versions });
    return stored;
  }

  async evict(keys: readonly string[]): Promise<void> {
    await this.log.make({ kind: 'keys', names: keys, change: 'dead' });
  }

  async expire(keys: readonly string[]): Promise<void> {
    await this.log.make({ kind: 'keys', names: keys, change: 'expired' });
  }

  async change(markers: readonly string[], change: MarkerChange): Promise<void> {
    await this.log.make({ kind: 'markers', names: markers, change });
  }

  async *scan(pattern: string): AsyncIterable<string[]> {
    const { keyPrefix } = this.connection;
    const match = this.names.entryPattern(pattern, keyPrefix);
    const matches = compilePattern(pattern);
    let cursor = '0';
    do {
      const answer = await this.connection.send('SCAN', [cursor, 'MATCH', match, 'COUNT', SCAN_COUNT]);
      const [next, found] = answer as [Buffer, Buffer[]];
      cursor = next.toString();
      const keys = found.map((name) => this.names.keyOf(name.toString(), keyPrefix)).filter(matches);
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }

  async tell(pattern: string, change: MarkerChange): Promise<void> {
    if (this.channel === '') return;
    await this.connection.send('PUBLISH', [this.channel, this.messages.pattern(change, pattern)]);
  }

  async settle(): Promise<void> {
    await this.bus?.settle();
  }

  hear(changes: RemoteChanges): void {
    this.changes = changes;
  }

  refuses(key: string, markers: readonly string[]): boolean {
    return this.log.refuses(key, markers);
  }

  stats(): RemoteStats {
    const { answered, failed, notSent, ready } = this.connection;
    const bus = this.bus?.stats(this.log.unsafe);
    return { ready, commands: { answered, failed, notSent }, undelivered: this.log.undelivered, bus };
  }

  async close(): Promise<void> {
    this.forget();
    await this.log.close();
    await this.released();
  }

  private receive(text: string): void {
    if (!this.changes || this.messages.apply(text, this.changes)) return;
    this.context.onError('bus', new Error('A message of another version cannot be read: memory begins anew.'));
    this.changes.gap();
  }

  private async sendChange({ kind, names, change, versions }: Change): Promise<void> {
    // A put of this tick was called earlier, so it is sent earlier: the change has the last word.
    this.puts.flush();
    if (kind === 'markers') {
      const values = names.map(() => this.versions.next() + this.versions.next());
      const markers = names.map((name) => this.names.marker(name));
      await this.publish(CHANGE, markers, [change, ...values], this.messages.markers(change, names));
    } else if (versions) {
      const entries = names.map((name) => this.names.entry(name));
      await this.publish(RECHECK, entries, versions, this.messages.keys(change, names, versions));
    } else if (change === 'dead') {
      await Promise.all(names.map((name) => this.evicts.add(name)));
    } else {
      const entries = names.map((name) => this.names.entry(name));
      const fresh = names.map(() => this.versions.next());
      await this.publish(EXPIRE, entries, fresh, this.messages.keys(change, names));
    }
  }

  /** Runs a script that ends with a message to the other processes. */
  private publish(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    message: string,
    ordered = false,
  ): Promise<unknown> {
    return this.connection.run(script, keys, [...args, this.channel, this.channel === '' ? '' : message], ordered);
  }

  private async sendFills(stores: Store[]): Promise<boolean[]> {
    const names = stores.map(({ key }) => this.names.entry(key));
    return flags(await this.connection.run(FILL, names, stores.flatMap(argsOf)));
  }

  private async sendPuts(stores: Store[]): Promise<boolean[]> {
    const keys = stores.map(({ key }) => key);
    const names = keys.map((key) => this.names.entry(key));
    const message = this.messages.keys(
      'dead',
      keys,
      stores.map(({ bytes }) => versionOf(bytes)),
    );
    return flags(await this.publish(PUT, names, stores.flatMap(argsOf), message, true));
  }

  private async sendPlaces<Answer>(script: typeof HOLD, places: Place[]): Promise<Answer[]> {
    const args = places.flatMap(({ version, life }) => [version, life]);
    const names = places.map((place) => place.name);
    return (await this.connection.run(script, names, args)) as Answer[];
  }

  private async sendHolds(places: Place[]): Promise<(Buffer | null)[]> {
    const answers = await this.sendPlaces<Buffer | null>(HOLD, places);
    return answers.map((found) => {
      if (found === null || found.length >= VERSION_LENGTH) return found;
      this.context.onError('hold', new Error('Something in Redis that this cache did not write was replaced.'));
      return null;
    });
  }

  private batch<Request, Answer>(
    send: (requests: Request[]) => Promise<Answer[]>,
    limit: number,
    weigh: (request: Request) => number = () => 1,
  ): Batch<Request, Answer> {
    const batch = new Batch(send, limit, weigh, () => this.schedule());
    this.batches.push(batch);
    return batch;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // After all microtasks: callers that were woken by the same answer ask together.
    process.nextTick(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    this.marking.clear();
    this.connection.together(() => {
      for (const batch of this.batches) batch.flush();
      this.sendReads();
    });
  }

  private sendReads(): void {
    const batch = this.reads;
    if (batch.size === 0) return;
    this.reads = new ReadBatch(this.names);
    void batch.send((names) => this.connection.send('MGET', names));
  }
}

/** A token may come from foreign bytes: as text it would be sent as other bytes than it was read from. */
function asBytes(token: string): string | Buffer {
  return /^[ -~]*$/.test(token) ? token : Buffer.from(token, 'latin1');
}

function argsOf({ token, bytes, life }: Store): (string | number | Buffer)[] {
  return [asBytes(token), bytes, life];
}

/** An app's own client may be one that gives numbers as text. */
function flags(answers: unknown): boolean[] {
  return (answers as unknown[]).map((answer) => Number(answer) === 1);
}

/** An entry begins with its version. */
function versionOf(bytes: string | Buffer): Version {
  const version = bytes.slice(0, VERSION_LENGTH);
  return typeof version === 'string' ? version : version.toString('latin1');
}

function sizeOf(store: Store): number {
  return store.bytes.length + 256;
}

import type { Clock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { MarkerValue } from '../../engine/entry-format.js';
import { compilePattern } from '../../engine/pattern.js';
import { VERSION_LENGTH, type Version, VersionSource } from '../../engine/version.js';
import type { MarkerChange, RemoteRead, RemoteStats, RemoteTier, RemoteTierContext } from '../tier.js';
import { Batch } from './batch.js';
import type { RedisConnection } from './connection.js';
import { RedisNames } from './names.js';
import { ReadBatch } from './read-batch.js';
import { CHANGE, EXPIRE, FILL, HOLD, MARK, PUT } from './scripts.js';
import { Undelivered } from './undelivered.js';

/** Most keys in one command: more would keep others waiting. */
const MAX_KEYS = 128;
/** Most bytes of values in one command. */
const MAX_BYTES = 256 * 1024;
const MAX_UNDELIVERED = 10_000;
const SCAN_COUNT = 500;

interface Store {
  name: string;
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
  private readonly undelivered = new Undelivered(MAX_UNDELIVERED);
  private readonly batches: { flush(): void }[] = [];
  private scheduled = false;
  private delivering = false;
  private wasReady = false;
  private closed = false;
  private readonly forget: () => void;

  constructor(
    private readonly connection: RedisConnection,
    private readonly clock: Clock,
    namespace: string,
    private readonly context: RemoteTierContext,
    private readonly released: () => Promise<void>,
  ) {
    this.names = new RedisNames(namespace);
    this.reads = new ReadBatch(this.names);
    this.wasReady = connection.ready;
    this.forget = connection.listen({
      // First on a new connection: whatever is sent after it sees its effect.
      ready: () => {
        this.wasReady = true;
        void this.deliver();
        context.onConnection(true);
      },
      lost: () => {
        if (this.wasReady) context.onConnection(false);
        this.wasReady = false;
      },
      failed: (error) => context.onError('connection', error),
    });
  }

  // In the order in which they are sent at the end of a tick.
  private readonly unlinks = this.batch<string, 1>(async (names) => {
    await this.connection.send('UNLINK', names);
    return names.map(() => 1);
  }, MAX_KEYS);
  private readonly puts = this.batch<Store, boolean>((stores) => this.sendStores(PUT, stores), MAX_BYTES, sizeOf);
  private readonly fills = this.batch<Store, boolean>((stores) => this.sendStores(FILL, stores), MAX_BYTES, sizeOf);
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
    return this.fills.add({ name: this.names.entry(key), token, bytes, life });
  }

  async put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    return this.puts.add({ name: this.names.entry(key), token: token ?? '', bytes, life });
  }

  async evict(keys: readonly string[]): Promise<void> {
    await this.deliverOrKeep('keys', keys, 'dead');
  }

  async expire(keys: readonly string[]): Promise<void> {
    await this.deliverOrKeep('keys', keys, 'expired');
  }

  async change(markers: readonly string[], change: MarkerChange): Promise<void> {
    await this.deliverOrKeep('markers', markers, change);
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

  refuses(key: string, markers: readonly string[]): boolean {
    return this.undelivered.refuses(key, markers);
  }

  stats(): RemoteStats {
    const { answered, failed, notSent, ready } = this.connection;
    return { ready, commands: { answered, failed, notSent }, undelivered: this.undelivered.size };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.forget();
    // The last chance of what was not confirmed: Redis may only have been slow.
    if (this.connection.connected) await this.deliver();
    await this.released();
  }

  private async deliverOrKeep(kind: 'keys' | 'markers', names: readonly string[], change: MarkerChange): Promise<void> {
    try {
      await this.sendChange(kind, names, change);
    } catch (error) {
      if (kind === 'keys') this.undelivered.addKeys(names, change);
      else this.undelivered.addMarkers(names, change);
      this.retryLater();
      throw error;
    }
  }

  private async sendChange(kind: 'keys' | 'markers', names: readonly string[], change: MarkerChange): Promise<void> {
    // A put of this tick was called earlier, so it is sent earlier: the change has the last word.
    this.puts.flush();
    if (kind === 'markers') {
      const values = names.map(() => this.versions.next() + this.versions.next());
      const markers = names.map((name) => this.names.marker(name));
      await this.connection.run(CHANGE, markers, [change, ...values]);
    } else if (change === 'dead') {
      await Promise.all(names.map((name) => this.unlinks.add(this.names.entry(name))));
    } else {
      const entries = names.map((name) => this.names.entry(name));
      await this.connection.run(
        EXPIRE,
        entries,
        names.map(() => this.versions.next()),
      ); // one version each
    }
  }

  /** Sends what was not delivered. One run at a time; tries again later while something is left. */
  private async deliver(): Promise<void> {
    if (this.delivering || this.undelivered.size === 0) return;
    this.delivering = true;
    try {
      await Promise.all(
        this.undelivered.groups().map(async (group) => {
          await this.sendChange(group.kind, group.names, group.change);
          this.undelivered.delivered(group);
        }),
      );
    } catch (error) {
      this.context.onError('redelivery', error);
    } finally {
      this.delivering = false;
      this.retryLater();
    }
  }

  private retrying = false;

  /** A lost connection calls back by itself; a slow one has to be asked again. */
  private retryLater(): void {
    if (this.closed || this.retrying || this.undelivered.size === 0) return;
    this.retrying = true;
    this.clock.after(500, () => {
      this.retrying = false;
      if (this.closed) return;
      if (this.connection.connected) void this.deliver();
      else this.retryLater();
    });
  }

  private async sendStores(script: typeof PUT, stores: Store[]): Promise<boolean[]> {
    const args = stores.flatMap(({ token, bytes, life }) => [asBytes(token), bytes, life]);
    const names = stores.map((store) => store.name);
    const answers = await this.connection.run(script, names, args, script === PUT);
    // An app's own client may be one that gives numbers as text.
    return (answers as unknown[]).map((answer) => Number(answer) === 1);
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

function sizeOf(store: Store): number {
  return store.bytes.length + 256;
}

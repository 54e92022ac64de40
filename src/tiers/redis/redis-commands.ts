import { FOREVER, type Milliseconds } from '../../engine/duration.js';
import { CLAIMED_STATE, type MarkerValue, REFRESHED_STATE } from '../../engine/entry-format.js';
import { VERSION_LENGTH, type Version, type VersionSource } from '../../engine/version.js';
import type { KeptAs, RemoteRead, RemoteTierContext } from '../tier.js';
import { Batch } from './batch.js';
import type { RedisConnection } from './connection.js';
import type { Change } from './delivered.js';
import type { Messages } from './messages.js';
import type { RedisNames } from './names.js';
import { ReadBatch } from './read-batch.js';
import { rereading, type Script } from './script.js';
import { ABANDON, CHANGE, CLAIM, EVICT, EXPIRE, FILL, HOLD, MARK, PUT, RECHECK } from './scripts.js';
import { SHARDED_TELL, shardedForm } from './sharded.js';

/** Most keys in one command: more would keep others waiting. */
const MAX_KEYS = 128;
/**
 * With tracking, everybody who has read a marker is told when its life is prolonged, and looks after it. So it gets more life
 * than it must have, and that not with every load.
 */
const TRACKED_MARKER_LIVES = 2;
/** Most bytes of values in one command. */
const MAX_BYTES = 256 * 1024;

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

interface Claim extends Place {
  instead: string;
  keep: KeptAs;
}

interface Abandoned {
  key: string;
  version: Version;
  failed: boolean;
}

/** What becomes of a value that is claimed, for CLAIM. */
const KEPT: Record<KeptAs, string> = { nothing: '0', stale: CLAIMED_STATE, fresh: REFRESHED_STATE };

/** What the commands of one namespace are made with. */
export interface CommandParts {
  connection: Pick<RedisConnection, 'send' | 'run' | 'together'>;
  names: RedisNames;
  versions: VersionSource;
  messages: Messages;
  /** Where changes are published; '' if nobody hears them. */
  readonly channel: string;
  /** Whether that is a sharded channel, of a node of a cluster. */
  readonly sharded?: boolean;
  /** Each command has one key only, because keys may be in different slots. What is called in one tick still travels together. */
  apart?: boolean;
  /** Whether the server tells of what was read here. */
  tracking: boolean;
  onError: RemoteTierContext['onError'];
  /** Told of puts that Redis has. */
  confirmed(change: Change): void;
}

interface Get {
  answer: Promise<Buffer | null>;
  resolve(answer: Buffer | null): void;
  reject(error: unknown): void;
}

/** The commands of one namespace. Calls of one tick travel together, writes before reads. */
export class RedisCommands {
  private readonly connection: CommandParts['connection'];
  private readonly names: RedisNames;
  private readonly versions: VersionSource;
  private readonly messages: Messages;
  private readonly tracking: boolean;
  /** With tracking: what is run instead of a script. */
  private readonly variants = new Map<Script, Script>();
  private readonly onError: RemoteTierContext['onError'];
  private readonly confirmed: CommandParts['confirmed'];
  private readonly batches: { flush(): void }[] = [];
  private scheduled = false;

  constructor(private readonly parts: CommandParts) {
    const { connection, names, versions, messages, tracking, onError, confirmed } = parts;
    this.confirmed = confirmed;
    this.connection = connection;
    this.names = names;
    this.versions = versions;
    this.messages = messages;
    this.tracking = tracking;
    this.onError = onError;
    this.reads = new ReadBatch(names);
  }

  // In the order in which they are sent at the end of a tick.
  private readonly evicts = this.batch<string, 1>(async (keys) => {
    const names = keys.map((key) => this.names.entry(key));
    if (this.channel === '') await this.connection.send('UNLINK', names);
    else await this.runAndTell(EVICT, names, [], this.messages.keys('dead', keys));
    return keys.map(() => 1);
  }, MAX_KEYS);
  private readonly puts = this.batch<Store, boolean>((stores) => this.sendPuts(stores), MAX_BYTES, sizeOf);
  private readonly fills = this.batch<Store, boolean>((stores) => this.sendFills(stores), MAX_BYTES, sizeOf);
  private readonly marks = this.batch<Place, Buffer>((places) => this.sendMarks(places), MAX_KEYS);
  private readonly claims = this.batch<Claim, Buffer | null>((claims) => this.sendClaims(claims), MAX_KEYS);
  private readonly abandons = this.batch<Abandoned, undefined>((claims) => this.sendAbandons(claims), MAX_KEYS);
  private readonly holds = this.batch<Place, Buffer | null>((places) => this.sendHolds(places), MAX_KEYS);
  private reads: ReadBatch;
  private gets = new Map<string, Get>();
  /** Lists of markers asked for in this tick: many keys have the same ones. */
  private readonly marking = new Map<readonly string[], { places: Place[]; answer: Promise<readonly MarkerValue[]> }>();

  read(key: string | undefined, markers: readonly string[]): Promise<RemoteRead> {
    // All of it, not the reads alone: an eviction of this tick must not be overtaken.
    if (this.reads.size >= MAX_KEYS) this.flush();
    if (this.reads.size === 0) this.schedule();
    return this.reads.add(key, markers);
  }

  /** Reads one name by itself, for those who cannot read several at once; after the writes of the tick. */
  get(name: string): Promise<Buffer | null> {
    let get = this.gets.get(name);
    if (!get) {
      if (this.gets.size === 0) this.schedule();
      get = newGet();
      this.gets.set(name, get);
    }
    return get.answer;
  }

  hold(key: string, version: Version, holdFor: Milliseconds): Promise<Buffer | null> {
    return this.holds.add({ name: this.names.entry(key), version, life: holdFor });
  }

  claim(
    key: string,
    version: Version,
    life: Milliseconds,
    instead: Version | undefined,
    keep: KeptAs,
  ): Promise<Buffer | null> {
    return this.claims.add({ name: this.names.entry(key), version, life, instead: instead ?? '', keep });
  }

  abandon(key: string, version: Version, failed = false): Promise<void> {
    return this.abandons.add({ key, version, failed });
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

  put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean> {
    return this.puts.add({ key, token: token ?? '', bytes, life });
  }

  /** Makes a change, and tells the others. */
  async change({ kind, names, change, versions }: Change): Promise<void> {
    // A put of this tick was called earlier, so it is sent earlier: the change has the last word.
    this.puts.flush();
    if (kind === 'markers') {
      const values = names.map(() => this.versions.next() + this.versions.next());
      const markers = names.map((name) => this.names.marker(name));
      await this.runAndTell(CHANGE, markers, [change, ...values], this.messages.markers(change, names));
    } else if (versions) {
      const entries = names.map((name) => this.names.entry(name));
      await this.runAndTell(RECHECK, entries, versions, this.messages.keys(change, names, versions));
    } else if (change === 'dead') {
      await Promise.all(names.map((name) => this.evicts.add(name)));
    } else {
      const entries = names.map((name) => this.names.entry(name));
      const fresh = names.map(() => this.versions.next());
      await this.runAndTell(EXPIRE, entries, fresh, this.messages.keys(change, names));
    }
  }

  private get channel(): string {
    return this.parts.channel;
  }

  /** Runs a script that ends with a message to the other processes. */
  private runAndTell(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    message: string,
    ordered = false,
  ): Promise<unknown> {
    const { sharded, channel } = this.parts;
    const form = sharded ? shardedForm(script) : script;
    return this.run(form, keys, [...args, channel, channel === '' ? '' : message], ordered);
  }

  /** Runs a script on entries or markers. */
  private run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
    ordered = false,
  ): Promise<unknown> {
    return this.connection.run(this.tracking ? this.variantOf(script) : script, keys, args, ordered);
  }

  private variantOf(script: Script): Script {
    let variant = this.variants.get(script);
    if (!variant) {
      variant = rereading(script);
      this.variants.set(script, variant);
    }
    return variant;
  }

  async publish(message: string): Promise<void> {
    const { sharded, channel } = this.parts;
    if (channel === '') return;
    if (sharded) await this.connection.run(SHARDED_TELL, [], [channel, message]);
    else await this.connection.send('PUBLISH', [channel, message]);
  }

  private async sendFills(stores: Store[]): Promise<boolean[]> {
    const names = stores.map(({ key }) => this.names.entry(key));
    const answers = (await this.run(FILL, names, stores.flatMap(argsOf))) as unknown[];
    this.wakeAwaited(
      answers,
      stores.map(({ key }) => key),
    );
    return answers.map((answer) => Number(answer) > 0);
  }

  private async sendAbandons(claims: Abandoned[]): Promise<undefined[]> {
    const keys = claims.map(({ key }) => key);
    const names = keys.map((key) => this.names.entry(key));
    const args = claims.flatMap(({ version, failed }) => [version, failed ? 1 : 0]);
    this.wakeAwaited((await this.run(ABANDON, names, args)) as unknown[], keys);
    return claims.map(() => undefined);
  }

  /** Wakes those who wait. If that gets lost, they look for themselves after a while. */
  private wakeAwaited(answers: readonly unknown[], keys: readonly string[]): void {
    const awaited = keys.filter((_key, i) => Number(answers[i]) === 2);
    if (awaited.length === 0) return;
    const failed = (error: unknown): void => this.onError('wake', error);
    this.publish(this.messages.wake(awaited)).catch(failed);
  }

  private async sendPuts(stores: Store[]): Promise<boolean[]> {
    const keys = stores.map(({ key }) => key);
    const names = keys.map((key) => this.names.entry(key));
    const versions = stores.map(({ bytes }) => versionOf(bytes));
    const message = this.channel === '' ? '' : this.messages.keys('dead', keys, versions);
    const answers = await this.runAndTell(PUT, names, stores.flatMap(argsOf), message, true);
    this.confirmed({ kind: 'keys', change: 'dead', names: keys, versions });
    return flags(answers);
  }

  private async sendMarks(places: Place[]): Promise<Buffer[]> {
    const lives = this.tracking ? TRACKED_MARKER_LIVES : 1;
    const args = places.flatMap(({ version, life }) => [version, life, Math.min(lives * life, FOREVER)]);
    const names = places.map((place) => place.name);
    return (await this.run(MARK, names, args)) as Buffer[];
  }

  private async sendHolds(places: Place[]): Promise<(Buffer | null)[]> {
    const args = places.flatMap(({ version, life }) => [version, life]);
    const names = places.map((place) => place.name);
    return this.withoutForeign((await this.run(HOLD, names, args)) as (Buffer | null)[]);
  }

  private async sendClaims(claims: Claim[]): Promise<(Buffer | null)[]> {
    const args = claims.flatMap(({ version, life, instead, keep }) => [version, life, asBytes(instead), KEPT[keep]]);
    const names = claims.map((claim) => claim.name);
    const noting = this.tracking ? 0 : 1;
    return this.withoutForeign((await this.run(CLAIM, names, [...args, noting])) as (Buffer | null)[]);
  }

  private withoutForeign(answers: (Buffer | null)[]): (Buffer | null)[] {
    return answers.map((found) => {
      if (found === null || found.length >= VERSION_LENGTH) return found;
      this.onError('hold', new Error('Something in Redis that this cache did not write was replaced.'));
      return null;
    });
  }

  private batch<Request, Answer>(
    send: (requests: Request[]) => Promise<Answer[]>,
    limit: number,
    weigh: (request: Request) => number = () => 1,
  ): Batch<Request, Answer> {
    // Something that is over every limit travels by itself.
    const weight = (request: Request): number => (this.parts.apart ? Number.POSITIVE_INFINITY : weigh(request));
    const batch = new Batch(send, limit, weight, () => this.schedule());
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
    if (this.gets.size > 0) this.sendGets();
    const batch = this.reads;
    if (batch.size === 0) return;
    this.reads = new ReadBatch(this.names);
    void batch.send((names) => this.connection.send('MGET', names));
  }

  private sendGets(): void {
    const { gets } = this;
    this.gets = new Map();
    for (const [name, { resolve, reject }] of gets) {
      this.connection.send('GET', [name]).then((found) => resolve(found as Buffer | null), reject);
    }
  }
}

function newGet(): Get {
  let settle!: Pick<Get, 'resolve' | 'reject'>;
  const answer = new Promise<Buffer | null>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { answer, ...settle };
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

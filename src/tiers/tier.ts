import type { Clock } from '../engine/clock.js';
import type { Duration, Milliseconds } from '../engine/duration.js';
import type { MarkerValue } from '../engine/entry-format.js';
import type { Version, VersionSource } from '../engine/version.js';

/** What an entry must tell a memory store. */
export interface Sized {
  /** Estimated bytes. */
  readonly bytes: number;
}

/**
 * The first tier: inside the process, synchronous, bounded. It keeps and drops entries; whether one may still be served
 * is the engine's business.
 */
export interface MemoryStore<Entry extends Sized> {
  /** Counts as a use for the eviction policy. */
  get(key: string): Entry | undefined;
  /** Like `get`, but no use. */
  peek(key: string): Entry | undefined;
  /** May evict others, or refuse an entry that alone is over the bound (then an older one of this key is gone too). */
  set(key: string, entry: Entry): void;
  delete(key: string): boolean;
  clear(): void;
  /** May be walked over several turns, while entries come and go: what stays is seen once. */
  keys(): Iterable<string>;
  readonly size: number;
  /** Sum of the entries' estimates; 0 if the store has no bound on bytes. */
  readonly bytes: number;
  /** How many entries left because there was no room. */
  readonly evictions: number;
}

/** What a read brings: the bytes under the key, and the markers in the order asked for. `null`: not there. */
export interface RemoteRead {
  readonly entry: Buffer | null;
  readonly markers: readonly (MarkerValue | null)[];
}

export type MarkerChange = 'dead' | 'expired';

/** What becomes of a value that somebody claims: it goes, stays as stale, or stays as it is. */
export type KeptAs = 'nothing' | 'stale' | 'fresh';

/** What a tier hears of changes that other processes made. A message never teaches a value, it only makes forget. */
export interface RemoteChanges {
  /** `version`: what the key has now, if the change was a put. */
  key(key: string, change: MarkerChange, version: Version | undefined): void;
  /** Something was done to a key, it is not known what: a change, a load, its end. */
  touched(key: string): void;
  marker(name: string, change: MarkerChange): void;
  /** Keys that match a pattern with `*` and `?`. */
  pattern(pattern: string, change: MarkerChange): void;
  /** Anything may have been changed without our hearing of it. */
  gap(): void;
}

/** How long memory may be believed. */
export interface Trust {
  /** By `clock.now()`. Until then every change that ended more than `bound` ago has been heard. */
  readonly until: Milliseconds;
  /** Longest time for which memory may answer with what others have changed. */
  readonly bound: Milliseconds;
  /** Changes by other programs are heard, too, but only of keys that were read from the tier. Absent: they are not heard. */
  readonly tracks?: boolean;
}

/**
 * The second tier: shared by processes, asynchronous, may be away. Every method settles within the tier's deadline and
 * rejects with `CacheUnavailableError` when the tier cannot be asked. It compares versions and knows nothing else about
 * the bytes. See docs/coherence.md for why it has these operations.
 */
export interface RemoteTier {
  /**
   * Reads of one tick travel together. Without a key: markers only. `of`: the key whose markers they are, for tiers where markers
   * are in several places.
   */
  read(key: string | undefined, markers: readonly string[], of?: string): Promise<RemoteRead>;
  /**
   * Places the hold `version` if there is nothing under the key; what is there otherwise (a hold or value of somebody
   * else). `null`: our hold is there now.
   */
  hold(key: string, version: Version, holdFor: Milliseconds): Promise<Buffer | null>;
  /**
   * The right to load for all processes: places a claim if nothing is there, or still the version `instead`; `keep` says what
   * becomes of a value that has it. `null`: it is ours; else what is there. Never without a bus.
   */
  claim(
    key: string,
    version: Version,
    life: Milliseconds,
    instead: Version | undefined,
    keep: KeptAs,
  ): Promise<Buffer | null>;
  /**
   * Gives claims up: who waits for them tries to get them. Their versions may still be used to store. `failed`: a value
   * stays claimed, but nobody waits for it any more; until it is abandoned once more.
   */
  abandon(key: string, version: Version, failed?: boolean): Promise<void>;
  /** Whether the process that made a version, which is that of a key, is still there, as far as can be told. `of`: as in `read`. */
  alive(version: Version, of?: string): Promise<boolean>;
  /**
   * Waits until something happens to a key that somebody else has claimed; at most for a while. Whether to go on waiting: false
   * if the process that has the claim is not there any more.
   */
  wait(key: string, claim: Version): Promise<boolean>;
  /** Whether processes hear of each other, so that they can wait for each other. */
  readonly shared: boolean;
  /** Makes the versions of this process. */
  readonly versions: VersionSource;
  /** Reads markers, in their order, making those that do not exist. They live for at least `life` from now. `of`: as in `read`. */
  mark(markers: readonly string[], life: Milliseconds, of?: string): Promise<readonly MarkerValue[]>;
  /** Stores if the key still has the version `token`; answers whether it did. Otherwise changes nothing. */
  fill(key: string, token: Version, bytes: string | Buffer, life: Milliseconds): Promise<boolean>;
  /**
   * Stores, or with a `token` only if the key still has it; else removes what is there. An unanswered put is delivered
   * later as an eviction.
   */
  put(key: string, token: Version | undefined, bytes: string | Buffer, life: Milliseconds): Promise<boolean>;
  /** Removes keys. When it rejects, it is delivered as soon as the tier can be reached again. */
  evict(keys: readonly string[]): Promise<void>;
  /** Gives values a new version and marks them expired; holds are removed. Delivered later like `evict`. */
  expire(keys: readonly string[]): Promise<void>;
  /** Gives markers a new version. Delivered later like `evict`. */
  change(markers: readonly string[], change: MarkerChange): Promise<void>;
  /** Keys that match a pattern with `*` and `?`, in batches, without blocking the server. */
  scan(pattern: string): AsyncIterable<string[]>;
  /** Tells other processes to drop what matches from their memories. Not delivered later: they would have to ask anyway. */
  tell(pattern: string, change: MarkerChange): Promise<void>;
  /** Waits until everything that others had changed when it was called has been heard; false if that is not known. */
  settle(): Promise<boolean>;
  /** From now on changes of others are told to `changes`. */
  hear(changes: RemoteChanges): void;
  readonly trust: Trust;

  /** True while a change of this key or one of these markers is not delivered: what the tier says about them is not believed. */
  refuses(key: string, markers: readonly string[]): boolean;

  /** Which server has a key, where there are several. */
  nodeOf?(key: string): string | undefined;

  stats(): RemoteStats;
  close(): Promise<void>;
}

export interface RemoteStats {
  /** Whether commands are sent at the moment. */
  ready: boolean;
  /** Commands that were answered, failed, or were not sent because the connection was down or the breaker open. */
  commands: { answered: number; failed: number; notSent: number };
  /** Changes that wait for redelivery. */
  undelivered: number;
  /** How the process hears of changes that others make; `undefined` if it does not. */
  bus: BusStats | undefined;
  /** Of a cluster: its masters. */
  nodes?: readonly RemoteNodeStats[];
}

/** A master of a cluster. */
export interface RemoteNodeStats {
  /** `host:port`, as the cluster calls it. */
  node: string;
  /** Whether commands are sent to it at the moment. */
  ready: boolean;
  /** Whether what it tells is heard: the lease of memory needs that of all masters. */
  lease: boolean;
  /** How many slots it has. */
  slots: number;
}

export interface BusStats {
  /** Whether memory may be believed at the moment. */
  lease: boolean;
  /** How long the last echo took: what was said to Redis until it was heard here. `undefined` before the first one. */
  lag: Milliseconds | undefined;
  /** Messages heard from others. */
  heard: number;
  /** How often messages may have been missed, so that memory began anew. */
  gaps: number;
  /** Changes that Redis confirmed and that are made again if it turns out to have lost its last writes. */
  unsafe: number;
}

/** How an engine gets its remote tier: one connection serves several caches, each in its own namespace. */
export interface RemoteTierFactory {
  open(namespace: string, clock: Clock, context: RemoteTierContext): OpenedTier;
  /** The server itself, for parts that keep more in it than a cache. Absent in tiers that are no Redis. */
  server?(clock: Clock, commandTimeout: Milliseconds): RemoteServer;
}

/** A server with scripts, on a connection of its own: what the cache sends does not wait behind it. */
export interface RemoteServer {
  /** Whether there is a connection; in a cluster: to all masters. */
  readonly ready: boolean;
  /** What the client puts in front of every key; '' if nothing. */
  readonly keyPrefix: string;
  /** Waits for the first connection, within a deadline; whether it is there. */
  connect(): Promise<boolean>;
  /** Rejects with `CacheUnavailableError` when there is no answer in time, no connection, or an error. Texts come as buffers. */
  send(command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Asks the server that has a key for something that is not about keys. */
  askFor(key: string, command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Asks every server there is. */
  askAll(command: string, args: readonly (string | number)[]): Promise<unknown[]>;
  /** Runs a script. `ordered`: it fails rather than being overtaken by what is sent later. */
  run(
    script: { source: string; sha: string },
    keys: readonly string[],
    args: readonly (string | number)[],
    ordered?: boolean,
  ): Promise<unknown>;
  /** Sends in one write to the network what `send` sends. */
  together(send: () => void): void;
  /** A further connection for a library that needs one of its own; the caller ends it. */
  duplicate(options: Readonly<Record<string, unknown>>): unknown;
  close(): Promise<void>;
}

/** A remote tier in one namespace. */
export interface OpenedTier {
  readonly remote: RemoteTier;
  readonly atomics: SharedAtomics;
  /** Waits for the first connection, within a deadline; whether it is there. Rejects only if the tier is `required`. */
  start(): Promise<boolean>;
}

export interface RemoteTierContext {
  /** Something happened that no caller sees. */
  onError(operation: string, error: unknown): void;
  onConnection(ready: boolean): void;
}

/** A lock that ends by itself. */
export interface Lease {
  /** Aborted when the lease is lost or released: what it protects must stop. */
  readonly signal: AbortSignal;
  /** Whether it is ours at this moment. After the process stood still this is right at once; `signal` only when its timer has run. */
  readonly held: boolean;
  /**
   * Prolongs it to `ttl` from now; true if it still was ours. `false`: it is over, and `signal` aborts. Rejects with
   * `CacheUnavailableError` when Redis does not answer; then it is held until its end.
   */
  renew(ttl: Duration): Promise<boolean>;
  /** Gives it back; true if it still was ours. */
  release(): Promise<boolean>;
}

export interface RateLimitResult {
  allowed: boolean;
  /** How many more are allowed now. */
  remaining: number;
  /** Milliseconds until the window is empty again. */
  resetIn: Milliseconds;
}

/** Counters, leases and rate limits: each call is one atomic step. Not cached values: `get` does not see them. */
export interface SharedAtomics {
  /** Adds and answers the new value. `ttl` counts from the call that made the counter. */
  increment(key: string, by: number, ttl: Milliseconds | undefined): Promise<number>;
  /** Takes the lock for `ttl` under `token` if it is free. */
  acquire(key: string, token: string, ttl: Milliseconds): Promise<boolean>;
  /** Prolongs the lock to `ttl` from now if it still has this token. */
  renew(key: string, token: string, ttl: Milliseconds): Promise<boolean>;
  release(key: string, token: string): Promise<boolean>;
  rateLimit(key: string, limit: number, window: Milliseconds): Promise<RateLimitResult>;
  /** Forgets counters and rate limits of these names. */
  forget(keys: readonly string[]): Promise<void>;
}

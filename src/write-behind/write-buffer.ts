import type { Milliseconds } from '../engine/duration.js';

/** Version of a key's write: digits, growing with every write of the key. Compared for equality only, so a text is enough. */
export type WriteVersion = string;

/** What a key's state was when it was read; a write that expects it is refused once anything changed. */
export type KeyState = string;

export type WriteOperation = 'upsert' | 'delete';

/** A write on its way into the buffer, encoded. */
export interface Write {
  /** The row's id as text: one text for each row of the table. */
  key: string;
  operation: WriteOperation;
  /** JSON text: the whole row by column, or of a delete the columns of the id. */
  payload: string;
  /** Of a row whose copy for readers gets the write's version: what stands before it, see `withVersion`. */
  label?: string | undefined;
  /** The write is taken only if the key still is in this state. */
  expected?: KeyState | undefined;
  /** Due at once instead of after the flush delay. */
  urgent?: boolean;
}

/** How soon somebody should flush the shard because of a write; `no`: somebody was told already. */
export type Wake = 'no' | 'later' | 'now';

/** What became of a write. `full`: there is no room for another key. `conflict`: the key is in another state than expected. */
export type Marked =
  | { status: 'marked'; version: WriteVersion; wake: Wake }
  | { status: 'full' }
  | { status: 'conflict' };

/** A write that was acknowledged and is not in the database yet. */
export interface PendingWrite {
  key: string;
  version: WriteVersion;
  operation: WriteOperation;
  payload: string;
}

/** What the buffer knows of a key. */
export type KeyReading =
  /** Not in the database yet; of a delete the payload has no row. */
  | { kind: 'pending'; state: KeyState; write: PendingWrite }
  /** A copy of what the database has; `null`: it has no such row. */
  | { kind: 'cached'; state: KeyState; payload: string | null }
  /** The database must be asked. Without a state there is no room to remember the answer. */
  | { kind: 'absent'; state: KeyState | undefined };

/** What a load found in the database. Kept only if the key still is in the state in which it was read. */
export interface Fill {
  key: string;
  state: KeyState;
  payload: string | null;
}

/** The right to flush a shard for a while, and what to flush. */
export type Claim =
  | { status: 'claimed'; epoch: number; writes: PendingWrite[] }
  /** Somebody else flushes. */
  | { status: 'refused' };

export interface ClaimOptions {
  owner: string;
  /** How long the right lasts. */
  lease: Milliseconds;
  /**
   * Most writes. 0 only renews the lease, also one that has ended; it is refused if anybody else claimed the shard since
   * (or released it), as what was claimed before may be out of date then.
   */
  limit: number;
  /** Writes due within this time from now are taken too. */
  ahead: Milliseconds;
  /** The epoch must be at least this: the database knows a newer one than the buffer. */
  epochAtLeast?: number;
}

/** A write that the database refused. `order`: it may succeed once another row is there (foreign key, unique value). */
export interface Failure {
  key: string;
  version: WriteVersion;
  kind: 'data' | 'order';
  /** The database's message, for the dead letter. */
  error: string;
}

/** What became of a failed write: tried again, moved to the dead letters, or `gone` because a newer one took its place. */
export type Failed = { result: 'retry' | 'dead' | 'gone'; attempts: number };

/** An acknowledged write that the database refused for good. */
export interface BufferedLetter extends PendingWrite {
  error: string;
  attempts: number;
  /** Milliseconds since 1970, by the buffer's clock. */
  at: Milliseconds;
}

export interface ShardStats {
  /** Keys that are not in the database yet. */
  dirty: number;
  deadLetters: number;
  /** Bytes of dirty keys and dead letters. */
  bytes: number;
  /** How long the longest waiting key is overdue; 0 if none is. */
  lag: Milliseconds;
  /** Writes acknowledged, rows written, since the shard exists. */
  marked: number;
  flushed: number;
}

/** How writes are kept until the database has them; the same for all shards. */
export interface BufferOptions {
  shards: number;
  /** Until a write is due. */
  flushDelay: Milliseconds;
  /** How much later than due a wake-up may come before the next write wakes again. */
  grace: Milliseconds;
  /** So many dirty keys of a shard are flushed at once. */
  batchSize: number;
  /** Most keys (dirty and dead letters) of a shard, and most bytes of them. */
  maxEntries: number;
  maxBytes: number;
  /** Attempts of a row before it becomes a dead letter. */
  rowAttempts: number;
  /** How long a row waits for another one that it refers to. */
  constraintRetry: Milliseconds;
  /** Life of cached rows; 0: none are kept. */
  cacheTtl: Milliseconds;
  /** Whether a dead letter's row is still served from the cache. */
  keepDeadValues: boolean;
}

/**
 * Keeps acknowledged writes of one entity until the database has them. In Redis (durable, shared by processes) or in
 * memory; both keep the contract of test/write-behind/buffer-contract.ts. Every method rejects when the buffer cannot be
 * asked, and then it is unknown whether it took effect; repeating a call is safe.
 *
 * Guarantees: a write leaves only by `ack` or `fail` with its own version; versions of a key grow; one owner at a time
 * holds a shard's claim, and each claim of another owner has a higher epoch, also after the buffer has lost its memory.
 */
export interface WriteBuffer {
  /** Makes it ready, and checks what it finds against the options. Throws `CacheOptionsError`. */
  start(): Promise<void>;
  /** Writes to keys of one shard; of two writes to one key the later one counts. */
  write(shard: number, writes: readonly Write[]): Promise<Marked[]>;
  read(shard: number, keys: readonly string[]): Promise<KeyReading[]>;
  fill(shard: number, fills: readonly Fill[]): Promise<void>;
  /** Forgets copies of what the database has, not pending writes. */
  forget(shard: number, keys: readonly string[]): Promise<void>;
  /** The versions of dirty keys; `null` for keys that are not dirty. Without keys: all dirty keys of the shard. */
  dirty(shard: number, keys?: readonly string[]): Promise<Map<string, WriteVersion>>;
  /** Makes dirty keys due at once, these or all of the shard; not those that wait after a refusal. */
  hasten(shard: number, keys?: readonly string[]): Promise<void>;
  claim(shard: number, options: ClaimOptions): Promise<Claim>;
  /** The database has them. A key that was written again meanwhile stays dirty. */
  ack(shard: number, writes: readonly Pick<PendingWrite, 'key' | 'version'>[]): Promise<void>;
  fail(shard: number, failures: readonly Failure[]): Promise<Failed[]>;
  /** Gives the claim back. Answers when the next write is due, at the earliest `after`; `undefined`: none is left. */
  release(shard: number, owner: string, after?: Milliseconds): Promise<Milliseconds | undefined>;
  /** How long until the first write is due (negative: overdue); `undefined`: nothing is dirty. */
  dueIn(shard: number): Promise<Milliseconds | undefined>;
  letters(shard: number, keys?: readonly string[]): Promise<BufferedLetter[]>;
  /** Makes dead letters dirty again, all or these; those whose key has a newer write are dropped. Answers how many. */
  replay(shard: number, keys?: readonly string[]): Promise<number>;
  /** Deletes dead letters. Answers how many. */
  discard(shard: number, keys: readonly string[]): Promise<number>;
  stats(shard: number): Promise<ShardStats>;
  /** Waits until so many replicas have what was written to a shard so far; answers how many do after `timeout`. */
  replicated(shard: number, replicas: number, timeout: Milliseconds): Promise<number>;
}

import type { Duration, Milliseconds } from '../engine/duration.js';

/**
 * How far a write has come when its promise resolves. `'queued'` (default): Redis has it (in a cache without Redis: the
 * process has it). `'replicated'`: so many replicas of Redis have it, too (option `replicas`). `'persisted'`: Postgres has it.
 */
export type Durability = 'queued' | 'replicated' | 'persisted';

export interface WriteOptions {
  durability?: Durability;
  /** How long to wait: for room when the buffer is full, and for the durability. Default: option `writeTimeout`. */
  timeout?: Duration;
}

export interface WriteReceipt {
  /** Grows with every write of the row. */
  version: bigint;
}

/** A write that the database refused for good; what it would have written is kept. */
export interface DeadLetter<Row, Id> {
  id: Id;
  operation: 'put' | 'delete';
  /** Absent for a delete. */
  row?: Row;
  version: bigint;
  /** What the database said. */
  error: string;
  attempts: number;
  at: Date;
}

export interface DeadLetters<Row, Id> {
  list(): Promise<DeadLetter<Row, Id>[]>;
  /** Writes them again, all or these. A row that was written since then is left as it is. Answers how many are on their way. */
  replay(ids?: readonly Id[]): Promise<number>;
  /** Deletes them: these writes are lost, because you say so. Answers how many. */
  discard(ids: readonly Id[]): Promise<number>;
}

export interface WriteBehindStats {
  /** Rows that are acknowledged and not in Postgres yet. */
  dirty: number;
  deadLetters: number;
  /** Bytes of both. */
  bytes: number;
  /** How long the longest waiting row is overdue: near 0 while the database keeps up. */
  lag: Milliseconds;
  /** Since the buffer exists, by all processes: writes acknowledged, and rows written. Their ratio is the coalescing factor. */
  writes: number;
  rows: number;
  /** By this process since it started. */
  batches: number;
  /** Rows per second of this process while it wrote. */
  rowsPerSecond: number;
  /** Batches tried again because the database did not take them for reasons of its own. */
  retries: number;
  /** Writes that were not written, because the row's version in Postgres was higher (option `versionField`). */
  outdated: number;
  /** Why this process does not flush at the moment. */
  paused?: string;
}

/**
 * Rows of one table, written to the buffer at once and to Postgres in batches. Reads see every acknowledged write. Inject
 * it with `@InjectWriteBehind('Product')`. `Written`: the row as callers write it, where that is another one: with
 * `versionField: 'version'` it may be `Omit<Row, 'version'>`.
 */
export interface WriteBehind<Row, Id, Written = Row> {
  /** The row as it was last written, wherever it is now; `null` if there is none. A copy of its own for each caller. */
  get(id: Id): Promise<Row | null>;
  /** Rows by the order of the ids. */
  getMany(ids: readonly Id[]): Promise<(Row | null)[]>;
  /** Writes the whole row, new or not. Takes the last place in the order of the row's writes. */
  put(row: Written, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * Reads, changes, and writes if nobody else wrote meanwhile; else again with the newer row, so `change` may run several
   * times. Throws `WriteBehindConflictError` if there is no such row.
   */
  patch(id: Id, change: (row: Row) => Written | Promise<Written>, options?: WriteOptions): Promise<Row>;
  delete(id: Id, options?: WriteOptions): Promise<WriteReceipt>;
  /** Resolves when what is pending now (of these ids, or all of it) is in Postgres or a dead letter. */
  flush(options?: { ids?: readonly Id[]; timeout?: Duration }): Promise<void>;
  /** Forgets copies of rows that somebody else changed in the database; pending writes stay. */
  forget(ids: readonly Id[]): Promise<void>;
  stats(): Promise<WriteBehindStats>;
  readonly deadLetters: DeadLetters<Row, Id>;
}

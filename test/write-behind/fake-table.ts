import type { DatabaseErrors } from '../../src/write-behind/flusher.js';
import { type Encoded, type ErrorClass, FencedError, type Table } from '../../src/write-behind/table.js';
import { WriteBehindRowError } from '../../src/write-behind/write-behind.errors.js';
import type { PendingWrite } from '../../src/write-behind/write-buffer.js';
import { type Deferred, deferred } from '../engine/embedded-cache.js';

/** A row of the fake table. */
export interface Item {
  id: string;
  n: number;
}

/** What the fake database throws: it says itself what it means. */
export class DatabaseError extends Error {
  constructor(
    readonly kind: ErrorClass,
    message: string = kind,
  ) {
    super(message);
  }
}

export const databaseErrors: DatabaseErrors = {
  classify: (error) => (error instanceof DatabaseError ? error.kind : 'transient'),
  messageOf: (error) => (error instanceof Error ? error.message : String(error)),
};

/**
 * Where a transaction can be stopped or fail: before its first statement, once it holds the shard's fence, or after it
 * was committed and before anybody knows.
 */
export type Point = 'begin' | 'inside' | 'committed';

export interface Transaction {
  shard: number;
  epoch: number;
  writes: readonly PendingWrite[];
  careful: boolean;
  keys: string[];
  outcome: 'open' | 'committed' | 'fenced' | 'failed';
}

/** A transaction that stands still until the spec says so. */
export interface Stall {
  reached: Promise<void>;
  go(error?: Error): void;
}

/** A table in memory, with fences as in SQL: the row of a shard's epoch is locked until its transaction ends. */
export class FakeTable implements Table {
  readonly rows = new Map<string, string>();
  readonly epochs = new Map<number, number>();
  /** As they were begun. */
  readonly transactions: Transaction[] = [];
  /** As they were committed. */
  readonly committed: Transaction[] = [];
  readonly loads: string[][] = [];
  versionLabel: string | undefined;
  /** Keys whose rows are newer than any write. */
  readonly newer = new Set<string>();
  pings = 0;
  refreshes = 0;
  /** What the database has against a row; `undefined`: nothing. */
  objection: (write: PendingWrite) => DatabaseError | undefined = () => undefined;
  /** Called at each point of each transaction; what it throws ends the transaction. */
  hook: (point: Point, transaction: Transaction) => Promise<void> | void = () => undefined;
  /** Called with each load, after it has read its rows; what it throws fails the load. */
  loadHook: (ids: readonly string[]) => Promise<void> | void = () => undefined;
  private readonly locks = new Map<number, Promise<void>>();
  private readonly failures: Error[] = [];
  private readonly stalls: { point: Point; reached: Deferred<void>; end: Deferred<void> }[] = [];

  /** The next transactions fail with these. */
  fail(...errors: Error[]): void {
    this.failures.push(...errors);
  }

  /** Takes back all failures that have not happened yet. */
  forgive(): void {
    this.failures.length = 0;
  }

  /** The next transaction that comes to this point stands still there. */
  stall(point: Point): Stall {
    const stall = { point, reached: deferred<void>(), end: deferred<void>() };
    this.stalls.push(stall);
    stall.end.promise.catch(() => undefined); // it may be told to fail before anybody comes there
    return {
      reached: stall.reached.promise,
      go: (error) => (error ? stall.end.reject(error) : stall.end.resolve()),
    };
  }

  refuse(kind: ErrorClass, ...keys: string[]): void {
    this.objection = ({ key }) => (keys.includes(key) ? new DatabaseError(kind, `bad row ${key}`) : undefined);
  }

  row(id: string): Item | null {
    const payload = this.rows.get(id);
    return payload === undefined ? null : (JSON.parse(payload) as Item);
  }

  /** The keys of each transaction that was committed. */
  get batches(): string[][] {
    return this.committed.map(({ keys }) => keys);
  }

  encode(row: unknown): Encoded {
    const { id, n } = row as Partial<Item>;
    if (typeof n !== 'number') throw new WriteBehindRowError('Item', [{ option: 'n', remedy: 'Use a number.' }]);
    return { key: this.encodeId(id).key, payload: JSON.stringify({ id, n }) };
  }

  encodeId(id: unknown): Encoded {
    if (typeof id !== 'string') throw new WriteBehindRowError('Item', [{ option: 'id', remedy: 'Use a text.' }]);
    return { key: id, payload: JSON.stringify({ id }) };
  }

  decode(payload: string): object {
    return JSON.parse(payload) as object;
  }

  idOf(payload: string): unknown {
    return (JSON.parse(payload) as Item).id;
  }

  async load(ids: readonly string[]): Promise<(string | null)[]> {
    const keys = ids.map((id) => this.idOf(id) as string);
    this.loads.push(keys);
    const rows = keys.map((key) => this.rows.get(key) ?? null);
    await this.loadHook(keys);
    return rows;
  }

  async write(shard: number, epoch: number, writes: readonly PendingWrite[], careful = false): Promise<string[]> {
    const keys = writes.map(({ key }) => key);
    const transaction: Transaction = { shard, epoch, writes, careful, keys, outcome: 'open' };
    this.transactions.push(transaction);
    try {
      await this.reach('begin', transaction);
      await this.exclusively(shard, () => this.commit(transaction));
    } catch (error) {
      transaction.outcome = error instanceof FencedError ? 'fenced' : 'failed';
      throw error;
    }
    await this.reach('committed', transaction);
    return keys.filter((key) => this.newer.has(key));
  }

  async refresh(): Promise<void> {
    this.refreshes++;
  }

  async ping(): Promise<void> {
    this.pings++;
  }

  private async commit(transaction: Transaction): Promise<void> {
    const { shard, epoch, writes } = transaction;
    const known = this.epochs.get(shard) ?? 0;
    if (known > epoch) throw new FencedError(known);
    await this.reach('inside', transaction);
    const failure = this.failures.shift();
    if (failure) throw failure;
    for (const write of writes) {
      const objection = this.objection(write);
      if (objection) throw objection;
    }
    for (const { key, operation, payload } of writes) {
      if (this.newer.has(key)) continue;
      if (operation === 'upsert') this.rows.set(key, payload);
      else this.rows.delete(key);
    }
    this.epochs.set(shard, epoch);
    transaction.outcome = 'committed';
    this.committed.push(transaction);
  }

  /** Who comes later waits for the lock, and then sees what was committed. */
  private async exclusively(shard: number, work: () => Promise<void>): Promise<void> {
    const before = this.locks.get(shard) ?? Promise.resolve();
    const mine = before.then(work);
    this.locks.set(
      shard,
      mine.catch(() => undefined),
    );
    return mine;
  }

  private async reach(point: Point, transaction: Transaction): Promise<void> {
    const at = this.stalls.findIndex((stall) => stall.point === point);
    const [stall] = at < 0 ? [] : this.stalls.splice(at, 1);
    stall?.reached.resolve();
    await stall?.end.promise;
    await this.hook(point, transaction);
  }
}

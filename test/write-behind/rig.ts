import type { Duration } from '../../src/engine/duration.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { DatabaseGate } from '../../src/write-behind/database-gate.js';
import { BufferedEntity, type EntitySettings } from '../../src/write-behind/entity.js';
import { Flusher, type FlusherOptions, type FlushReport } from '../../src/write-behind/flusher.js';
import { MemoryBuffer } from '../../src/write-behind/memory-buffer.js';
import { shardOf } from '../../src/write-behind/shard-of.js';
import type { ErrorClass, Table } from '../../src/write-behind/table.js';
import { TimerWakeUps, type Work } from '../../src/write-behind/wake-ups.js';
import type { WriteBehind } from '../../src/write-behind/write-behind.js';
import type { BufferOptions, Marked, PendingWrite, Write, WriteBuffer } from '../../src/write-behind/write-buffer.js';
import { settled } from '../engine/embedded-cache.js';
import { databaseErrors, FakeTable, type Item } from './fake-table.js';

export const LEASE = 10_000;

export const bufferOptions: BufferOptions = {
  shards: 1,
  flushDelay: 100,
  grace: 1_000,
  batchSize: 10,
  maxEntries: 1_000,
  maxBytes: 1_000_000,
  rowAttempts: 3,
  constraintRetry: 60_000,
  cacheTtl: 300_000,
  keepDeadValues: false,
};

type Method = (...args: unknown[]) => unknown;

export interface RigOptions {
  buffer?: Partial<BufferOptions>;
  entity?: Partial<EntitySettings>;
  /** What stands between the processes and the buffer: for faults, or to look on. */
  through?: (buffer: WriteBuffer) => WriteBuffer;
}

/** What a flusher told, in words. */
export class Reports implements FlushReport {
  batches: number[] = [];
  retries: ErrorClass[] = [];
  letters: string[] = [];
  late = 0;

  outdated(rows: number): void {
    this.late += rows;
  }

  batch(rows: number): void {
    this.batches.push(rows);
  }

  retry(kind: ErrorClass): void {
    this.retries.push(kind);
  }

  letter({ key }: PendingWrite, reason: string): void {
    this.letters.push(`${key}: ${reason}`);
  }
}

/** One process as the runtime puts it together: an entity, its flusher, a gate, wake-ups by timers. */
export class Process implements Work {
  readonly reports = new Reports();
  readonly wakes: string[] = [];
  readonly gate: DatabaseGate;
  readonly flusher: Flusher;
  readonly wakeUps: TimerWakeUps;
  private readonly buffered: BufferedEntity;
  readonly entity: WriteBehind<Item, string>;
  /** What the flusher's random source answers. */
  share = 0;
  flushes = 0;

  constructor(
    private readonly rig: Rig,
    name: string,
    private readonly table: Table,
    parents?: FlusherOptions['parents'],
  ) {
    const { buffer, clock, options } = rig;
    this.gate = new DatabaseGate(
      clock,
      () => table.ping(),
      () => void this.sweep(true),
    );
    const { batchSize, flushDelay, shards } = rig.bufferOptions;
    const own = { batchSize, flushDelay, lease: LEASE, id: name, clock, random: () => this.share, parents };
    this.flusher = new Flusher(buffer, table, this.gate, databaseErrors, this.reports, own);
    this.wakeUps = new TimerWakeUps(clock);
    const settings = { name: 'Item', shards, overflow: 'block', writeTimeout: 5_000, replicas: 1 } as const;
    this.buffered = new BufferedEntity(
      buffer,
      () => table,
      {
        clock,
        wake: (shard, when) => {
          this.wakes.push(when);
          this.wakeUps.wake('Item', shard, when === 'now' ? 0 : flushDelay);
        },
        flush: (shard) => this.flush('Item', shard, true),
        figures: () => ({
          batches: this.reports.batches.length,
          rowsPerSecond: 0,
          retries: 0,
          outdated: this.reports.late,
          paused: this.flusher.paused,
        }),
      },
      { ...settings, ...options.entity },
    );
    this.entity = this.buffered as unknown as WriteBehind<Item, string>;
  }

  /** From now on its wake-ups flush. */
  start(): this {
    void this.wakeUps.start(this);
    return this;
  }

  close(): void {
    this.buffered.close();
  }

  pending(id: string): Promise<object | null | undefined> {
    return this.buffered.pending(id);
  }

  knows(entity: string): boolean {
    return entity === 'Item';
  }

  async flush(_entity: string, shard: number, force = false): Promise<void> {
    this.flushes++;
    if (force && this.flusher.paused !== undefined) await this.unpause();
    const dueIn = await this.flusher.flush(shard, force).catch(() => undefined);
    if (dueIn !== undefined) this.wakeUps.wake('Item', shard, dueIn);
  }

  async sweep(all = false): Promise<void> {
    const { buffer, bufferOptions } = this.rig;
    const { shards, flushDelay, grace } = bufferOptions;
    if (this.flusher.paused !== undefined) await this.unpause();
    for (let shard = 0; shard < shards; shard++) {
      const due = await buffer.dueIn(shard);
      if (due !== undefined && (all || due < -Math.min(flushDelay, grace))) await this.flush('Item', shard);
    }
  }

  private async unpause(): Promise<void> {
    await this.table.refresh();
    this.flusher.paused = undefined;
  }
}

/** A buffer, a table, a clock, and as many processes as a spec wants. */
export class Rig {
  readonly clock = new FakeClock();
  readonly table = new FakeTable();
  readonly bufferOptions: BufferOptions;
  readonly buffer: WriteBuffer;
  private memory: WriteBuffer;
  private made = 0;

  constructor(readonly options: RigOptions = {}) {
    this.bufferOptions = { ...bufferOptions, ...options.buffer };
    this.memory = this.empty();
    const present = new Proxy({} as WriteBuffer, {
      get: (spied, name) => Reflect.get(spied, name) ?? (Reflect.get(this.memory, name) as Method).bind(this.memory),
    });
    this.buffer = options.through?.(present) ?? present;
  }

  /** As a Redis that comes back without its data. */
  loseMemory(): void {
    this.memory = this.empty();
  }

  /** @param table if it sees the table in another way than the others */
  process(table: Table = this.table, parents?: FlusherOptions['parents']): Process {
    return new Process(this, `p${++this.made}`, table, parents);
  }

  /** Lets what was begun go as far as it can, and then time go by. */
  async pass(by: Duration): Promise<void> {
    await settled();
    await this.clock.advance(by);
  }

  shardOf(key: string): number {
    return shardOf(key, this.bufferOptions.shards);
  }

  /** Marks a row, as an entity would, and answers its version. */
  async put(id: string, n = 0, more: Partial<Write> = {}): Promise<string> {
    const marked = await this.mark({ key: id, operation: 'upsert', payload: JSON.stringify({ id, n }), ...more });
    return versionOf(marked);
  }

  async remove(id: string): Promise<string> {
    return versionOf(await this.mark({ key: id, operation: 'delete', payload: JSON.stringify({ id }) }));
  }

  /** Rows with these ids, in this order. */
  async putAll(ids: readonly string[], n = 0): Promise<void> {
    for (const id of ids) await this.put(id, n);
  }

  async dirtyKeys(shard = 0): Promise<string[]> {
    return [...(await this.buffer.dirty(shard)).keys()].sort();
  }

  async claim(owner: string, more: { limit?: number; lease?: number } = {}) {
    return this.buffer.claim(0, { owner, lease: LEASE, limit: 100, ahead: 1_000, ...more });
  }

  private empty(): WriteBuffer {
    return new MemoryBuffer('Item', this.bufferOptions, this.clock, () => 0);
  }

  private async mark(write: Write): Promise<Marked | undefined> {
    const [marked] = await this.buffer.write(this.shardOf(write.key), [write]);
    return marked;
  }
}

export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `k${String(i).padStart(4, '0')}`);
}

export function versionOf(marked: Marked | undefined): string {
  if (marked?.status !== 'marked') throw new Error(`The write was not taken: ${marked?.status}`);
  return marked.version;
}

/** How a promise stands now. */
export async function stateOf(promise: Promise<unknown>): Promise<'waiting' | 'resolved' | 'rejected'> {
  let state: 'waiting' | 'resolved' | 'rejected' = 'waiting';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  await settled();
  return state;
}

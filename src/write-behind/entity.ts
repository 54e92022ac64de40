import { CacheUnavailableError } from '../cache.errors.js';
import { type Clock, elapsed } from '../engine/clock.js';
import { type Milliseconds, parseDuration } from '../engine/duration.js';
import { Batch } from '../tiers/redis/batch.js';
import { Backlog } from './backlog.js';
import { EntityLetters } from './dead-letters.js';
import { withVersion } from './row-version.js';
import { Settling } from './settling.js';
import { byShard, shardOf } from './shard-of.js';
import type { Encoded, Table } from './table.js';
import {
  WriteBehindConflictError,
  WriteBehindOverflowError,
  WriteBehindRowError,
  WriteBehindTimeoutError,
  WriteBehindUnavailableError,
} from './write-behind.errors.js';
import type {
  DeadLetters,
  Durability,
  WriteBehind,
  WriteBehindStats,
  WriteOptions,
  WriteReceipt,
} from './write-behind.js';
import type { KeyReading, KeyState, Marked, PendingWrite, Write, WriteBuffer, WriteVersion } from './write-buffer.js';

/** Most ids in one query. */
const MAX_LOAD = 500;
/** How often a writer that flushes itself looks for room, when it finds that others flush or nobody can. */
const ROOM_PAUSE: Milliseconds = 20;
/** How often a patch is tried before it gives up. */
const PATCHES = 20;

export interface EntitySettings {
  name: string;
  shards: number;
  overflow: 'block' | 'reject' | 'sync';
  writeTimeout: Milliseconds;
  replicas: number;
}

/** What an entity asks of the process it runs in. */
export interface EntityHost {
  readonly clock: Clock;
  /** Somebody shall flush the shard. */
  wake(shard: number, delay: 'now' | 'later'): void;
  /** Flushes the shard in this process, now. */
  flush(shard: number): Promise<void>;
  /** What only this process knows. */
  figures(): Pick<WriteBehindStats, 'batches' | 'rowsPerSecond' | 'retries' | 'outdated'> & {
    paused?: string | undefined;
  };
}

/** Rows of one table behind a buffer: the public contract over buffer and table. */
export class BufferedEntity implements WriteBehind<object, unknown> {
  readonly deadLetters: DeadLetters<object, unknown>;
  private readonly backlogs = new Map<number, Backlog>();
  private readonly settling: Settling;
  private readonly loads: Batch<Encoded, string | null>;
  private closed = false;

  constructor(
    private readonly buffer: WriteBuffer,
    /** Once it is open: the catalogue must be known before anything is encoded. */
    private readonly table: () => Table,
    private readonly host: EntityHost,
    private readonly settings: EntitySettings,
  ) {
    this.settling = new Settling(buffer, host.clock);
    const wake = (shard: number): void => host.wake(shard, 'now');
    this.deadLetters = new EntityLetters(buffer, table, settings, wake, (name, work) => this.asked(name, work));
    this.loads = new Batch(
      (ids) => this.table().load(ids.map(({ payload }) => payload)),
      MAX_LOAD,
      () => 1,
      () => process.nextTick(() => this.loads.flush()),
    );
  }

  async get(id: unknown): Promise<object | null> {
    const [row] = await this.getMany([id]);
    return row ?? null;
  }

  async getMany(ids: readonly unknown[]): Promise<(object | null)[]> {
    const table = this.table();
    const encoded = ids.map((id) => table.encodeId(id)); // a wrong id is told before any is read
    const payloads = await Promise.all(encoded.map((id) => this.read(id)));
    return payloads.map((payload) => (payload === null ? null : table.decode(payload)));
  }

  /** The pending write of an id, for methods that read the database themselves. `undefined`: nothing is pending. */
  async pending(id: unknown): Promise<object | null | undefined> {
    const table = this.table();
    const [reading] = await this.readings([table.encodeId(id)]);
    if (reading?.kind !== 'pending') return undefined;
    const payload = this.rowOf(reading.write);
    return payload === null ? null : table.decode(payload);
  }

  async put(row: object, options: WriteOptions = {}): Promise<WriteReceipt> {
    const table = this.table();
    const { key, payload } = table.encode(row);
    const write = { key, operation: 'upsert', payload, label: table.versionLabel } as const;
    const version = await this.submit(write, options);
    return { version: BigInt(version as WriteVersion) };
  }

  async delete(id: unknown, options: WriteOptions = {}): Promise<WriteReceipt> {
    const { key, payload } = this.table().encodeId(id);
    const version = await this.submit({ key, operation: 'delete', payload }, options);
    return { version: BigInt(version as WriteVersion) };
  }

  async patch(
    id: unknown,
    change: (row: object) => object | Promise<object>,
    options: WriteOptions = {},
  ): Promise<object> {
    const { name } = this.settings;
    const table = this.table();
    const encoded = table.encodeId(id);
    for (let tries = 0; tries < PATCHES; tries++) {
      const reading = await this.readingToChange(encoded, options);
      const payload = await this.payloadOf(reading, encoded, false);
      if (payload === null) {
        throw new WriteBehindConflictError(name, 'there is no such row', 'Use put() to write a new one.');
      }
      const changed = await change(table.decode(payload));
      const next = table.encode(changed);
      if (next.key !== encoded.key) {
        const problem = {
          option: 'id',
          remedy: 'A patch cannot change the id: delete() the old row and put() the new one.',
        };
        throw new WriteBehindRowError(name, [problem]);
      }
      const { key, payload: changedPayload } = next;
      const label = table.versionLabel;
      const write = { key, operation: 'upsert', payload: changedPayload, label, expected: reading.state } as const;
      const version = await this.submit(write, options);
      if (version !== undefined) return table.decode(withVersion(changedPayload, label, version));
      // Others win again and again: they get a head start that differs from try to try.
      await new Promise<void>((resolve) => {
        setTimeout(resolve, Math.random() * 2 ** Math.min(tries, 6));
      });
    }
    throw new WriteBehindConflictError(
      name,
      `others changed the row during each of ${PATCHES} tries`,
      'Try again; if it happens often, let one place change this row.',
    );
  }

  /** With a state to compare. A memory without room for one is a full buffer. */
  private async readingToChange(id: Encoded, options: WriteOptions): Promise<KeyReading & { state: KeyState }> {
    const { name, overflow, writeTimeout } = this.settings;
    const { clock } = this.host;
    const patience = overflow === 'reject' ? 0 : this.timeoutOf(options.timeout, writeTimeout);
    const end = elapsed(clock) + patience;
    for (;;) {
      const [reading] = await this.readings([id]);
      if (reading?.state !== undefined) return reading as KeyReading & { state: KeyState };
      if (elapsed(clock) >= end) throw new WriteBehindOverflowError(name, patience);
      await new Promise<void>((resolve) => clock.after(ROOM_PAUSE, resolve));
      if (this.closed) throw this.isClosed();
    }
  }

  async flush(options: { ids?: readonly unknown[]; timeout?: WriteOptions['timeout'] } = {}): Promise<void> {
    const { name, shards, writeTimeout } = this.settings;
    const timeout = this.timeoutOf(options.timeout, Math.max(writeTimeout, 30_000));
    const table = this.table();
    const keys = options.ids?.map((id) => table.encodeId(id).key);
    const wanted: Iterable<[number, string[] | undefined]> = keys
      ? byShard(keys, shards)
      : Array.from({ length: shards }, (_, shard) => [shard, undefined]);
    await this.asked('flush', async () => {
      const late = (): Error => new WriteBehindTimeoutError(name, 'A flush', timeout);
      await Promise.all(
        [...wanted].map(async ([shard, keys]) => {
          const dirty = await this.buffer.dirty(shard, keys);
          if (dirty.size === 0) return;
          await this.buffer.hasten(shard, keys);
          void this.host.flush(shard);
          await Promise.all(
            [...dirty].map(([key, version]) => this.settling.changed(shard, key, version, timeout, late)),
          );
        }),
      );
    });
  }

  async forget(ids: readonly unknown[]): Promise<void> {
    const table = this.table();
    const keys = ids.map((id) => table.encodeId(id).key);
    await this.asked('forget', () =>
      Promise.all(Array.from(byShard(keys, this.settings.shards), ([shard, some]) => this.buffer.forget(shard, some))),
    );
  }

  async stats(): Promise<WriteBehindStats> {
    const shards = Array.from({ length: this.settings.shards }, (_, shard) => shard);
    const all = await this.asked('stats', () => Promise.all(shards.map((shard) => this.buffer.stats(shard))));
    const { paused, ...figures } = this.host.figures();
    const sum = (of: 'dirty' | 'deadLetters' | 'bytes' | 'marked' | 'flushed'): number =>
      all.reduce((total, one) => total + one[of], 0);
    return {
      dirty: sum('dirty'),
      deadLetters: sum('deadLetters'),
      bytes: sum('bytes'),
      lag: Math.max(0, ...all.map(({ lag }) => lag)),
      writes: sum('marked'),
      rows: sum('flushed'),
      ...figures,
      ...(paused !== undefined && { paused }),
    };
  }

  /** Takes no further writes; those that wait for room are told. */
  close(): void {
    this.closed = true;
    for (const backlog of this.backlogs.values()) backlog.close(() => this.isClosed());
  }

  /** Writes, waits for room and for the durability. `undefined`: the row is not in the state that the write expects. */
  private async submit(
    write: Write,
    { durability = 'queued', timeout }: WriteOptions,
  ): Promise<WriteVersion | undefined> {
    if (this.closed) throw this.isClosed();
    const shard = shardOf(write.key, this.settings.shards);
    const patience = this.timeoutOf(timeout, this.settings.writeTimeout);
    const urgent = durability === 'persisted';
    const marked = await this.mark(shard, urgent ? { ...write, urgent } : write, patience);
    if (marked.status === 'conflict') return undefined;
    if (marked.status !== 'marked') throw new WriteBehindOverflowError(this.settings.name, 0);
    if (marked.wake !== 'no') this.host.wake(shard, marked.wake);
    if (durability !== 'queued') await this.endure(durability, shard, write.key, marked.version, patience);
    return marked.version;
  }

  private async mark(shard: number, write: Write, patience: Milliseconds): Promise<Marked> {
    const { name, overflow } = this.settings;
    const late = (): Error => new WriteBehindOverflowError(name, patience);
    const before = this.backlogs.get(shard);
    if (before && (await this.mustWait(before, shard, write.key))) return before.add(write, patience, late);
    const [answer] = await this.tryMark(shard, [write]);
    if (answer?.status !== 'full' || overflow === 'reject') return answer as Marked;
    if (overflow === 'sync') return this.makeRoom(shard, write, patience, late);
    if (this.closed) throw this.isClosed();
    const backlog = this.backlogs.get(shard) ?? this.openBacklog(shard);
    this.host.wake(shard, 'now');
    return backlog.add(write, patience, late);
  }

  /** Whether others wait for room, so that this write has to wait behind them. A pending row needs no room. */
  private async mustWait(backlog: Backlog, shard: number, key: string): Promise<boolean> {
    if (backlog.size === 0 || backlog.has(key)) return backlog.size > 0;
    const dirty = await this.asked('write', () => this.buffer.dirty(shard, [key]));
    return dirty.size === 0 || backlog.has(key);
  }

  private openBacklog(shard: number): Backlog {
    const backlog = new Backlog({ write: (_, writes) => this.tryMark(shard, writes) }, shard, this.host.clock);
    this.backlogs.set(shard, backlog);
    return backlog;
  }

  private async makeRoom(shard: number, write: Write, patience: Milliseconds, late: () => Error): Promise<Marked> {
    const { clock } = this.host;
    const end = elapsed(clock) + patience;
    for (;;) {
      await this.asked('write', () => this.buffer.hasten(shard));
      await this.host.flush(shard);
      const [answer] = await this.tryMark(shard, [write]);
      if (answer?.status !== 'full') return answer as Marked;
      if (elapsed(clock) >= end) throw late();
      await new Promise<void>((resolve) => clock.after(ROOM_PAUSE, resolve));
      if (this.closed) throw this.isClosed();
    }
  }

  private async tryMark(shard: number, writes: readonly Write[]): Promise<Marked[]> {
    try {
      return await this.buffer.write(shard, writes);
    } catch (error) {
      // A Redis whose memory is full refuses the writes as a whole: there is no room, and it may come.
      if (isOutOfMemory(error)) return writes.map(() => ({ status: 'full' }));
      throw this.unavailable('write', error);
    }
  }

  private async endure(
    durability: Exclude<Durability, 'queued'>,
    shard: number,
    key: string,
    version: WriteVersion,
    timeout: Milliseconds,
  ): Promise<void> {
    const { name, replicas } = this.settings;
    await this.asked(durability, async () => {
      if (durability === 'persisted') {
        void this.host.flush(shard);
        const late = (): Error => new WriteBehindTimeoutError(name, 'The write to the database', timeout);
        return this.settling.persisted(shard, key, version, timeout, late, name);
      }
      if ((await this.buffer.replicated(shard, replicas, timeout)) < replicas) {
        throw new WriteBehindTimeoutError(name, `Replication to ${replicas} replicas`, timeout);
      }
    });
  }

  private async read(id: Encoded): Promise<string | null> {
    const [reading] = await this.readings([id]);
    return this.payloadOf(reading as KeyReading, id, true);
  }

  private async readings(ids: readonly Encoded[]): Promise<KeyReading[]> {
    return this.asked('read', () =>
      Promise.all(
        ids.map(async ({ key }) => {
          const [reading] = await this.buffer.read(shardOf(key, this.settings.shards), [key]);
          return reading as KeyReading;
        }),
      ),
    );
  }

  /** The row of a reading, from the database if the buffer has none. `keep`: what was found there is remembered. */
  private async payloadOf(reading: KeyReading, id: Encoded, keep: boolean): Promise<string | null> {
    if (reading.kind === 'pending') return this.rowOf(reading.write);
    if (reading.kind === 'cached') return reading.payload;
    const payload = await this.loads.add(id);
    if (keep && reading.state !== undefined) this.remember(id.key, reading.state, payload);
    return payload;
  }

  private rowOf({ operation, payload, version }: PendingWrite): string | null {
    return operation === 'delete' ? null : withVersion(payload, this.table().versionLabel, version);
  }

  private remember(key: string, state: KeyState, payload: string | null): void {
    const shard = shardOf(key, this.settings.shards);
    // A favour to the next reader; without it that one asks the database again.
    this.buffer.fill(shard, [{ key, state, payload }]).catch(() => undefined);
  }

  /** Errors of the buffer become ours; all others pass. */
  private async asked<T>(operation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof CacheUnavailableError ? this.unavailable(operation, error) : error;
    }
  }

  private unavailable(operation: string, error: unknown): unknown {
    if (!(error instanceof CacheUnavailableError)) return error;
    return new WriteBehindUnavailableError(this.settings.name, operation, error);
  }

  private isClosed(): Error {
    return new WriteBehindUnavailableError(this.settings.name, 'write', new Error('the app is shutting down'));
  }

  private timeoutOf(timeout: WriteOptions['timeout'], fallback: Milliseconds): Milliseconds {
    return timeout === undefined ? fallback : (parseDuration(timeout) ?? fallback);
  }
}

function isOutOfMemory(error: unknown): boolean {
  const cause = error instanceof CacheUnavailableError ? error.cause : undefined;
  return cause instanceof Error && /^OOM|-OOM| OOM /.test(cause.message);
}

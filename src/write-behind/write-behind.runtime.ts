import { randomUUID } from 'node:crypto';
import { CacheOptionsError, CacheUnavailableError, type OptionProblem } from '../cache.errors.js';
import { atMost } from '../engine/at-most.js';
import { elapsed } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { RemoteServer } from '../tiers/tier.js';
import { BullMqWakeUps } from './bullmq-wake-ups.js';
import { DatabaseGate } from './database-gate.js';
import { BufferedEntity } from './entity.js';
import { FlushFigures } from './flush-figures.js';
import { Flusher } from './flusher.js';
import { MemoryBuffer } from './memory-buffer.js';
import { type Parent, Parents } from './parents.js';
import { classify, messageOf } from './prisma/classify.js';
import type { PrismaClientLike } from './prisma/prisma-client-like.js';
import { openTable } from './prisma/prisma-table.js';
import { checkRedis } from './redis/check-redis.js';
import { RedisBuffer } from './redis/redis-buffer.js';
import type { Table } from './table.js';
import { TimerWakeUps, type WakeUps, type Work } from './wake-ups.js';
import { WriteBehindDatabaseError } from './write-behind.errors.js';
import type { ResolvedEntity, ResolvedWriteBehind, WriteBehindOptions } from './write-behind.options.js';
import type { OpenedWriteBehind, WriteBehindContext } from './write-behind.port.js';
import type { WriteBuffer } from './write-buffer.js';

/** One entity and all that works for it in this process. */
interface Part {
  name: string;
  shards: number;
  /** How long a shard may be overdue before the sweep looks after it. */
  patience: Milliseconds;
  buffer: WriteBuffer;
  entity: BufferedEntity;
  figures: FlushFigures;
  table: Table | undefined;
  flusher: Flusher | undefined;
}

/** Write-behind in one app: puts the parts together, starts and stops them. */
export class WriteBehindRuntime implements OpenedWriteBehind, Work {
  private readonly id = randomUUID();
  private readonly parts = new Map<string, Part>();
  private readonly server: RemoteServer | undefined;
  private readonly wakeUps: WakeUps;
  private gate: DatabaseGate | undefined;
  private lastSweep = 0;
  private readonly timers = new Map<string, () => void>();
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly client: WriteBehindOptions['client'],
    private readonly options: ResolvedWriteBehind,
    private readonly context: WriteBehindContext,
  ) {
    const { redis, clock, namespace } = context;
    if (redis && !redis.server) throw noServer();
    this.server = redis?.server?.(clock, options.commandTimeout);
    for (const name of options.entities.keys()) this.parts.set(name, this.makePart(name));
    this.wakeUps = this.server
      ? new BullMqWakeUps(this.server, {
          namespace,
          concurrency: options.concurrency,
          sweep: options.sweep,
          onError: (error) =>
            context.log.warn('queue', `BullMQ is in trouble (${nameOf(error)}); sweeps go on without it.`),
        })
      : new TimerWakeUps(clock);
  }

  get entities(): readonly string[] {
    return [...this.parts.keys()];
  }

  entity(name: string): BufferedEntity {
    const part = this.parts.get(name);
    if (part) return part.entity;
    const remedy = `Known: ${[...this.parts.keys()].join(', ')}. Add it to entities of writeBehind().`;
    throw new CacheOptionsError([{ option: 'entity', value: name, remedy }], 'There is no such write-behind entity');
  }

  async start(resolve: (token: never) => unknown): Promise<void> {
    const client = this.findClient(resolve);
    this.gate = new DatabaseGate(
      this.context.clock,
      async () => this.parts.values().next().value?.table?.ping(),
      () => {
        this.context.log.info('The database answers again: pending writes are flushed.', 'database');
        void this.sweep(true);
      },
    );
    await this.openTables(client, this.gate);
    await this.openBuffers();
    const flushes = this.options.processors || !this.server;
    await this.wakeUps.start(flushes ? this : undefined);
    this.lastSweep = elapsed(this.context.clock);
    if (flushes) this.every('sweep', this.options.sweep, () => this.sweepIfNobodyDoes());
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  knows(name: string): boolean {
    return this.parts.has(name);
  }

  async flush(name: string, shard: number, force = false): Promise<void> {
    const part = this.parts.get(name);
    if (!part?.flusher) return; // it came before the start
    try {
      // Somebody waits for it, maybe in a process that does not sweep.
      if (force && part.flusher.paused !== undefined) await this.unpause(part);
      const dueIn = await part.flusher.flush(shard, force);
      if (dueIn !== undefined && !this.stopped) this.wakeUps.wake(name, shard, dueIn);
    } catch (error) {
      this.context.log.warn('flush', `A flush of ${name} found the buffer in trouble: ${nameOf(error)}.`);
    }
  }

  /** Flushes what is overdue. `all`: everything that is due. */
  async sweep(all = false): Promise<void> {
    this.lastSweep = elapsed(this.context.clock);
    const { log } = this.context;
    for (const part of this.parts.values()) {
      const { name, shards, patience, buffer, flusher } = part;
      try {
        if (flusher?.paused !== undefined) await this.unpause(part);
        const dueIn = await Promise.all(Array.from({ length: shards }, (_, shard) => buffer.dueIn(shard)));
        const late = dueIn.flatMap((due, shard) => (due !== undefined && (all || due < -patience) ? [shard] : []));
        await this.inParallel(late, (shard) => this.flush(name, shard));
      } catch (error) {
        log.warn('sweep', `A sweep of ${name} found the buffer in trouble: ${nameOf(error)}.`);
      }
    }
  }

  private makePart(name: string): Part {
    const { clock, random, namespace } = this.context;
    const { buffer: options } = this.settingsOf(name);
    const buffer = this.server
      ? new RedisBuffer(this.server, namespace, name, options, random)
      : new MemoryBuffer(name, options, clock, random);
    const { overflow, writeTimeout, replicas } = this.options;
    const part: Omit<Part, 'entity'> = {
      name,
      shards: options.shards,
      patience: Math.min(options.flushDelay, options.grace),
      buffer,
      figures: new FlushFigures(name, this.context.log),
      table: undefined,
      flusher: undefined,
    };
    const entity = new BufferedEntity(
      buffer,
      () => (whole.table ?? notStarted(name)) as Table,
      {
        clock,
        wake: (shard, when) => this.wakeUps.wake(name, shard, when === 'now' ? 0 : options.flushDelay),
        flush: (shard) => this.flush(name, shard, true),
        figures: () => ({ ...part.figures.read(), paused: this.whyPaused(whole) }),
      },
      { name, shards: options.shards, overflow, writeTimeout, replicas },
    );
    const whole: Part = Object.assign(part, { entity });
    return whole;
  }

  private async openTables(client: PrismaClientLike, gate: DatabaseGate): Promise<void> {
    const problems: OptionProblem[] = [];
    const { lease } = this.options;
    await Promise.all(
      [...this.parts.values()].map(async (part) => {
        const { buffer, table: names, dependsOn } = this.settingsOf(part.name);
        const settings = { ...names, scope: this.scope, statementTimeout: Math.floor(lease / 2) };
        let table: Table;
        try {
          part.table = table = await openTable(client, part.name, settings);
        } catch (error) {
          if (!(error instanceof CacheOptionsError)) {
            throw new WriteBehindDatabaseError(part.name, messageOf(error), error);
          }
          problems.push(...error.problems);
          return;
        }
        const { batchSize, flushDelay } = buffer;
        const { clock, random } = this.context;
        const parents = this.parentsOf(dependsOn);
        const own = { batchSize, flushDelay, lease, id: this.id, clock, random, parents };
        part.flusher = new Flusher(part.buffer, table, gate, { classify, messageOf }, part.figures, own);
      }),
    );
    if (problems.length > 0) throw new CacheOptionsError(problems, 'Write-behind does not fit the database');
  }

  private settingsOf(name: string): ResolvedEntity {
    return this.options.entities.get(name) as ResolvedEntity;
  }

  private parentsOf(names: readonly string[]): Parents | undefined {
    if (names.length === 0) return undefined;
    const parents = names.map((name): Parent => {
      const part = this.parts.get(name) as Part;
      return {
        shards: part.shards,
        flushDelay: this.settingsOf(name).buffer.flushDelay,
        buffer: part.buffer,
        paused: () => part.flusher?.paused,
        flush: async (shard) => part.flusher?.flush(shard),
        wake: (shard, delay) => {
          if (!this.stopped) this.wakeUps.wake(name, shard, delay);
        },
      };
    });
    const { lease, concurrency } = this.options;
    return new Parents(parents, lease / 4, concurrency, this.context.clock);
  }

  private async openBuffers(): Promise<void> {
    const { server, context, options } = this;
    if (!server) {
      context.log.warn(
        'embedded',
        'Write-behind runs without Redis: what is acknowledged and not in Postgres yet is lost if this process crashes.',
      );
      return;
    }
    const check = async (): Promise<void> => {
      await checkRedis(server, options.requireDurability, context.log);
      await Promise.all([...this.parts.values()].map(({ buffer }) => buffer.start()));
    };
    await server.connect();
    try {
      await check();
    } catch (error) {
      if (!isAway(error)) throw error;
      context.log.warn(
        'start',
        'Redis is not there yet: writes fail until it comes, and its settings are checked then.',
      );
      this.checkLater(check);
    }
  }

  private checkLater(check: () => Promise<void>): void {
    const again = (): void => {
      this.after('check', 1_000, () => {
        check().catch((error: unknown) => {
          if (isAway(error)) again();
          else this.context.log.alarm('start', error instanceof Error ? error.message : String(error));
        });
      });
    };
    again();
  }

  private async end(): Promise<void> {
    const { context, options, server } = this;
    for (const cancel of this.timers.values()) cancel();
    for (const { entity } of this.parts.values()) entity.close();
    if (options.processors || !server) await this.drain(options.drainTimeout);
    await this.wakeUps.close(options.drainTimeout + 1_000);
    this.gate?.close();
    await server?.close().catch(() => undefined);
    context.log.info('Write-behind has ended.');
  }

  /** Flushes everything once, within the deadline. */
  private async drain(deadline: Milliseconds): Promise<void> {
    const { log } = this.context;
    const all = [...this.parts.values()].flatMap((part) =>
      Array.from({ length: part.shards }, (_, shard) => ({ part, shard })),
    );
    let over = false;
    const work = this.inParallel(all, async ({ part: { buffer, flusher }, shard }) => {
      if (over || !flusher) return;
      if ((await buffer.dueIn(shard)) === undefined) return;
      await buffer.hasten(shard);
      // Until nothing is left, or somebody else has it, or there is trouble.
      while (!over && (await flusher.flush(shard, true)) === 0);
    });
    await atMost(deadline, work);
    over = true;
    const left = await Promise.all([...this.parts.values()].map(({ entity }) => entity.stats().catch(() => undefined)));
    const rows = left.reduce((sum, stats) => sum + (stats?.dirty ?? 0), 0);
    if (rows === 0) return;
    if (this.server) log.info(`${rows} pending rows stay in Redis for the next process.`);
    else
      log.alarm('lost', `${rows} rows could not be written before the process ended, and are lost: there is no Redis.`);
  }

  private async unpause({ name, flusher, table }: Part): Promise<void> {
    const { log } = this.context;
    if (!flusher) return;
    try {
      await table?.refresh();
      flusher.paused = undefined;
      log.info(`The table of ${name} fits again: pending writes are flushed.`);
    } catch {
      log.alarm(
        `paused ${name}`,
        `${name} is not flushed, because its table has changed: ${flusher.paused}. Its writes are kept.`,
      );
    }
  }

  private whyPaused({ flusher }: Part): string | undefined {
    if (flusher?.paused !== undefined) return `The table has changed: ${flusher.paused}`;
    return this.gate && !this.gate.open ? 'The database does not answer.' : undefined;
  }

  private async sweepIfNobodyDoes(): Promise<void> {
    if (elapsed(this.context.clock) - this.lastSweep > 3 * this.options.sweep) await this.sweep();
  }

  private every(name: string, interval: Milliseconds, work: () => Promise<void>): void {
    const again = (): void => this.after(name, interval, () => void work().finally(again));
    again();
  }

  /** One of each name, until the end. */
  private after(name: string, delay: Milliseconds, work: () => void): void {
    if (!this.stopped) this.timers.set(name, this.context.clock.after(delay, work));
  }

  /** Under which name epochs are compared: as the keys in Redis are told apart. */
  private get scope(): string {
    return `${this.server?.keyPrefix ?? ''}${this.context.namespace}`;
  }

  private async inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const queue = items[Symbol.iterator]();
    const lanes = Array.from({ length: this.options.concurrency }, async () => {
      for (const item of queue) await work(item);
    });
    await Promise.all(lanes);
  }

  private findClient(resolve: (token: never) => unknown): PrismaClientLike {
    const { client } = this;
    const isToken = typeof client === 'string' || typeof client === 'symbol' || typeof client === 'function';
    const found = (isToken ? resolve(client as never) : client) as Partial<PrismaClientLike> | undefined;
    const needed = ['$queryRawUnsafe', '$executeRawUnsafe', '$transaction'] as const;
    if (found && needed.every((name) => typeof found[name] === 'function')) return found as PrismaClientLike;
    const remedy = isToken
      ? 'No provider of this token is a Prisma client: provide it in a module of the app.'
      : 'Pass a Prisma client, or the injection token of one.';
    throw new CacheOptionsError([{ option: 'writeBehind.client', value: isToken ? client : '[object]', remedy }]);
  }
}

function notStarted(name: string): never {
  const remedy = 'Use it from onApplicationBootstrap on: it is ready when the modules are initialised.';
  throw new CacheOptionsError([{ option: 'entity', value: name, remedy }], 'Write-behind has not started yet');
}

function noServer(): CacheOptionsError {
  const remedy = 'Use redisTier() of nestjs-strata/redis.';
  return new CacheOptionsError([{ option: 'redis', value: '[tier]', remedy }], 'Write-behind needs a Redis');
}

/** What an error is, without what it is about: messages may quote values. */
function nameOf(error: unknown): string {
  if (CacheUnavailableError.is(error)) return error.message;
  return error instanceof Error ? error.name : typeof error;
}

/** No answer, or one that may be another one later (full memory, loading, a replica), as opposed to an error for good. */
function isAway(error: unknown): boolean {
  if (!(error instanceof CacheUnavailableError)) return false;
  return !(error.cause instanceof Error && /^(ERR|NOPERM|NOAUTH|WRONGPASS)\b/.test(error.cause.message));
}

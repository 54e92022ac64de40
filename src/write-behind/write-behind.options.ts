import { Check, isRecord } from '../cache.check.js';
import type { Duration, Milliseconds } from '../engine/duration.js';
import { resolveDependsOn } from './depends-on.js';
import type { EntityOptions as TableOptions } from './prisma/names.js';
import type { PrismaClientLike } from './prisma/prisma-client-like.js';
import type { BufferOptions } from './write-buffer.js';

/** How rows of one table are kept until Postgres has them. Each may be set for all entities or for one. */
export interface EntityTuning {
  /**
   * Into how many parts an entity's rows are spread; each is flushed by one process at a time. Default 16. It cannot be
   * changed while something is pending.
   */
  shards?: number;
  /** How long a write waits for others, to share their batch. Default `'100ms'`. */
  flushDelay?: Duration;
  /** Most rows of a batch; so many dirty rows of a shard are flushed at once. Default 1,000. */
  batchSize?: number;
  /** Most rows (pending and dead letters) of a shard. Default 50,000. */
  maxEntries?: number;
  /** Most bytes of them. Default 64 MiB. */
  maxBytes?: number;
  /** How often the database may refuse a row before it becomes a dead letter. Default 8. */
  rowAttempts?: number;
  /**
   * How long a row waits for another one it refers to, or whose unique value it takes. Default `'60s'`. While the database is away,
   * or nobody flushes, the time stands still once the row is due for its next try.
   */
  constraintRetry?: Duration;
  /** How long rows read from the database are kept in the buffer's cache; 0: not at all. Default `'5m'`. */
  cacheTtl?: Duration;
  /**
   * What readers get of a row that became a dead letter: `'database'` (default), what the database has; `'written'`, what
   * was written, for the rest of `cacheTtl`.
   */
  deadValues?: 'database' | 'written';
}

/** Options of one entity. Names default to what the Prisma client and the catalogue say. */
export interface EntityOptions extends EntityTuning, TableOptions {
  /**
   * Entities whose rows this one's refer to by foreign keys: `['Customer']`. Before a batch is written, what is pending of
   * them is, or a quarter of `lease` has gone by. Not in circles. Default: none, and rows that come too early are tried again.
   */
  dependsOn?: readonly string[];
}

/** Options of `writeBehind()`. Times: see `Duration`. */
export interface WriteBehindOptions extends EntityTuning {
  /** Your Prisma client (7, or 6), or the injection token of it: `client: PrismaService`. It is never disconnected by us. */
  client: PrismaClientLike | string | symbol | (abstract new (...args: never[]) => unknown);
  /** The models whose rows are written behind, by their names in the Prisma schema: `{ Product: {} }`. */
  entities: Readonly<Record<string, EntityOptions>>;
  /** Whether this process flushes. `false`: others do, for example workers of their own. Default `true`. */
  processors?: boolean;
  /** How many shards this process flushes at the same time; each takes a connection of the Prisma client's pool. Default 4. */
  concurrency?: number;
  /**
   * What a write does when the buffer is full. `'block'` (default): waits for room, at most `writeTimeout`. `'reject'`: fails
   * at once. `'sync'`: flushes the shard itself and then goes on.
   */
  overflow?: 'block' | 'reject' | 'sync';
  /** Longest wait of a write: for room, and for its durability. Default `'5s'`. */
  writeTimeout?: Duration;
  /** How many replicas `durability: 'replicated'` waits for. Default 1. */
  replicas?: number;
  /** A command that Redis does not answer within this time counts as failed. Default `'2s'`. */
  commandTimeout?: Duration;
  /** How long a process owns a shard without renewing; a statement is given up after half of it. Default `'10s'`. */
  lease?: Duration;
  /** How much later than due a wake-up may come before somebody else cares. Default `'1s'`. */
  grace?: Duration;
  /** How often overdue shards are looked for. Default `'2s'`. */
  sweep?: Duration;
  /** Whether the app refuses to start when Redis has no AOF (`appendonly yes`). Default `false`: a warning. */
  requireDurability?: boolean;
  /** How long shutdown flushes what is pending. What is left stays in Redis. Default `'5s'`. */
  drainTimeout?: Duration;
}

export interface ResolvedEntity {
  buffer: BufferOptions;
  table: TableOptions;
  dependsOn: readonly string[];
}

/** The options with all defaults, times in milliseconds. */
export interface ResolvedWriteBehind {
  entities: ReadonlyMap<string, ResolvedEntity>;
  processors: boolean;
  concurrency: number;
  overflow: 'block' | 'reject' | 'sync';
  writeTimeout: Milliseconds;
  replicas: number;
  commandTimeout: Milliseconds;
  lease: Milliseconds;
  sweep: Milliseconds;
  requireDurability: boolean;
  drainTimeout: Milliseconds;
}

const TUNING = [
  ...['shards', 'flushDelay', 'batchSize', 'maxEntries', 'maxBytes', 'rowAttempts', 'constraintRetry', 'cacheTtl'],
  'deadValues',
];
const ENTITY = [...TUNING, 'table', 'schema', 'id', 'columns', 'enums', 'versionField', 'dependsOn'];
const KNOWN = [
  ...TUNING,
  ...['client', 'entities', 'processors', 'concurrency', 'overflow', 'writeTimeout', 'replicas', 'commandTimeout'],
  ...['lease', 'grace', 'sweep', 'requireDurability', 'drainTimeout'],
];

const DEFAULTS: Omit<BufferOptions, 'grace'> = {
  shards: 16,
  flushDelay: 100,
  batchSize: 1_000,
  maxEntries: 50_000,
  maxBytes: 64 * 1024 * 1024,
  rowAttempts: 8,
  constraintRetry: 60_000,
  cacheTtl: 300_000,
  keepDeadValues: false,
};

/** Checks all options and reports what is wrong with them together. */
export function resolveWriteBehind(options: WriteBehindOptions): ResolvedWriteBehind {
  const check = new Check('writeBehind.');
  if (!isRecord(options)) {
    check.fail(
      'options',
      options,
      'Pass an object: writeBehind({ client: PrismaService, entities: { Product: {} } }).',
    );
    check.end('writeBehind() is called wrongly');
  }
  check.known(options, KNOWN);
  if (options.client === undefined || options.client === null) {
    check.fail('client', options.client, 'Pass your Prisma client or its injection token: client: PrismaService.');
  }
  const grace = check.time('grace', options.grace, 1_000, 1);
  const base = resolveTuning(check, options, { ...DEFAULTS, grace });
  const entities = new Map<string, ResolvedEntity>();
  if (!isRecord(options.entities) || Object.keys(options.entities).length === 0) {
    check.fail('entities', options.entities, 'Name at least one model: entities: { Product: {} }.');
  } else {
    const all = new Map(Object.entries(options.entities).filter(([, own]) => isRecord(own)));
    const parents = resolveDependsOn(check, all);
    for (const [name, own] of Object.entries(options.entities)) {
      const inside = check.inside(`entities.${name}`);
      if (!/^\w{1,64}$/.test(name)) inside.fail('name', name, 'Use the name of a Prisma model.');
      if (!isRecord(own)) {
        inside.fail('options', own, 'Pass an object; {} for the defaults.');
        continue;
      }
      inside.known(own, ENTITY);
      const { table, schema, id, columns, enums, versionField } = own;
      const tableOptions = Object.fromEntries(
        Object.entries({ table, schema, id, columns, enums, versionField }).filter(([, value]) => value !== undefined),
      );
      const dependsOn = parents.get(name) ?? [];
      entities.set(name, { buffer: resolveTuning(inside, own, base), table: tableOptions, dependsOn });
    }
  }
  const resolved: ResolvedWriteBehind = {
    entities,
    processors: flag(check, 'processors', options.processors, true),
    concurrency: whole(check, 'concurrency', options.concurrency, 4, 1),
    overflow: options.overflow ?? 'block',
    writeTimeout: check.time('writeTimeout', options.writeTimeout, 5_000, 1),
    replicas: whole(check, 'replicas', options.replicas, 1, 1),
    commandTimeout: check.time('commandTimeout', options.commandTimeout, 2_000, 1),
    lease: check.time('lease', options.lease, 10_000, 100),
    sweep: check.time('sweep', options.sweep, 2_000, 10),
    requireDurability: flag(check, 'requireDurability', options.requireDurability, false),
    drainTimeout: check.time('drainTimeout', options.drainTimeout, 5_000, 0),
  };
  if (!['block', 'reject', 'sync'].includes(resolved.overflow)) {
    check.fail('overflow', options.overflow, "Use 'block', 'reject' or 'sync'.");
  }
  check.end('writeBehind() is called wrongly');
  return resolved;
}

function resolveTuning(check: Check, own: EntityTuning, base: BufferOptions): BufferOptions {
  const { deadValues } = own;
  if (deadValues !== undefined && deadValues !== 'database' && deadValues !== 'written') {
    check.fail('deadValues', deadValues, "Use 'database' or 'written'.");
  }
  return {
    shards: whole(check, 'shards', own.shards, base.shards, 1, 1024),
    flushDelay: check.time('flushDelay', own.flushDelay, base.flushDelay, 0),
    grace: base.grace,
    batchSize: whole(check, 'batchSize', own.batchSize, base.batchSize, 1, 10_000),
    maxEntries: whole(check, 'maxEntries', own.maxEntries, base.maxEntries, 1),
    maxBytes: whole(check, 'maxBytes', own.maxBytes, base.maxBytes, 1),
    rowAttempts: whole(check, 'rowAttempts', own.rowAttempts, base.rowAttempts, 1),
    constraintRetry: check.time('constraintRetry', own.constraintRetry, base.constraintRetry, 0),
    cacheTtl: check.time('cacheTtl', own.cacheTtl, base.cacheTtl, 0),
    keepDeadValues: deadValues === undefined ? base.keepDeadValues : deadValues === 'written',
  };
}

function whole(
  check: Check,
  option: string,
  value: number | undefined,
  fallback: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  check.fail(option, value, `Use a whole number from ${least}${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ''}.`);
  return fallback;
}

function flag(check: Check, option: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') check.fail(option, value, 'Use true or false.');
  return value ?? fallback;
}

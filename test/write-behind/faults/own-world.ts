// For specs of faults: a whole app with a Redis of its own that may be killed, and what stands in both stores.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { openTable } from '../../../src/write-behind/prisma/prisma-table.js';
import { ShardKeys } from '../../../src/write-behind/redis/shard-keys.js';
import type { Table } from '../../../src/write-behind/table.js';
import type { Item, WriteBehindWorld } from '../../e2e/write-behind-world.js';
import { OwnRedis } from '../contract/own-redis.js';
import { check } from '../contract/redis-rig.js';

/** A Redis of the spec's own that listens where an app can be told to look. */
export class RedisNode extends OwnRedis {
  private constructor(
    readonly port: number,
    more: readonly string[],
  ) {
    super(['--port', `${port}`, '--repl-diskless-sync-delay', '0', ...more]);
  }

  static async make(more: readonly string[] = []): Promise<RedisNode> {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    listener.close();
    await once(listener, 'close');
    return new RedisNode(port, more);
  }

  /** For the options of an app. */
  get address(): string {
    return `redis://127.0.0.1:${this.port}`;
  }
}

/**
 * Servers that end with the test, each with a connection of the spec's own. Call it after `useWriteBehind()`: apps end first.
 */
export function useNodes(): (more?: readonly string[]) => Promise<{ node: RedisNode; redis: Redis }> {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return async (more) => {
    const node = await RedisNode.make(more);
    await node.start();
    const redis = new Redis(node.url, { retryStrategy: () => 25 });
    redis.on('error', () => undefined); // it is killed again and again
    ends.push(async () => {
      redis.disconnect();
      await node.stop();
    });
    return { node, redis };
  };
}

/** The shards of the entity `Item` in Redis. */
export class ItemShards {
  readonly keys: readonly ShardKeys[];

  constructor(
    private readonly redis: Redis,
    namespace: string,
    count = 16,
  ) {
    this.keys = Array.from({ length: count }, (_, shard) => new ShardKeys(namespace, 'Item', shard));
  }

  /** Fails if the lists of dirty keys differ, or bytes are counted wrongly. */
  async check(): Promise<void> {
    for (const keys of this.keys) await check(this.redis, keys);
  }

  /** By shard; 0 where nobody claimed it yet. */
  async epochs(): Promise<number[]> {
    return Promise.all(this.keys.map(async ({ meta }) => Number((await this.redis.hget(meta, 'epoch')) ?? 0)));
  }

  async versions(): Promise<Record<string, string>> {
    const all = await Promise.all(this.keys.map(({ versions }) => this.redis.hgetall(versions)));
    return Object.assign({}, ...all);
  }

  /** How many rows have an attempt on their account. */
  async charged(): Promise<number> {
    const counts = await Promise.all(this.keys.map(({ attempts }) => this.redis.hlen(attempts)));
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** The epochs that Postgres knows, by shard. */
export async function fencesOf({ sql, schema }: WriteBehindWorld, count = 16): Promise<number[]> {
  const rows = await sql<{ shard: number; epoch: string }>(`SELECT shard, epoch FROM ${schema}.strata_fence`);
  const epochs = Array<number>(count).fill(0);
  for (const { shard, epoch } of rows) epochs[shard] = Number(epoch);
  return epochs;
}

/** The table as a worker of the app has it, for one that was paused and comes back with what it had claimed. */
export function staleTable({ prisma, schema, namespace }: WriteBehindWorld): Promise<Table> {
  return openTable(prisma, 'Item', { table: 'item', schema, scope: namespace, statementTimeout: 5_000 });
}

export const itemOf = (id: string, n: number): Item => ({ id, n, note: null });

/** Rows `<prefix>0`, `<prefix>1`... */
export function itemsOf(prefix: string, count: number, n: number): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(`${prefix}${i}`, n));
}

/** Again and again, until it succeeds: for the first call after an outage. */
export async function persistently<T>(call: () => Promise<T>, within = 20_000): Promise<T> {
  const end = performance.now() + within;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

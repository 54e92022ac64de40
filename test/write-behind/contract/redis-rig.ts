import { afterEach, beforeEach, expect } from '@jest/globals';
import { Redis } from 'ioredis';
import { SystemClock } from '../../../src/engine/clock.js';
import { RedisServer } from '../../../src/tiers/redis/redis-server.js';
import { RedisBuffer } from '../../../src/write-behind/redis/redis-buffer.js';
import { ShardKeys } from '../../../src/write-behind/redis/shard-keys.js';
import type { BufferOptions } from '../../../src/write-behind/write-buffer.js';
import { redisUrl, uniqueNamespace } from '../../support/services.js';
import { type OpenBuffer, usual } from './open-buffer.js';

export interface OpenRedisBuffer extends OpenBuffer {
  readonly buffer: RedisBuffer;
  readonly namespace: string;
  keys(shard: number): ShardKeys;
}

export interface BufferRig {
  /** A connection of the spec's own, to look at what stands in Redis and to put things there. */
  readonly redis: Redis;
  readonly server: RedisServer;
  open(options?: Partial<BufferOptions>, namespace?: string): Promise<OpenRedisBuffer>;
}

const connection = { commandTimeout: 10_000, connectTimeout: 10_000, breakerPause: 100 };

export async function connectTo(url: string): Promise<{ redis: Redis; server: RedisServer; close(): Promise<void> }> {
  const redis = new Redis(url);
  const server = new RedisServer({ url }, new SystemClock(), connection);
  const close = async (): Promise<void> => {
    await server.close();
    await redis.quit();
  };
  if (await server.connect()) return { redis, server, close };
  redis.disconnect();
  await server.close();
  throw new Error(`Redis is not there: ${url}`);
}

/** Buffers in one Redis: the one of the test run, or another. Each test has a connection of its own. */
export function useBuffers(url: () => string = redisUrl): BufferRig {
  let connected: Awaited<ReturnType<typeof connectTo>> | undefined;
  beforeEach(async () => {
    connected = await connectTo(url());
  });
  afterEach(() => connected?.close());
  const there = () => connected as NonNullable<typeof connected>;
  return {
    get redis() {
      return there().redis;
    },
    get server() {
      return there().server;
    },
    open: async (options, namespace = uniqueNamespace()) => {
      const { redis, server } = there();
      const dice = { share: 0 };
      const buffer = new RedisBuffer(server, namespace, 'Product', { ...usual, ...options }, () => dice.share);
      await buffer.start();
      const keys = (shard: number) => new ShardKeys(namespace, 'Product', shard);
      return {
        buffer,
        clock: new SystemClock(),
        dice,
        namespace,
        keys,
        pass: (ms) => pass(redis, ms),
        check: (shard) => check(redis, keys(shard)),
      };
    },
  };
}

async function timeOf(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

/** Until the server's own clock, which Redis rounds down to milliseconds, has gone on by so much. */
async function pass(redis: Redis, ms: number): Promise<void> {
  const end = (await timeOf(redis)) + ms + 1;
  for (let now = 0; now < end; now = await timeOf(redis)) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The three lists of dirty keys hold the same ones, attempts belong to some of them, and the bytes are those that are there. */
export async function check(redis: Redis, keys: ShardKeys): Promise<void> {
  const [due, versions, payloads, attempts, letters, bytes] = await Promise.all([
    redis.zrange(keys.due, '0', '-1'),
    redis.hgetall(keys.versions),
    redis.hgetallBuffer(keys.payloads),
    redis.hkeys(keys.attempts),
    redis.hgetallBuffer(keys.letters),
    redis.hget(keys.meta, 'bytes'),
  ]);
  const dirty = due.sort();
  expect([Object.keys(versions).sort(), Object.keys(payloads).sort()]).toEqual([dirty, dirty]);
  expect(dirty).toEqual(expect.arrayContaining(attempts));
  const sizes = [...Object.entries(payloads), ...Object.entries(letters)].map(
    ([key, value]) => 2 * Buffer.byteLength(key) + value.length + 96,
  );
  expect(Number(bytes ?? 0)).toBe(sizes.reduce((sum, size) => sum + size, 0));
}

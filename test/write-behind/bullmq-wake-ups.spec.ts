import { afterEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { SystemClock } from '../../src/engine/clock.js';
import { RedisServer } from '../../src/tiers/redis/redis-server.js';
import type { RemoteServer } from '../../src/tiers/tier.js';
import { BullMqWakeUps } from '../../src/write-behind/bullmq-wake-ups.js';
import type { Work } from '../../src/write-behind/wake-ups.js';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';
import { until } from '../tiers/redis/rig.js';

const MINUTE = 60_000;

/** What a process does when it is woken: writes it down. */
class Diary implements Work {
  readonly flushes: string[] = [];
  sweeps = 0;
  /** Those that it was asked for and does not know. */
  unknown = 0;

  constructor(private readonly entities: readonly string[]) {}

  knows(entity: string): boolean {
    const known = this.entities.includes(entity);
    if (!known) this.unknown++;
    return known;
  }

  async flush(entity: string, shard: number): Promise<void> {
    this.flushes.push(`${entity} ${shard}`);
  }

  async sweep(): Promise<void> {
    this.sweeps++;
  }
}

let closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});

/** A server, and each connection that was made from it, also those that BullMQ makes of one. */
function serverOf({ url = redisUrl(), keyPrefix = '' } = {}) {
  const made: Redis[] = [];
  const place = keyPrefix ? { client: new Redis(url, { keyPrefix }) } : { url };
  const real = new RedisServer(place, new SystemClock(), {
    commandTimeout: 1_000,
    connectTimeout: 1_000,
    breakerPause: 100,
  });
  const watch = (client: Redis): Redis => {
    made.push(client);
    const { duplicate } = client;
    return Object.assign(client, { duplicate: (options?: object) => watch(duplicate.call(client, options)) });
  };
  const server = Object.create(real) as RemoteServer & { readonly real: RedisServer };
  server.duplicate = (options) => watch(real.duplicate(options) as unknown as Redis) as never;
  closers.push(async () => {
    await real.close().catch(() => undefined);
    place.client?.disconnect();
    for (const client of made) client.disconnect();
  });
  return { server, made };
}

interface Opened {
  wakeUps: BullMqWakeUps;
  diary: Diary;
  made: Redis[];
  errors: unknown[];
}

async function open(
  namespace: string,
  entities: string[] | undefined,
  more: { url?: string; keyPrefix?: string } = {},
) {
  const { server, made } = serverOf(more);
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const wakeUps = new BullMqWakeUps(server, { namespace, concurrency: 2, sweep: 10 * MINUTE, onError });
  const diary = new Diary(entities ?? []);
  closers.push(() => wakeUps.close(2_000));
  await wakeUps.start(entities && diary);
  // What is sent without a connection is not sent at all.
  await until('the connections are there', () => made.every(({ status }) => status === 'ready'));
  return { wakeUps, diary, made, errors } satisfies Opened;
}

/** Also one that has stopped coming again, which ioredis still calls reconnecting. */
function hasEnded(client: Redis): boolean {
  const { reconnectTimeout } = client as unknown as { reconnectTimeout: unknown };
  return client.status === 'end' || (client.status === 'reconnecting' && reconnectTimeout === null);
}

/** The same queue, to look at it. */
function queueOf(namespace: string, keyPrefix = ''): Queue {
  const connection = new Redis(redisUrl(), { maxRetriesPerRequest: null });
  const queue = new Queue('write-behind', { connection, prefix: `${keyPrefix}{${namespace}:w}` });
  closers.push(async () => {
    await queue.close();
    connection.disconnect();
  });
  return queue;
}

describe('wake-ups by BullMQ', () => {
  it('come to one of the processes, each once', async () => {
    const namespace = uniqueNamespace();
    const [one, other] = [await open(namespace, ['Item']), await open(namespace, ['Item'])];
    for (let shard = 0; shard < 20; shard++) one.wakeUps.wake('Item', shard, 0);
    const all = () => [...one.diary.flushes, ...other.diary.flushes];
    await until('all have come', () => all().length >= 20);
    expect(all().sort()).toEqual(Array.from({ length: 20 }, (_, shard) => `Item ${shard}`).sort());
    expect([...one.errors, ...other.errors]).toEqual([]);
  });

  it('that are near come in time, although one further away is known already', async () => {
    const namespace = uniqueNamespace();
    const { wakeUps, diary } = await open(namespace, ['Item']);
    wakeUps.wake('Item', 3, MINUTE);
    const queue = queueOf(namespace);
    await until('the far one is known', async () => (await queue.getDelayedCount()) >= 1);
    wakeUps.wake('Item', 3, 10);
    await until('the near one has come', () => diary.flushes.length > 0);
    expect(diary.flushes).toEqual(['Item 3']);
  });

  it('of a shard are at most two, a near and a far one, however often they are asked for', async () => {
    const namespace = uniqueNamespace();
    const { wakeUps, errors } = await open(namespace, undefined);
    const queue = queueOf(namespace);
    for (let i = 0; i < 10; i++) {
      for (const delay of [MINUTE, 1_000, 30_000, 900]) wakeUps.wake('Item', 3, delay);
      wakeUps.wake('Item', 4, 2 * MINUTE);
    }
    // Redis takes them in their order: once this one is there, the others have been.
    wakeUps.wake('Last', 0, MINUTE);
    await until('all were sent', async () => (await queue.getDelayed()).some(({ data }) => data.entity === 'Last'));
    const jobs = (await queue.getDelayed()).filter(({ data }) => data.entity === 'Item');
    const found = jobs.map(({ data, opts }) => [data.shard, opts.deduplication?.id]).sort();
    expect(found).toEqual([
      [3, 'Item.3'],
      [3, 'Item.3 far'],
      [4, 'Item.4 far'],
    ]);
    expect(errors).toEqual([]);
  });

  it('of an entity that a process does not know reach one that knows it', async () => {
    const namespace = uniqueNamespace();
    const old = await open(namespace, ['Item']);
    // Alone it takes the wake-up first, and hands it on.
    old.wakeUps.wake('Newer', 7, 0);
    const queue = queueOf(namespace);
    await until('it was handed on', async () => {
      const jobs = await queue.getJobs();
      return jobs.some(({ data }) => data.entity === 'Newer' && data.hands > 0);
    });
    const newer = await open(namespace, ['Item', 'Newer']);
    await until('it has come', () => newer.diary.flushes.length > 0);
    expect([newer.diary.flushes, old.diary.flushes, old.errors]).toEqual([['Newer 7'], [], []]);
  });

  it('of an entity that nobody knows are handed on for a while, and then no more', async () => {
    const namespace = uniqueNamespace();
    const { wakeUps, diary, errors } = await open(namespace, ['Item']);
    wakeUps.wake('Unknown', 0, 0);
    await until('it was handed on 20 times', () => diary.unknown >= 21);
    // One more would have come by then.
    wakeUps.wake('Item', 0, 300);
    await until('others come', () => diary.flushes.length > 0);
    expect([diary.unknown, diary.flushes, errors]).toEqual([21, ['Item 0'], []]);
  });

  it('stay apart where clients have different prefixes', async () => {
    const namespace = uniqueNamespace();
    const one = await open(namespace, ['Item'], { keyPrefix: 'one:' });
    const other = await open(namespace, ['Item'], { keyPrefix: 'other:' });
    for (let shard = 0; shard < 10; shard++) one.wakeUps.wake('Item', shard, 0);
    await until('all have come', () => one.diary.flushes.length >= 10);
    expect([one.diary.flushes.length, other.diary.flushes]).toEqual([10, []]);
    const direct = new Redis(redisUrl());
    closers.push(() => direct.quit());
    const keys = await direct.keys(`*${namespace}*`);
    expect(new Set(keys.map((key) => key.slice(0, key.indexOf('{'))))).toEqual(new Set(['one:', 'other:']));
  });
});

describe('closing wake-ups', () => {
  const ends = async (opened: Opened, limit: number): Promise<void> => {
    const begin = performance.now();
    await opened.wakeUps.close(limit);
    expect(performance.now() - begin).toBeLessThan(limit + 15_000);
    expect(opened.made.length).toBeGreaterThanOrEqual(3); // those of the queue, of the worker, and the one it waits with
    await until('no connection is left', () => opened.made.every(hasEnded));
    // Nor does one come again.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(opened.made.filter((client) => !hasEnded(client))).toEqual([]);
  };

  it('leaves no connection', async () => {
    await ends(await open(uniqueNamespace(), ['Item']), 5_000);
  });

  it.each<[string, (proxy: RedisProxy) => void]>([
    ['refuses connections', (proxy) => proxy.cut()],
    ['hangs', (proxy) => proxy.stall()],
  ])('ends within its limit and leaves no connection when Redis %s', async (_, happen) => {
    const proxy = await startRedisProxy(redisUrl());
    closers.push(() => proxy.stop());
    const opened = await open(uniqueNamespace(), ['Item'], { url: proxy.url });
    happen(proxy);
    await ends(opened, 500);
  });

  it('leaves no connection of a process that takes no wake-ups', async () => {
    const proxy = await startRedisProxy(redisUrl());
    closers.push(() => proxy.stop());
    const { wakeUps, made } = await open(uniqueNamespace(), undefined, { url: proxy.url });
    proxy.cut();
    await wakeUps.close(500);
    await until('no connection is left', () => made.every(hasEnded));
  });

  it('takes nothing more, and who asks for a wake-up all the same is not thrown at', async () => {
    const namespace = uniqueNamespace();
    const { wakeUps, diary } = await open(namespace, ['Item']);
    await wakeUps.close(5_000);
    wakeUps.wake('Item', 0, 0);
    const queue = queueOf(namespace);
    expect([(await queue.getJobs()).filter(({ name }) => name === 'flush'), diary.flushes]).toEqual([[], []]);
  });
});

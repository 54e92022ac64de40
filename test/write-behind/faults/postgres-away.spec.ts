import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { PrismaPg } from '@prisma/adapter-pg';
import { Redis } from 'ioredis';
import { PrismaClient } from '../../../examples/storefront/src/generated/prisma/client.js';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { type RedisProxy, startRedisProxy } from '../../support/redis-proxy.js';
import { databaseUrl, redisUrl } from '../../support/services.js';
import { withOptions } from '../prisma-world.js';
import { ItemShards, itemOf } from './own-world.js';

const KEYS = 20;
const OUTAGE = 5_000;

const world = useWriteBehind();
let proxy: RedisProxy; // it forwards bytes, whatever they say
let redis: Redis;
beforeEach(async () => {
  const { host } = new URL(databaseUrl());
  proxy = await startRedisProxy(`redis://${host}`);
  redis = new Redis(redisUrl());
});
const clients: PrismaClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.$disconnect();
  await proxy.stop();
  await redis.quit();
});

it('Postgres away while hot rows are written: no more memory than the rows need, no attempt charged, a quiet log, and all of it is there soon after', async () => {
  const here = await world();
  const url = new URL(withOptions(databaseUrl(), `-c search_path=${here.schema}`));
  url.host = new URL(proxy.url).host;
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url.href, max: 6 }) });
  clients.push(client);
  const app = await here.app({ writeBehind: { client, flushDelay: 20, sweep: 200, rowAttempts: 2 } });
  const { items } = app;
  const shards = new ItemShards(redis, here.namespace);
  await Promise.all(Array.from({ length: KEYS }, (_, i) => items.put(itemOf(`hot${i}`, 0))));
  await eventually(async () => (await items.stats()).dirty === 0);
  const told = app.log.length;
  const { retries } = await items.stats();

  proxy.cut();
  const end = performance.now() + OUTAGE;
  let n = 0;
  const most = { dirty: 0, bytes: 0, jobs: 0 };
  const write = async (): Promise<void> => {
    while (performance.now() < end) {
      const number = ++n;
      await items.put(itemOf(`hot${number % KEYS}`, number));
    }
  };
  const look = async (): Promise<void> => {
    while (performance.now() < end) {
      const { dirty, bytes } = await items.stats();
      const jobs = (await redis.keys(`{${here.namespace}:w}:write-behind:*`)).filter((key) => /:\d+$/.test(key)).length;
      for (const [name, value] of Object.entries({ dirty, bytes, jobs })) {
        most[name as keyof typeof most] = Math.max(most[name as keyof typeof most], value);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await Promise.all([look(), write(), write(), write(), write()]);
  const during = await items.stats();
  expect(n).toBeGreaterThan(50 * KEYS);
  expect(during).toMatchObject({ dirty: KEYS, deadLetters: 0, paused: 'The database does not answer.' });
  expect(most.dirty).toBe(KEYS);
  expect(most.bytes).toBeLessThan(KEYS * 200);
  expect(most.jobs).toBeLessThan(3 * 16); // at most one for each shard that waits, one that runs, and the sweeps
  expect(await shards.charged()).toBe(0);
  // Those that were under way find it out, and then one small question is asked now and then.
  expect(during.retries - retries).toBeLessThanOrEqual(16);
  expect(app.log.slice(told).length).toBeLessThanOrEqual(3);
  await expect(items.get('unknown')).rejects.toThrow();
  await shards.check();

  proxy.restore();
  const back = performance.now();
  await eventually(async () => (await items.stats()).dirty === 0);
  expect(performance.now() - back).toBeLessThan(20_000);
  const last = Array.from({ length: KEYS }, (_, i) =>
    Math.max(...[...Array(KEYS).keys()].map((k) => n - k).filter((m) => m % KEYS === i)),
  );
  const rows = await here.rows();
  expect(rows.map(({ id }) => id).sort()).toEqual(last.map((_, i) => `hot${i}`).sort());
  for (const row of rows) expect(await items.get(row.id)).toEqual(row);
  expect(await items.stats()).toMatchObject({ deadLetters: 0, bytes: 0 });
  expect(app.log.slice(told).filter((line) => line.includes('answers again'))).toHaveLength(1);
}, 60_000);

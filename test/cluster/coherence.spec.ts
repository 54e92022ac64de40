import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';
import type { CacheService } from '../../src/index.js';
import type { RedisTierOptions } from '../../src/redis.js';
import { slotOf } from '../../src/tiers/redis/cluster/slots.js';
import { until, useWorld } from '../e2e/world.js';

const world = useWorld();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 60_000);
afterAll(() => cluster.end());

const open = async (tier: Partial<RedisTierOptions> = {}, more: object = {}): Promise<CacheService> => {
  const place = tier.client ? {} : { cluster: { nodes: cluster.addresses } };
  return (await world.app({ url: false, tier: { bus: true, bound: 500, ...place, ...tier }, ...more })).cache;
};

const two = async (tier?: Partial<RedisTierOptions>, more?: object): Promise<[CacheService, CacheService]> => [
  await open(tier, more),
  await open(tier, more),
];

const FILMS = Array.from({ length: 60 }, (_, i) => `film:${i}`);

/** Has all films in the memory of both. */
async function fill(a: CacheService, b: CacheService, value: string): Promise<void> {
  await Promise.all(FILMS.map((key) => a.getOrLoad(key, () => `${value} ${key}`, { tags: ['t'] })));
  await a.idle();
  // Or the lease of one of the masters is late, on a busy machine.
  await until('the other one has all in memory', async () => {
    const found = await b.getMany(FILMS);
    // The same machine may not have let Redis answer in time when one was to be stored.
    for (const key of FILMS) if (!found.has(key)) await a.set(key, `${value} ${key}`, { tags: ['t'] });
    return FILMS.every((key) => b.peek(key) === `${value} ${key}`);
  });
}

describe('two caches on a cluster agree over all slots', () => {
  it('when keys, tags, prefixes, patterns and everything are evicted', async () => {
    const [a, b] = await two();
    const changes: [string, () => Promise<unknown>][] = [
      ['keys', () => Promise.all(FILMS.map((key) => a.evict(key)))],
      ['several keys', () => a.evict(FILMS)],
      ['a tag', () => a.evict({ tags: ['t'] })],
      ['a prefix', () => a.evict({ prefix: 'film:' })],
      ['a pattern', () => a.evict({ pattern: 'film:*' })],
      ['everything', () => a.clear()],
    ];
    for (const [what, change] of changes) {
      await fill(a, b, what);
      await change();
      await until(`${what}: heard`, () => FILMS.every((key) => b.peek(key) === undefined));
      expect(await Promise.all(FILMS.map((key) => b.get(key)))).toEqual(FILMS.map(() => undefined));
    }
    expect([a.stats().errors, b.stats().errors]).toEqual([0, 0]);
    expect(a.stats().redis?.bus?.lease).toBe(true);
    expect(
      a
        .stats()
        .redis?.nodes?.map(({ slots }) => slots)
        .sort(),
    ).toEqual([5461, 5461, 5462]);
  });
});

it('leaves nothing open when the app ends', async () => {
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const app = await world.app({ url: false, tier: { bus: true, cluster: { nodes: cluster.addresses } } });
  await app.cache.getOrLoad('key', async () => 1, { tags: ['t'] });
  const before = sockets();
  await app.close();
  await until('two connections to each master are gone', () => sockets() <= before - 6);
});

it('reads and stores many values, each at its master', async () => {
  const [a, b] = await two();
  const loaded = await a.getOrLoadMany(FILMS, async (keys) => new Map(keys.map((key) => [String(key), `row ${key}`])));
  expect(loaded.size).toBe(FILMS.length);
  await a.idle();
  const found = await b.getMany(FILMS);
  expect([...found.values()]).toEqual(FILMS.map((key) => `row ${key}`));
  await b.setMany(FILMS.map((key) => [key, `set ${key}`]));
  await until('it is heard', async () => (await a.getMany(FILMS)).get('film:7') === 'set film:7');
});

it('loads what several processes want once', async () => {
  const [a, b] = await two();
  const loads = new Map<string, number>();
  const load = async (key: string): Promise<string> => {
    loads.set(key, (loads.get(key) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return `row ${key}`;
  };
  const all = [a, b].flatMap((cache) => FILMS.map((key) => cache.getOrLoad(key, () => load(key))));
  expect(await Promise.all(all)).toEqual([...FILMS, ...FILMS].map((key) => `row ${key}`));
  expect([...loads.values()]).toEqual(FILMS.map(() => 1));
});

it('has counters, leases and rate limits over all slots', async () => {
  const [a, b] = await two();
  for (let i = 0; i < 20; i++) {
    await a.increment(`hits:${i}`, i);
    expect(await b.increment(`hits:${i}`, 1)).toBe(i + 1);
    const lease = await a.lease(`job:${i}`, { ttl: '10s' });
    expect(await b.lease(`job:${i}`, { ttl: '10s' })).toBeNull();
    expect(await lease?.release()).toBe(true);
    expect((await a.rateLimit(`login:${i}`, { limit: 1, window: '10s' })).allowed).toBe(true);
    expect((await b.rateLimit(`login:${i}`, { limit: 1, window: '10s' })).allowed).toBe(false);
  }
  await a.evict(Array.from({ length: 20 }, (_, i) => `hits:${i}`));
  expect(await b.increment('hits:7', 1)).toBe(1);
});

it('works with the nodes, options and key prefix of a cluster client of the app', async () => {
  const client = new Cluster(cluster.addresses, { keyPrefix: 'shop:', redisOptions: { connectionName: 'own' } });
  world.later(() => client.quit());
  const [a, b] = await two({ client: client as unknown as RedisTierOptions['client'] & object });
  await fill(a, b, 'own');
  await a.evict({ tags: ['t'] });
  await until('heard', () => FILMS.every((key) => b.peek(key) === undefined));
  const names = await Promise.all((await cluster.masters()).map(({ admin }) => admin.keys(`*${world.namespace}*`)));
  expect(names.flat().length).toBeGreaterThan(FILMS.length);
  expect(names.flat().every((name) => name.startsWith('shop:'))).toBe(true);
});

it('says which master has a key', async () => {
  const cache = await open();
  const nodes = (cache.stats().redis?.nodes ?? []).map(({ node }) => node);
  const told = await Promise.all(FILMS.map(async (key) => (await cache.explain(key)).node));
  expect(new Set(told)).toEqual(new Set(nodes));
});

it('has every name in the slot that Redis says', async () => {
  const cache = await open();
  await Promise.all(FILMS.map((key) => cache.set(key, 1, { tags: [`{t}${key}`, 'ä'] })));
  for (const { admin } of await cluster.masters()) {
    for (const name of await admin.keys(`${world.namespace}*`)) {
      expect(slotOf(name)).toBe(await admin.call('CLUSTER', 'KEYSLOT', name));
    }
  }
});

import { describe, expect, it } from '@jest/globals';
import { type CacheService, getCacheToken } from '../../src/index.js';
import { type TestApp, useWorld } from './world.js';

describe('namespaces', () => {
  const world = useWorld();

  /** Caches that share nothing but the Redis, all with the same keys in them. */
  async function caches(): Promise<Record<string, CacheService>> {
    // Without memory, which would go on answering whatever happened in Redis.
    const memory = false as const;
    const named = [
      { name: 'x', memory },
      { name: 'y', memory },
    ];
    const one = await world.app({ memory, named });
    const inside = await world.app({ memory, namespace: `${world.namespace}:b`, named });
    const beside = await world.app({ memory, namespace: `${world.namespace}b` });
    const of = (app: TestApp, name: string) => app.get<CacheService>(getCacheToken(name) as string);
    const all = {
      root: one.cache,
      'root/x': of(one, 'x'),
      'root/y': of(one, 'y'),
      'root:b': inside.cache,
      'root:b/x': of(inside, 'x'),
      rootb: beside.cache,
    };
    for (const [name, cache] of Object.entries(all)) {
      for (const key of KEYS) await cache.set(key, `${key} of ${name}`, { tags: ['tag'] });
      await cache.increment('key:1', 5);
      await cache.lease('key:1', { ttl: '1m' });
      await cache.rateLimit('key:1', { limit: 1, window: '1m' });
    }
    return all;
  }

  const KEYS = ['key:1', 'b:e:key:1', 'x', '*'];

  const INVALIDATIONS: [what: string, act: (cache: CacheService) => Promise<void>][] = [
    ['clear', (cache) => cache.clear()],
    ['a pattern for everything', (cache) => cache.evict({ pattern: '*' })],
    ['a tag', (cache) => cache.evict({ tags: ['tag'] })],
    ['the keys', (cache) => cache.evict(KEYS)],
  ];

  it.each(INVALIDATIONS)('keep %s of one cache from all others', async (_what, act) => {
    const all = await caches();
    for (const [name, cache] of Object.entries(all)) {
      await act(cache);
      for (const key of KEYS) expect(await cache.get(key)).toBeUndefined();
      for (const [other, untouched] of Object.entries(all)) {
        if (other === name) continue;
        for (const key of KEYS) expect(await untouched.get(key)).toBe(`${key} of ${other}`);
      }
      for (const key of KEYS) await cache.set(key, `${key} of ${name}`, { tags: ['tag'] });
    }
  });

  it('keep their counters, leases and rate limits apart, and clear takes none of them', async () => {
    const all = await caches();
    for (const [name, cache] of Object.entries(all)) {
      expect(await cache.increment('key:1', 0)).toBe(5);
      await cache.increment('key:1', 1);
      await cache.clear();
      expect([name, await cache.increment('key:1', -1)]).toEqual([name, 5]);
      expect(await cache.lease('key:1', { ttl: '1m' })).toBeNull();
      expect((await cache.rateLimit('key:1', { limit: 1, window: '1m' })).allowed).toBe(false);
    }
  });

  it('make counters invisible to reads: they are no cached values', async () => {
    const { cache } = await world.app();
    await cache.increment('count', 3);
    expect(await cache.get('count')).toBeUndefined();
    await cache.set('count', 'value');
    expect(await cache.increment('count', 1)).toBe(4);
    await cache.evict('count');
    expect(await cache.increment('count', 1)).toBe(1);
  });

  it('keep everything below themselves in Redis', async () => {
    const all = await caches();
    await all.root?.getOrLoad('loaded', () => 1, { tags: ['t'] });
    await all.root?.idle();
    const keys = await world.redis.keys(`*${world.namespace}*`);
    const roots = [world.namespace, `${world.namespace}:b`, `${world.namespace}b`].flatMap((ns) => [
      ns,
      `${ns}/x`,
      `${ns}/y`,
    ]);
    const shape = new RegExp(`^(${roots.join('|')}):(?:[emnlr]|!echo):`);
    expect(keys.filter((key) => !shape.test(key))).toEqual([]);
  });

  it('are one connection for the commands of all caches of an app, and one that hears', async () => {
    const connectionName = world.namespace;
    const named = [{ name: 'x' }, { name: 'y' }];
    await world.app({ named, tier: { clientOptions: { connectionName } } });
    const list = String(await world.redis.client('LIST'));
    const own = list.split('\n').filter((line) => line.includes(`name=${connectionName} `));
    expect(own.map((line) => / sub=(\d+) /.exec(line)?.[1]).sort()).toEqual(['0', '4']); // the echo and three caches
  });

  it('let two caches have the same prefix, tag and clear without meeting', async () => {
    const one = await world.app({ memory: false, namespace: `${world.namespace}:a` });
    const two = await world.app({ memory: false, namespace: `${world.namespace}:a:b` });
    await one.cache.set('b:1', 'one', { tags: ['b'] });
    await two.cache.set('1', 'two', { tags: ['b'] });
    await one.cache.evict({ prefix: 'b:' });
    await one.cache.evict({ prefix: 'b' });
    await one.cache.evict({ tags: ['b'] });
    await one.cache.clear();
    expect(await two.cache.get('1')).toBe('two');
    expect(await one.cache.get('b:1')).toBeUndefined();
  });
});

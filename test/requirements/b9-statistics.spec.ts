import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { useWorld } from '../e2e/world.js';

describe('B9 statistics', () => {
  const world = useWorld();
  let cache: CacheService;

  beforeEach(async () => {
    const other = await world.app();
    await other.cache.setMany([
      ['in redis', 1],
      ['in redis too', 2],
    ]); // prettier-ignore
    ({ cache } = await world.app({ memory: { maxEntries: 3 } }));
  });

  it('B9 requests, hits per level, misses and hit ratio', async () => {
    await cache.get('in redis'); // redis
    await cache.get('in redis'); // memory
    await cache.getOrLoad('in redis', () => 0); // memory
    await cache.has('in redis too'); // redis
    await cache.getMany(['absent', 'in redis']); // miss, memory
    await cache.getOrLoad('loaded', () => 3); // miss
    await cache.idle();
    await cache.getEntry('loaded'); // memory
    const stats = cache.stats();
    expect(stats).toMatchObject({ requests: 8, hits: { memory: 4, redis: 2 }, misses: 2, loads: 1, hitRatio: 0.75 });
  });

  it('B9 size, memory and evictions', async () => {
    for (let i = 0; i < 5; i++) await cache.set(`key:${i}`, 'x'.repeat(100));
    const { memory } = cache.stats();
    expect(memory).toMatchObject({ entries: 3, maxEntries: 3, evictions: 2 });
    expect(memory.bytes).toBeGreaterThan(300);
    expect(memory.bytes).toBeLessThan(3_000);
    await cache.clear();
    expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0 });
  });

  it('B9 what was written, invalidated, failed, refused, skipped and served stale', async () => {
    await cache.set('a', 1, { grace: '1h' });
    await cache.write('b', async () => 2);
    await cache.evict({ tags: ['x'] });
    await cache.expire('a');
    await cache.getOrLoad('a', () => Promise.reject(new Error('down')), { grace: '1h' });
    await cache.getOrLoad('c', () => Promise.reject(new Error('down'))).catch(() => {});
    await cache.getOrLoad('d', () => () => 'a function');
    await cache.getOrLoad('e', async () => {
      await cache.evict('e');
      return 1;
    });
    await cache.idle();
    expect(cache.stats()).toMatchObject({
      ...{
        sets: 2,
        invalidations: 3,
        loads: 4,
        loadErrors: 2,
        stale: 1,
        skipped: 1,
        refused: 1,
        errors: 0,
        flights: 0,
      },
    });
  });

  it('B9 calls that shared a load, and loads under way', async () => {
    let release = (): void => {};
    const load = () => new Promise<number>((resolve) => (release = () => resolve(1)));
    const calls = [1, 2, 3].map(() => cache.getOrLoad('key', load));
    while (cache.stats().loads === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(cache.stats()).toMatchObject({ joined: 2, flights: 1 });
    release();
    await Promise.all(calls);
    await cache.idle();
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 3, flights: 0 });
  });

  it('B9 latency per operation and level', async () => {
    const slow = () => new Promise((resolve) => setTimeout(() => resolve(1), 30));
    for (let i = 0; i < 200; i++) await cache.get('in redis');
    for (let i = 0; i < 20; i++) await cache.getOrLoad(`key:${i}`, i === 0 ? slow : () => i);
    await cache.set('set', 1);
    await cache.evict('set');
    const { latency } = cache.stats();
    for (const operation of ['memoryHit', 'redisHit', 'miss', 'load', 'set', 'evict'] as const) {
      const { timed, mean, p50, p99, max } = latency[operation];
      expect([operation, timed > 0]).toEqual([operation, true]);
      expect(mean).toBeGreaterThan(0);
      expect(p50).toBeLessThanOrEqual(p99);
      expect(p99).toBeLessThanOrEqual(max * 1.02); // the histogram rounds
    }
    expect(latency.load.max).toBeGreaterThan(25);
    expect(latency.memoryHit.p50).toBeLessThan(latency.redisHit.p50);
  });

  it('B9 the state of Redis and what waits for it', async () => {
    const proxy = await world.proxy();
    const app = await world.app({ url: proxy.url, tier: { bound: '1h' } });
    await app.cache.get('in redis');
    expect(app.cache.stats().redis).toEqual({
      ready: true,
      commands: { answered: 2, failed: 0, notSent: 0 }, // one to hear itself
      undelivered: 0,
      bus: { lease: true, lag: expect.any(Number), heard: 0, gaps: 0, unsafe: 0 },
    });
    proxy.cut();
    while (app.cache.stats().redis?.ready) await new Promise((resolve) => setImmediate(resolve));
    await app.cache.evict(['a', 'b', 'c']);
    expect(app.cache.stats().redis).toMatchObject({ ready: false, undelivered: 4 }); // three keys, and the key of all parts
    expect((await world.app({ url: false })).cache.stats().redis).toBeUndefined();
  });
});

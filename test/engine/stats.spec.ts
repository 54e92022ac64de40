import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { embeddedCache } from './embedded-cache.js';

describe('stats', () => {
  it('are all 0 before the first call', () => {
    const { cache } = embeddedCache({ memory: { maxEntries: 7, maxBytes: 5_000 } });
    expect(cache.stats()).toMatchObject({
      ...{ requests: 0, hits: { memory: 0, redis: 0 }, misses: 0, hitRatio: 0, joined: 0, loads: 0, loadErrors: 0 },
      ...{ stale: 0, sets: 0, invalidations: 0, refused: 0, skipped: 0, errors: 0, flights: 0, redis: undefined },
      memory: { entries: 0, bytes: 0, evictions: 0, maxEntries: 7, maxBytes: 5_000 },
    });
  });

  it('count requests by how they were answered', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    await cache.get('a');
    await cache.getEntry('a');
    await cache.has('a');
    await cache.getOrLoad('a', () => 2);
    await cache.get('b');
    await cache.has('b');
    await cache.getOrLoad('b', () => 2);
    expect(cache.stats()).toMatchObject({ requests: 7, hits: { memory: 4 }, misses: 3, loads: 1, hitRatio: 4 / 7 });
  });

  it('count no request for peek, explain and the invalidations', async () => {
    const { cache } = embeddedCache();
    cache.peek('a');
    await cache.explain('a');
    await cache.evict('a');
    await cache.expire({ tags: ['t'] });
    await cache.clear();
    expect(cache.stats()).toMatchObject({ requests: 0, invalidations: 3 });
  });

  it('count puts of all kinds', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    await cache.setMany([
      ['b', 1],
      ['c', 1],
    ]);
    await cache.write('d', async () => 1);
    expect(cache.stats()).toMatchObject({ sets: 4, memory: { entries: 4 } });
  });

  it('know how much memory holds, and how many entries left for lack of room', async () => {
    const { cache } = embeddedCache({ memory: { maxEntries: 3 } });
    for (let i = 0; i < 5; i++) await cache.set(`k${i}`, 'x'.repeat(1_000));
    const { memory } = cache.stats();
    expect(memory).toMatchObject({ entries: 3, evictions: 2, maxEntries: 3 });
    expect(memory.bytes).toBeGreaterThan(3_000);
    await cache.evict(['k2', 'k3', 'k4']);
    expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0, evictions: 2 });
  });

  it('time loads, and some of the rest', async () => {
    const { cache } = embeddedCache();
    for (let i = 0; i < 300; i++) {
      await cache.set('a', 1);
      await cache.get('a');
      await cache.getOrLoad(`k${i % 10}`, () => i);
    }
    await cache.evict('a');
    const { latency } = cache.stats();
    expect(latency).toMatchObject({
      load: { timed: 10 },
      evict: { timed: 1 },
      redisHit: { timed: 0, mean: 0, max: 0 },
    });
    for (const name of ['memoryHit', 'set', 'miss'] as const) expect(latency[name].timed).toBeGreaterThan(0);
    for (const { timed, p50, p99, max } of Object.values(latency)) {
      if (timed === 0) continue;
      expect([p50 > 0, p99 >= p50, p99 <= max * 1.02]).toEqual([true, true, true]);
    }
  });

  it('add up, whatever was called', async () => {
    const call = fc.record({
      kind: fc.constantFrom('get', 'load', 'fail', 'set', 'evict', 'tag', 'wait'),
      key: fc.constantFrom('a', 'b', 'c'),
      times: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
        const { cache, clock } = embeddedCache({ ttl: '2s', grace: '2s', graceBackoff: '1s' });
        const heard = { hit: 0, miss: 0, load: 0, loaded: 0, stale: 0, store: 0 };
        for (const name of Object.keys(heard) as (keyof typeof heard)[]) cache.on(name, () => heard[name]++);
        let asked = 0;
        for (const { kind, key, times } of calls) {
          const all = Array.from({ length: times }, async () => {
            if (kind === 'get' || kind === 'load' || kind === 'fail') asked++;
            if (kind === 'get') await cache.get(key);
            if (kind === 'load') await cache.getOrLoad(key, async () => 1, { tags: ['t'] });
            if (kind === 'fail') await cache.getOrLoad(key, () => Promise.reject(1)).catch(() => 0);
            if (kind === 'set') await cache.set(key, 1);
            if (kind === 'evict') await cache.evict(key);
            if (kind === 'tag') await cache.evict({ tags: ['t'] });
          });
          await Promise.all(all);
          if (kind === 'wait') await clock.advance('1s');
        }
        const stats = cache.stats();
        expect(stats.requests).toBe(asked);
        expect([stats.hits.memory, stats.misses]).toEqual([heard.hit, heard.miss]);
        expect([stats.loads, stats.loads, stats.stale]).toEqual([heard.load, heard.loaded, heard.stale]);
        expect(stats.hits.memory + stats.misses).toBe(asked);
        expect(stats.loads + stats.joined).toBeLessThanOrEqual(stats.misses);
        expect([stats.flights, stats.errors, stats.hits.redis]).toEqual([0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});

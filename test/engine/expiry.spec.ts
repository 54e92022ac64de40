import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { CacheEntry } from '../../src/cache.service.js';
import { embeddedCache } from './embedded-cache.js';

describe('a value', () => {
  it('is served until its ttl is over, and not a millisecond longer', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1m' });
    await cache.set('a', 1);
    await clock.advance(59_999);
    expect([await cache.get('a'), cache.peek('a'), await cache.has('a')]).toEqual([1, 1, true]);
    await clock.advance(1);
    expect([await cache.get('a'), cache.peek('a'), await cache.has('a')]).toEqual([undefined, undefined, false]);
    expect(await cache.getEntry('a')).toBeUndefined();
  });

  it('has the ttl of its call, else of its policy, else of the cache', async () => {
    const { cache, clock } = embeddedCache({ ttl: '3s', policies: { brief: { ttl: '2s' } } });
    await cache.setMany([['cache', 1]]);
    await cache.set('policy', 1, { policy: 'brief' });
    await cache.set('call', 1, { policy: 'brief', ttl: '1s' });
    const left = async (): Promise<string[]> =>
      Array.from((await cache.getMany(['call', 'policy', 'cache'])).keys(), String);
    await clock.advance(999);
    expect(await left()).toEqual(['call', 'policy', 'cache']);
    await clock.advance(1);
    expect(await left()).toEqual(['policy', 'cache']);
    await clock.advance('1s');
    expect(await left()).toEqual(['cache']);
    await clock.advance('1s');
    expect(await left()).toEqual([]);
  });

  it('is not kept longer by being read', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s' });
    await cache.set('a', 1);
    for (let i = 0; i < 9; i++) {
      await clock.advance('1s');
      expect(await cache.getOrLoad('a', () => 2)).toBe(1);
    }
    await clock.advance('1s');
    expect(await cache.getOrLoad('a', () => 2)).toBe(2);
  });

  it('that is loaded lives from the end of its load', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s' });
    const loading = cache.getOrLoad('a', async () => {
      await clock.advance('8s');
      return 1;
    });
    expect(await loading).toBe(1);
    await clock.advance(9_999);
    expect(await cache.get('a')).toBe(1);
    await clock.advance(1);
    expect(await cache.get('a')).toBeUndefined();
  });

  it('begins a new life when it is set again', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s' });
    await cache.set('a', 1);
    await clock.advance('9s');
    await cache.set('a', 2);
    await clock.advance('9s');
    expect(await cache.get('a')).toBe(2);
  });

  it('may live until it is evicted', async () => {
    const { cache, clock } = embeddedCache({ ttl: Number.POSITIVE_INFINITY, jitter: 0.9, random: () => 0.99 });
    await cache.set('a', 1);
    await clock.advance(8_000 * 365 * 86_400_000);
    expect(await cache.get('a')).toBe(1);
    await cache.evict('a');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('comes with its times, its tags, and where it came from', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s', grace: '5s' });
    const now = clock.now();
    const times = { createdAt: now, expiresAt: now + 10_000, staleUntil: now + 15_000, tier: 'memory' };
    await cache.set('set', 1, { tags: ['x', 'y'] });
    await cache.getOrLoad('load', () => 2, { tags: ['z'] });
    await clock.advance('3s');
    expect(await cache.getEntry('set')).toEqual({ value: 1, tags: ['x', 'y'], source: 'set', ...times });
    expect(await cache.getEntry('load')).toEqual({ value: 2, tags: ['z'], source: 'load', ...times });
  });
});

describe('jitter', () => {
  async function lifeOf(ttl: number, jitter: number, random: number): Promise<number> {
    const { cache, clock } = embeddedCache({ ttl, jitter, random: () => random });
    await cache.set('a', 1);
    return ((await cache.getEntry('a')) as CacheEntry).expiresAt - clock.now();
  }

  it('shortens the life by at most its share, and never lengthens it', async () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), share, share, async (ttl, jitter, chance) => {
        const life = await lifeOf(ttl, jitter, chance);
        expect(life).toBeLessThanOrEqual(ttl);
        expect(life).toBeGreaterThanOrEqual(Math.max(1, Math.floor(ttl * (1 - jitter))));
      }),
    );
  });

  it('uses its whole share', async () => {
    expect(await lifeOf(100_000, 0.2, 0)).toBe(100_000);
    expect(await lifeOf(100_000, 0.2, 0.5)).toBe(90_000);
    expect(await lifeOf(100_000, 0.2, 1 - 1e-9)).toBe(80_000);
  });

  it('gives values that were stored together different ends, also loaded and written ones', async () => {
    let turn = 0;
    const { cache, clock } = embeddedCache({ ttl: 1_000, jitter: 0.5, random: () => turn++ / 100 });
    await cache.set('a', 1);
    await cache.getOrLoad('b', () => 1);
    await cache.write('c', async () => 1);
    await cache.set('d', 1);
    const entries = await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.getEntry(key)));
    const lives = entries.map((entry) => (entry as CacheEntry).expiresAt - clock.now());
    expect(new Set(lives).size).toBe(4);
    for (const life of lives) expect([life > 500, life <= 1_000]).toEqual([true, true]);
  });
});

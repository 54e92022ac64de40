import { beforeEach, describe, expect, it } from '@jest/globals';
import { decodeEntry } from '../../src/engine/entry-format.js';
import type { CacheService } from '../../src/index.js';
import { type AppOptions, useWorld } from './world.js';

/** An entry whose marker is gone is stale: markers must outlive every entry that carries them. */
describe('markers in Redis', () => {
  const world = useWorld();
  let cache: CacheService;
  const options: AppOptions = { ttl: '1m', hardTimeout: '1s', prefixes: ['item:*:'] };

  beforeEach(async () => {
    ({ cache } = await world.app(options));
  });

  /** Names of the markers of an entry, and by how much the shortest lived one outlives it. */
  async function check(key: string): Promise<{ markers: readonly string[]; spare: number }> {
    await cache.idle();
    const bytes = await world.redis.getBuffer(world.entry(key));
    const entry = bytes && decodeEntry(bytes);
    if (entry?.kind !== 'value') throw new Error(`There is no value under ${key}.`);
    const lives = await Promise.all(entry.markers.map((name) => world.redis.pttl(world.marker(name))));
    return { markers: entry.markers, spare: Math.min(...lives) - (await world.redis.pttl(world.entry(key))) };
  }

  const all = ['*', 'p:item:', 'p:item:1:', 't:a', 't:b'];
  const tags = ['a', 'b'];
  const tell = (act: () => void): number => {
    act();
    return 1;
  };

  it.each<[string, () => Promise<unknown>]>([
    ['a load', () => cache.getOrLoad('item:1:x', () => 1, { tags })],
    ['a load with a long life of its own', () => cache.getOrLoad('item:1:x', () => 1, { tags, ttl: '30d' })],
    ['a load with a long grace', () => cache.getOrLoad('item:1:x', () => 1, { tags, grace: '30d' })],
    ['a load that lives for ever', () => cache.getOrLoad('item:1:x', () => 1, { tags, ttl: Number.POSITIVE_INFINITY })],
    ['a load that tells its tags', () => cache.getOrLoad('item:1:x', (load) => tell(() => load.setTags(tags)))],
    [
      'a load that tells a longer life',
      () => cache.getOrLoad('item:1:x', (load) => tell(() => load.setTtl('30d')), { tags }),
    ],
    ['a set', () => cache.set('item:1:x', 1, { tags, ttl: '30d' })],
    ['a write', () => cache.write('item:1:x', async () => 1, { tags, ttl: '30d' })],
    ['many sets', () => cache.setMany([['item:1:x', 1]], { tags, ttl: '30d' })],
    ['a load of many', () => cache.getOrLoadMany(['item:1:x'], () => new Map([['item:1:x', 1]]), { tags, ttl: '30d' })],
  ])('outlive the entry of %s', async (what, store) => {
    await store();
    const { markers, spare } = await check('item:1:x');
    expect([...markers].sort()).toEqual([...all].sort());
    // For ever is 8,900 years for both, and the markers began first.
    expect(spare).toBeGreaterThanOrEqual(what.includes('for ever') ? -60_000 : 0);
  });

  it('outlive the longest lived of entries that were stored in the same tick', async () => {
    await Promise.all([
      cache.getOrLoad('item:1:short', () => 1, { ttl: '1s' }),
      cache.getOrLoad('item:1:long', () => 1, { ttl: '30d' }),
      cache.set('item:1:shorter', 1, { ttl: '1s' }),
      cache.set('item:1:longer', 1, { ttl: '60d' }),
    ]);
    for (const key of ['short', 'long', 'shorter', 'longer']) {
      expect((await check(`item:1:${key}`)).spare).toBeGreaterThanOrEqual(0);
    }
  });

  it('are not shortened by an entry with a shorter life', async () => {
    await cache.set('item:1:long', 1, { tags, ttl: '30d' });
    await cache.set('item:1:short', 1, { tags, ttl: '1s' });
    await cache.getOrLoad('item:1:other', () => 1, { tags, ttl: '1s' });
    expect((await check('item:1:long')).spare).toBeGreaterThanOrEqual(0);
  });

  it('keep their life when they are changed', async () => {
    await cache.set('item:1:x', 1, { tags, ttl: '30d' });
    const before = await world.redis.pttl(world.marker('t:a'));
    await cache.evict({ tags: ['a'] });
    await cache.expire({ tags: ['a'] });
    expect(await world.redis.pttl(world.marker('t:a'))).toBeGreaterThan(before - 10_000);
  });

  it.each(['t:a', 'p:item:', '*'])(
    'that are lost (%s) make their entries misses, never valid for ever',
    async (marker) => {
      await cache.set('item:1:x', 'old', { tags });
      await world.redis.del(world.marker(marker));
      const reader = await world.app({ ...options, memory: false });
      expect(await reader.cache.get('item:1:x')).toBeUndefined();
      expect(await reader.cache.getOrLoad('item:1:x', () => 'new', { tags })).toBe('new');
      await reader.cache.idle();
      expect(await reader.cache.get('item:1:x')).toBe('new');
      await reader.cache.evict({ tags: ['a'] });
      expect(await reader.cache.get('item:1:x')).toBeUndefined();
    },
  );
});

import { describe, expect, it } from '@jest/globals';
import { useWorld } from '../e2e/world.js';

describe('B2 eviction: least recently used, by entries and by bytes, never above the bound', () => {
  const world = useWorld();

  it('B2 by entries: what was not used for longest goes first', async () => {
    const { cache } = await world.app({ url: false, memory: { maxEntries: 3 } });
    for (const key of ['a', 'b', 'c']) await cache.set(key, key);
    await cache.get('a');
    await cache.getOrLoad('b', () => 'not needed');
    await cache.set('d', 'd');
    expect(['a', 'b', 'c', 'd'].map((key) => cache.peek(key))).toEqual(['a', 'b', undefined, 'd']);
  });

  it('B2 by bytes: the estimate never exceeds the bound, whatever the sizes', async () => {
    const maxBytes = 20_000;
    const { cache } = await world.app({ url: false, memory: { maxBytes, maxEntries: 1_000 } });
    for (let i = 0; i < 500; i++) {
      await cache.set(`key:${i}`, { text: 'x'.repeat((i * 37) % 3_000), list: [i] });
      expect(cache.stats().memory.bytes).toBeLessThanOrEqual(maxBytes);
    }
    const { entries, evictions, bytes } = cache.stats().memory;
    expect(entries).toBeGreaterThan(3);
    expect(entries + evictions).toBe(500);
    expect(bytes).toBeGreaterThan(maxBytes / 2);
  });

  it('B2 by bytes: the estimate grows with what a value holds', async () => {
    const { cache } = await world.app({ url: false, maxValueBytes: 10_000_000 });
    const sizes: number[] = [];
    const values = [
      1,
      'x'.repeat(1_000),
      Buffer.alloc(10_000),
      new Map([['a', 'x'.repeat(100_000)]]),
      { deep: { list: ['x'.repeat(1_000_000)] } },
    ];
    for (const value of values) {
      const before = cache.stats().memory.bytes;
      await cache.set(`key:${sizes.length}`, value);
      sizes.push(cache.stats().memory.bytes - before);
    }
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    expect(sizes.every((size, i) => size >= ([8, 1_000, 10_000, 100_000, 1_000_000][i] ?? 0))).toBe(true);
  });

  it('B2 what is larger than the whole bound is not kept, and takes nothing else with it', async () => {
    const { cache } = await world.app({ url: false, memory: { maxBytes: 5_000 } });
    await cache.set('small', 1);
    await cache.set('large', 'x'.repeat(6_000));
    expect(await cache.get('large')).toBeUndefined();
    expect(await cache.get('small')).toBe(1);
    await cache.set('small', 'x'.repeat(6_000));
    expect(await cache.get('small')).toBeUndefined(); // not the value of before
  });

  it('B2 replacing, evicting and clearing give their room back', async () => {
    const { cache } = await world.app({ url: false, memory: { maxEntries: 10 } });
    for (let i = 0; i < 10; i++) await cache.set('key', 'x'.repeat(i));
    await cache.set('other', 1);
    expect(cache.stats().memory).toMatchObject({ entries: 2, evictions: 0 });
    await cache.evict('key');
    expect(cache.stats().memory.entries).toBe(1);
    await cache.clear();
    expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0 });
  });

  it('B2 what memory had no room for is still in Redis, and comes back from there', async () => {
    const { cache } = await world.app({ memory: { maxEntries: 5 } });
    const keys = Array.from({ length: 20 }, (_, i) => `key:${i}`);
    for (const key of keys) await cache.set(key, key);
    expect(cache.stats().memory.entries).toBe(5);
    expect([...(await cache.getMany(keys)).values()]).toEqual(keys);
    expect(cache.stats().memory.entries).toBe(5);
    expect(cache.stats().hits.redis).toBeGreaterThanOrEqual(15);
  });
});

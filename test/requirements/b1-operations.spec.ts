import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheModuleOptions, CacheOptionsError, type CacheService, type Duration } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { type AppOptions, useWorld } from '../e2e/world.js';

describe.each<[string, AppOptions]>([
  ['in memory', { url: false }],
  ['in Redis', { memory: false }],
  ['in memory over Redis', {}],
])('B1 the operations of a cache, %s', (_where, options) => {
  const world = useWorld();
  let clock: FakeClock;
  let cache: CacheService;

  beforeEach(async () => {
    clock = new FakeClock();
    ({ cache } = await world.app({ ...options, clock, ttl: '1m' }));
  });

  it('B1 get and set', async () => {
    expect(await cache.get('key')).toBeUndefined();
    await cache.set('key', { a: [1, 'two', null] });
    expect(await cache.get('key')).toEqual({ a: [1, 'two', null] });
    await cache.set('key', 'other');
    expect(await cache.get('key')).toBe('other');
  });

  it('B1 delete', async () => {
    await cache.set('key', 1);
    await cache.set('other', 2);
    await cache.evict('key');
    expect(await cache.get('key')).toBeUndefined();
    expect(await cache.get('other')).toBe(2);
    await cache.evict('never there');
  });

  it('B1 contains', async () => {
    expect(await cache.has('key')).toBe(false);
    await cache.set('key', null);
    expect(await cache.has('key')).toBe(true);
    await clock.advance('1m');
    expect(await cache.has('key')).toBe(false);
  });

  it('B1 clear', async () => {
    for (let i = 0; i < 10; i++) await cache.set(`key:${i}`, i);
    await cache.clear();
    for (let i = 0; i < 10; i++) expect(await cache.get(`key:${i}`)).toBeUndefined();
    await cache.set('key:1', 'after');
    expect(await cache.get('key:1')).toBe('after');
  });

  it('B1 size', async () => {
    for (let i = 0; i < 10; i++) await cache.set(`key:${i}`, i);
    const { entries, bytes } = cache.stats().memory;
    expect(entries).toBe(options.memory === false ? 0 : 10);
    expect(bytes > 0).toBe(options.memory !== false);
  });

  it('B1 the value with its metadata', async () => {
    const created = clock.now();
    await cache.set('key', 'value', { ttl: '30s', grace: '10s', tags: ['a', 'b'] });
    await clock.advance('10s');
    expect(await cache.getEntry('key')).toEqual({
      value: 'value',
      createdAt: created,
      expiresAt: created + 30_000,
      staleUntil: created + 40_000,
      tags: ['a', 'b'],
      tier: options.memory === false ? 'redis' : 'memory',
      source: 'set',
    });
    expect(await cache.getEntry('absent')).toBeUndefined();
  });

  it('B1 a ttl by default, and one for each entry', async () => {
    await cache.set('default', 1);
    await cache.set('short', 2, { ttl: 500 });
    await cache.set('long', 3, { ttl: '1h' });
    await cache.set('endless', 4, { ttl: Number.POSITIVE_INFINITY });
    await cache.getOrLoad('told', (context) => {
      context.setTtl('2h');
      return 5;
    });
    await cache.idle();
    const left = async () => [...(await cache.getMany(['default', 'short', 'long', 'endless', 'told'])).keys()];
    await clock.advance(499);
    expect(await left()).toEqual(['default', 'short', 'long', 'endless', 'told']);
    await clock.advance(1);
    expect(await left()).toEqual(['default', 'long', 'endless', 'told']);
    await clock.advance(59_500);
    expect(await left()).toEqual(['long', 'endless', 'told']);
    await clock.advance('1h');
    expect(await left()).toEqual(['endless', 'told']);
    await clock.advance('1h');
    expect(await left()).toEqual(['endless']);
  });

  it.each<[Duration, number]>([
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('B1 a ttl of %s is %d milliseconds, wherever it stands', async (ttl, milliseconds) => {
    const byDefault = (await world.app({ ...options, namespace: `${world.namespace}-2`, clock, ttl })).cache;
    for (const [one, at] of [
      [cache, { ttl }],
      [byDefault, undefined],
    ] as const) {
      await one.set('key', 1, at);
      expect((await one.getEntry('key'))?.expiresAt).toBe(clock.now() + milliseconds);
    }
  });

  it.each<[unknown]>([[0], [-1], [Number.NaN], ['5 minutes'], ['1w'], ['-5s'], [''], ['5'], [{}], [null]])(
    'B1 a ttl of %j for one entry is refused at once',
    async (ttl) => {
      await expect(cache.set('key', 1, { ttl: ttl as Duration })).rejects.toBeInstanceOf(CacheOptionsError);
      await expect(cache.getOrLoad('key', () => 1, { ttl: ttl as Duration })).rejects.toBeInstanceOf(CacheOptionsError);
      expect(await cache.get('key')).toBeUndefined();
    },
  );
});

describe('B1 capacity', () => {
  const world = useWorld();

  it('B1 a maximum of entries', async () => {
    const { cache } = await world.app({ url: false, memory: { maxEntries: 3 } });
    for (let i = 0; i < 10; i++) {
      await cache.set(`key:${i}`, i);
      expect(cache.stats().memory.entries).toBeLessThanOrEqual(3);
    }
    expect(cache.stats().memory).toMatchObject({ entries: 3, maxEntries: 3, evictions: 7 });
  });

  it.each<[string, CacheModuleOptions]>([
    ['memory.maxEntries', { memory: { maxEntries: 0 } }],
    ['memory.maxEntries', { memory: { maxEntries: -1 } }],
    ['memory.maxEntries', { memory: { maxEntries: 1.5 } }],
    ['memory.maxEntries', { memory: { maxEntries: Number.NaN } }],
    ['memory.maxBytes', { memory: { maxBytes: 0 } }],
    ['memory.maxBytes', { memory: { maxBytes: -5 } }],
    ['memory.ttl', { memory: { ttl: 0 } }],
    ['maxValueBytes', { maxValueBytes: 0 }],
    ['ttl', { ttl: 0 }],
    ['ttl', { ttl: -1 }],
    ['ttl', { ttl: 'soon' as '5m' }],
    ['grace', { grace: -1 }],
    ['hardTimeout', { hardTimeout: 0 }],
    ['jitter', { jitter: 1 }],
  ])('B1 a bad %s is refused when the app starts: %j', async (option, options) => {
    const starting = world.app({ ...options, url: false } as AppOptions);
    await expect(starting).rejects.toMatchObject({ code: 'CACHE_OPTIONS', problems: [{ option }] });
  });
});

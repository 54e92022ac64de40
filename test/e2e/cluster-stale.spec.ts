import { describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { slowLoader, until, useWorld } from './world.js';

const world = useWorld();

type Options = Parameters<typeof world.app>[0];

const caches = (count: number, options: Options = {}): Promise<CacheService[]> =>
  Promise.all(Array.from({ length: count }, async () => (await world.app({ tier: { bound: 400 }, ...options })).cache));

const total = (all: readonly CacheService[], what: 'loads' | 'stale' | 'waited' | 'refreshes'): number =>
  all.reduce((sum, cache) => sum + cache.stats()[what], 0);

/** A share of a day's life so small that each read finds the value due. */
const AT_ONCE = { ttl: '1d', refreshAhead: 1e-13 } as const;

/** Processes that have `old` under `film:1`, stale. */
async function withStale(count: number, options: Options): Promise<CacheService[]> {
  const all = await caches(count, { grace: '1h', ...options });
  await all[0]?.set('film:1', 'old');
  await all[0]?.expire('film:1');
  // A change that is heard during a load may be one of the value that would stand in.
  await until('all hear', () => all.slice(1).every((cache) => (cache.stats().redis?.bus?.heard ?? 0) >= 2));
  return all;
}

describe('a stale value of several processes', () => {
  it.each<[string, Options]>([
    ['with memory', {}],
    ['in Redis alone', { tiers: ['redis'] }],
  ])('is served by all of them after one failed load in each back-off (%s)', async (_name, options) => {
    const all = await withStale(3, { graceBackoff: '1m', ...options });
    const failing = slowLoader<string>();
    const calls = all.map((cache) => cache.getOrLoad('film:1', failing.load));
    await until('two wait', () => total(all, 'waited') === 2);
    failing.fail(new Error('down'));
    expect(await Promise.all(calls)).toEqual(['old', 'old', 'old']);
    for (const cache of all) expect(await cache.getOrLoad('film:1', failing.load)).toBe('old');
    expect([failing.calls(), total(all, 'loads')]).toEqual([1, 1]);
  });

  it('is loaded again by one process when the back-off is over', async () => {
    const all = await withStale(2, { graceBackoff: 200, tiers: ['redis'] });
    const [a, b] = all as [CacheService, CacheService];
    expect(await a.getOrLoad('film:1', () => Promise.reject(new Error('down')))).toBe('old');
    expect(await b.getOrLoad('film:1', () => 'too early')).toBe('old');
    await until('it may be tried', async () => (await b.getOrLoad('film:1', () => 'new')) === 'new');
    expect(await a.getOrLoad('film:1', () => 'not run')).toBe('new');
  });

  it('is loaded at once by a call that does not take it, and by all after an eviction', async () => {
    const [a, b] = (await withStale(2, { graceBackoff: '1m' })) as [CacheService, CacheService];
    expect(await a.getOrLoad('film:1', () => Promise.reject(new Error('down')))).toBe('old');
    expect(await b.getOrLoad('film:1', () => 'new', { grace: 0 })).toBe('new');
    await b.idle();
    await b.expire('film:1');
    await until('it is heard', () => a.peek('film:1') === undefined);
    expect(await a.getOrLoad('film:1', () => Promise.reject(new Error('down')))).toBe('new');
    await b.evict('film:1');
    await until('it is heard', () => a.peek('film:1') === undefined);
    expect(await a.getOrLoad('film:1', () => 'loaded')).toBe('loaded');
  });

  it('is not kept back by a process that failed to load it and died', async () => {
    const proxy = await world.proxy();
    const options: Options = { grace: '1h', graceBackoff: '10m', tiers: ['redis'], tier: { bound: 400 } };
    const dying = (await world.app({ ...options, url: proxy.url })).cache;
    const { cache } = await world.app(options);
    await cache.set('film:1', 'old');
    await cache.expire('film:1');
    await until('it hears', () => (dying.stats().redis?.bus?.heard ?? 0) >= 2);
    expect(await dying.getOrLoad('film:1', () => Promise.reject(new Error('down')))).toBe('old');
    await dying.idle();
    expect(await cache.getOrLoad('film:1', () => 'new')).toBe('old');
    proxy.stall(); // as good as dead
    await until('it is taken over', async () => (await cache.getOrLoad('film:1', () => 'new')) === 'new');
  });

  it('is served after softTimeout by those who wait for the load of another process, too', async () => {
    const all = await withStale(2, { softTimeout: 50, graceBackoff: 100 });
    const [a, b] = all as [CacheService, CacheService];
    const slow = slowLoader<string>();
    const first = a.getOrLoad('film:1', slow.load);
    await slow.started;
    const second = b.getOrLoad('film:1', slow.load);
    expect(await Promise.all([first, second])).toEqual(['old', 'old']);
    slow.finish('new');
    await Promise.all([a.idle(), b.idle()]);
    expect(await Promise.all(all.map((cache) => cache.getOrLoad('film:1', slow.load)))).toEqual(['new', 'new']);
    expect(slow.calls()).toBe(1);
  });
});

describe('early refresh in several processes', () => {
  it.each<[string, Options]>([
    ['with memory', {}],
    ['in Redis alone', { tiers: ['redis'] }],
    ['for strong reads', { consistency: 'strong' }],
  ])('serves the old value everywhere while it runs (%s)', async (_name, options) => {
    const all = await caches(3, { ...AT_ONCE, ...options });
    await all[0]?.set('film:1', 'old');
    const slow = slowLoader<string>();
    for (let round = 0; round < 3; round++) {
      for (const cache of all) expect(await cache.getOrLoad('film:1', slow.load)).toBe('old');
    }
    await slow.started;
    for (const cache of all) expect(await cache.get('film:1')).toBe('old');
    slow.finish('new');
    await Promise.all(all.map((cache) => cache.idle()));
    const fresh = (await caches(1))[0] as CacheService;
    expect(await fresh.get('film:1')).toBe('new');
  });

  it('is one load for all processes', async () => {
    const all = await caches(3, AT_ONCE);
    await all[0]?.set('film:1', 'old');
    const slow = slowLoader<string>();
    const read = (): Promise<string[]> => Promise.all(all.map((cache) => cache.getOrLoad('film:1', slow.load)));
    expect(await read()).toEqual(['old', 'old', 'old']);
    await slow.started;
    for (let round = 0; round < 5; round++) expect(await read()).toEqual(['old', 'old', 'old']);
    expect([slow.calls(), total(all, 'loads'), total(all, 'waited')]).toEqual([1, 1, 0]);
    slow.finish('new');
    await Promise.all(all.map((cache) => cache.idle()));
  });

  it('stores nothing when another process changed the key, a tag or everything meanwhile', async () => {
    const [a, b] = (await caches(2, { ...AT_ONCE, tiers: ['redis'] })) as [CacheService, CacheService];
    const changes: [string | undefined, () => Promise<void>][] = [
      [undefined, () => b.evict('film:1')],
      [undefined, () => b.evict({ tags: ['t'] })],
      [undefined, () => b.clear()],
      ['set', () => b.set('film:1', 'set')],
      ['written', async () => void (await b.write('film:1', async () => 'written'))],
    ];
    for (const [left, change] of changes) {
      await a.set('film:1', 'old', { tags: ['t'] });
      const slow = slowLoader<string>();
      expect(await a.getOrLoad('film:1', slow.load, { tags: ['t'] })).toBe('old');
      await slow.started;
      await change();
      slow.finish('out of date');
      await a.idle();
      expect([await a.get('film:1'), await b.get('film:1')]).toEqual([left, left]);
    }
  });

  it('that fails leaves the value as fresh as it was, and is not tried by others before the back-off ends', async () => {
    const all = await caches(3, { ...AT_ONCE, graceBackoff: '1m', tiers: ['redis'] });
    await all[0]?.set('film:1', 'old');
    const failing = slowLoader<string>();
    expect(await all[0]?.getOrLoad('film:1', failing.load)).toBe('old');
    await failing.started;
    failing.fail(new Error('down'));
    await all[0]?.idle();
    for (const cache of all) expect(await cache.getOrLoad('film:1', failing.load)).toBe('old');
    await Promise.all(all.map((cache) => cache.idle()));
    expect([failing.calls(), await all[1]?.get('film:1')]).toEqual([1, 'old']);
  });

  it('is taken over by who asks after the end of the value when its process died', async () => {
    const proxy = await world.proxy();
    const options: Options = { ttl: 1_000, refreshAhead: 1e-13, tier: { bound: 400 } };
    const dying = (await world.app({ ...options, url: proxy.url })).cache;
    const { cache } = await world.app(options);
    await dying.set('film:1', 'old');
    const slow = slowLoader<string>();
    expect(await dying.getOrLoad('film:1', slow.load)).toBe('old');
    await slow.started;
    proxy.stall();
    await until('it is over', async () => (await cache.get('film:1')) === undefined);
    expect(await cache.getOrLoad('film:1', () => 'new')).toBe('new');
    slow.finish('of the dead');
  });
});

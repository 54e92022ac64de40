import { describe, expect, it, jest } from '@jest/globals';
import type { Cache } from '../../src/engine/cache.js';
import type { CacheEventName } from '../../src/engine/events.js';
import { deferred, embeddedCache, settled } from './embedded-cache.js';

const names: CacheEventName[] = ['hit', 'miss', 'load', 'store', 'refused', 'stale', 'evict', 'skipped', 'error'];

/** What a cache tells, in order. */
function listen(cache: Cache): unknown[] {
  const told: unknown[] = [];
  for (const name of names) cache.on(name, (event) => told.push([name, event]));
  return told;
}

describe('a cache tells', () => {
  it('of hits, misses, loads and stores, in their order', async () => {
    const { cache } = embeddedCache();
    const told = listen(cache);
    await cache.getOrLoad(['p', 7], () => 1);
    await cache.get('p:~7');
    await cache.get('b');
    await cache.set('b', 1);
    expect(told).toEqual([
      ['miss', { key: 'p:~7' }],
      ['load', { key: 'p:~7' }],
      ['store', { key: 'p:~7', tiers: ['memory'] }],
      ['hit', { key: 'p:~7', tier: 'memory' }],
      ['miss', { key: 'b' }],
      ['store', { key: 'b', tiers: ['memory'] }],
    ]);
  });

  it('of invalidations: what they aim at, and whether it may still stand in', async () => {
    const { cache } = embeddedCache();
    const told = listen(cache);
    await cache.evict(['p', 7]);
    await cache.expire({ tags: ['a', 'b'] });
    await cache.evict({ prefix: 'p:' });
    await cache.evict({ prefix: 'p:~7' });
    await cache.expire({ pattern: 'p:*' });
    await cache.clear();
    await cache.set('a', undefined);
    expect(told).toEqual([
      ['evict', { target: 'keys', names: ['p:~7'], kept: false }],
      ['evict', { target: 'tags', names: ['a', 'b'], kept: true }],
      ['evict', { target: 'prefix', names: ['p:'], kept: false }],
      ['evict', { target: 'prefix', names: ['p:~7'], kept: false }],
      ['evict', { target: 'pattern', names: ['p:*'], kept: true }],
      ['evict', { target: 'all', names: [], kept: false }],
      ['evict', { target: 'keys', names: ['a'], kept: false }],
    ]);
  });

  it('nothing to those who left', async () => {
    const { cache } = embeddedCache();
    const listener = jest.fn();
    cache.on('miss', listener)();
    await cache.get('a');
    expect(listener).not.toHaveBeenCalled();
  });

  it('of a listener that throws, which changes nothing for the caller', async () => {
    const { cache } = embeddedCache();
    const errors: unknown[] = [];
    const broken = new Error('listener');
    for (const name of ['miss', 'load', 'loaded', 'store', 'hit', 'evict'] as const) {
      cache.on(name, () => {
        throw broken;
      });
    }
    cache.on('error', ({ error }) => errors.push(error));
    expect(await cache.getOrLoad('a', () => 1)).toBe(1);
    expect(await cache.get('a')).toBe(1);
    await cache.evict('a');
    expect(await cache.get('a')).toBeUndefined();
    expect(new Set(errors)).toEqual(new Set([broken]));
    expect(errors).toHaveLength(7);
  });
});

describe('idle', () => {
  it('is at once when nothing goes on', async () => {
    const { cache } = embeddedCache();
    await cache.getOrLoad('a', () => 1);
    await cache.idle();
  });

  it('waits for all loads that outlived their callers, also for those that fail', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s' });
    const rows = [deferred<number>(), deferred<number>()];
    const values = rows.map((row, i) => cache.getOrLoad(`k${i}`, () => row.promise).catch(() => undefined));
    await clock.advance('1s');
    await Promise.all(values);
    const idle = jest.fn();
    void cache.idle().then(idle);
    rows[0]?.resolve(1);
    await settled();
    expect(idle).not.toHaveBeenCalled();
    rows[1]?.reject(new Error('late'));
    await settled();
    expect(idle).toHaveBeenCalledTimes(1);
    await cache.idle();
  });
});

describe('close', () => {
  it('waits for background work, but not for ever', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s' });
    const value = cache.getOrLoad('a', () => new Promise<never>(() => {})).catch(() => undefined);
    await clock.advance('1s');
    await value;
    const closed = jest.fn();
    void cache.close(5_000).then(closed);
    await clock.advance(4_999);
    expect(closed).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('lets a load that works in the background end, and then forgets everything', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s' });
    const row = deferred<number>();
    const value = cache.getOrLoad('a', () => row.promise).catch(() => undefined);
    await clock.advance('1s');
    await value;
    const stored = jest.fn();
    cache.on('store', stored);
    const closed = cache.close(5_000);
    row.resolve(1);
    await closed;
    expect(stored).toHaveBeenCalledTimes(1);
    expect(cache.stats().memory.entries).toBe(0);
  });
});

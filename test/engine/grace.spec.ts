import { describe, expect, it, jest } from '@jest/globals';
import type { CacheEvents } from '../../src/engine/events.js';
import { deferred, type Embedded, embeddedCache, settled } from './embedded-cache.js';

const failure = new Error('no database');
const fail = (): Promise<never> => Promise.reject(failure);

/** A cache with the old value `old` under `a`, whose fresh life is over. */
async function withStale(options: Parameters<typeof embeddedCache>[0] = {}): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', grace: '1m', graceBackoff: '5s', ...options });
  await embedded.cache.set('a', 'old', { tags: ['t'] });
  await embedded.clock.advance('10s');
  return embedded;
}

describe('a stale value', () => {
  it('is served when the load fails, until its grace is over', async () => {
    const { cache, clock } = await withStale({ graceBackoff: 1 });
    await clock.advance(59_999);
    expect(await cache.getOrLoad('a', fail)).toBe('old');
    await clock.advance(1);
    await expect(cache.getOrLoad('a', fail)).rejects.toBe(failure);
  });

  it('is not served when the load works', async () => {
    const { cache } = await withStale();
    expect(await cache.getOrLoad('a', () => 'new')).toBe('new');
    expect(await cache.get('a')).toBe('new');
  });

  it('is not served without grace', async () => {
    const { cache } = await withStale({ grace: 0 });
    await expect(cache.getOrLoad('a', fail)).rejects.toBe(failure);
  });

  it('is not served to a call that wants none', async () => {
    const { cache } = await withStale();
    await expect(cache.getOrLoad('a', fail, { grace: 0 })).rejects.toBe(failure);
  });

  it('is served only within the grace that the call allows', async () => {
    const { cache, clock } = await withStale({ graceBackoff: 1 });
    await clock.advance('5s');
    expect(await cache.getOrLoad('a', fail, { grace: 5_001 })).toBe('old');
    await clock.advance(1);
    await expect(cache.getOrLoad('a', fail, { grace: 5_001 })).rejects.toBe(failure);
  });

  it('is no hit of get before a load failed', async () => {
    const { cache } = await withStale();
    expect([await cache.get('a'), cache.peek('a'), await cache.has('a')]).toEqual([undefined, undefined, false]);
  });

  it('is served by all means until the next try is due: one failed load each back-off, not one each call', async () => {
    const { cache, clock } = await withStale();
    const load = jest.fn(fail);
    for (let i = 0; i < 10; i++) expect(await cache.getOrLoad('a', load)).toBe('old');
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance(4_999);
    expect([await cache.getOrLoad('a', load), await cache.get('a')]).toEqual(['old', 'old']);
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance(1);
    expect(await cache.getOrLoad('a', load)).toBe('old');
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('does not outlive its grace by the back-off', async () => {
    const { cache, clock } = await withStale({ graceBackoff: '10m' });
    expect(await cache.getOrLoad('a', fail)).toBe('old');
    await clock.advance('1m');
    expect(await cache.get('a')).toBeUndefined();
    await expect(cache.getOrLoad('a', fail)).rejects.toBe(failure);
  });

  it('makes room for the new one as soon as a load works', async () => {
    const { cache, clock } = await withStale();
    await cache.getOrLoad('a', fail);
    await clock.advance('5s');
    expect(await cache.getOrLoad('a', () => 'new')).toBe('new');
    await clock.advance(9_999);
    expect(await cache.get('a')).toBe('new');
  });

  it('is served to all who wait for the load that fails', async () => {
    const { cache } = await withStale();
    const load = jest.fn(fail);
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.getOrLoad('a', load)));
    expect([new Set(values), load.mock.calls.length]).toEqual([new Set(['old']), 1]);
  });

  it('is told of with the reason, and counted', async () => {
    const { cache } = await withStale();
    const told: CacheEvents['stale'][] = [];
    cache.on('stale', (event) => told.push(event));
    await cache.getOrLoad('a', fail);
    expect(told).toEqual([{ key: 'a', error: failure }]);
    expect(cache.stats()).toMatchObject({ stale: 1, loads: 1, loadErrors: 1 });
    expect(await cache.explain('a')).toMatchObject({ memory: { trouble: 'Error: no database' } });
  });

  it('is gone after an eviction of its key, tag, prefix or pattern, or of everything', async () => {
    for (const target of ['a', { tags: ['t'] }, { prefix: 'a' }, { pattern: '?' }, undefined]) {
      const { cache } = await withStale();
      await (target === undefined ? cache.clear() : cache.evict(target));
      await expect(cache.getOrLoad('a', fail)).rejects.toBe(failure);
    }
  });

  it('is gone when it was evicted during the load that fails', async () => {
    for (const target of ['a', { tags: ['t'] }, { pattern: '?' }]) {
      const { cache } = await withStale();
      const load = deferred();
      const value = cache.getOrLoad('a', () => load.promise, { tags: ['t'] });
      await cache.evict(target);
      load.reject(failure);
      await expect(value).rejects.toBe(failure);
    }
  });

  it('still stands in when it was only expired during the load that fails', async () => {
    for (const target of ['a', { tags: ['t'] }, { pattern: '?' }]) {
      const { cache } = await withStale();
      const load = deferred();
      const value = cache.getOrLoad('a', () => load.promise, { tags: ['t'] });
      await cache.expire(target);
      load.reject(failure);
      expect(await value).toBe('old');
    }
  });

  it('is not what a load brings back that fails after somebody set a new value', async () => {
    const { cache } = await withStale();
    const load = deferred();
    const value = cache.getOrLoad('a', () => load.promise);
    await cache.set('a', 'new');
    load.reject(failure);
    await value.catch(() => undefined);
    await settled();
    expect(await cache.get('a')).toBe('new');
  });
});

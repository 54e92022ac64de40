import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import type { Duration } from '../../src/engine/duration.js';
import type { Lease } from '../../src/tiers/tier.js';
import { embeddedCache } from './embedded-cache.js';

const badTimes: [string, unknown][] = [
  ['0', 0],
  ['less than 0', -1],
  ['no number', Number.NaN],
  ['no unit', '10'],
  ['an unknown unit', '1w'],
  ['nothing', null],
];

describe('increment', () => {
  it('counts from 0, up and down, in any steps', async () => {
    const { cache } = embeddedCache();
    expect(await cache.increment('n')).toBe(1);
    expect(await cache.increment('n', 41)).toBe(42);
    expect(await cache.increment('n', -2)).toBe(40);
    expect(await cache.increment('n', 0.5)).toBe(40.5);
    expect(await cache.increment('n', 0)).toBe(40.5);
  });

  it('counts each of many calls', async () => {
    const { cache } = embeddedCache();
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.increment(['n', 1])));
    expect(new Set(values).size).toBe(100);
    expect(await cache.increment('n:~1', 0)).toBe(100);
  });

  it('begins anew when its time is over, which counts from the first call', async () => {
    const { cache, clock } = embeddedCache();
    await cache.increment('n', 1, { ttl: '10s' });
    await clock.advance(9_999);
    expect(await cache.increment('n', 1, { ttl: '10s' })).toBe(2);
    await clock.advance(1);
    expect(await cache.increment('n', 1, { ttl: '10s' })).toBe(1);
  });

  it('is no cached value, and none is a counter', async () => {
    const { cache } = embeddedCache();
    await cache.set('n', 'value');
    expect(await cache.increment('n')).toBe(1);
    expect(await cache.get('n')).toBe('value');
    await cache.evict('n');
    expect([await cache.increment('n', 0), await cache.get('n')]).toEqual([0, undefined]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, '1', null])('refuses to add %p', async (by) => {
    const { cache } = embeddedCache();
    await expect(cache.increment('n', by as number)).rejects.toThrow(CacheOptionsError);
    expect(await cache.increment('n', 0)).toBe(0);
  });

  it.each(badTimes)('refuses a ttl that is %s', async (_, ttl) => {
    const { cache } = embeddedCache();
    const counted = cache.increment('n', 1, { ttl: ttl as Duration });
    await expect(counted).rejects.toMatchObject({ code: 'CACHE_OPTIONS', problems: [{ option: 'ttl', value: ttl }] });
  });
});

describe('a lease', () => {
  it('is had by one at a time', async () => {
    const { cache } = embeddedCache();
    const taken = await Promise.all([1, 2, 3].map(() => cache.lease('job', { ttl: '10s' })));
    expect(taken.filter((lease) => lease !== null)).toHaveLength(1);
    expect(await cache.lease('other', { ttl: '10s' })).not.toBeNull();
  });

  it('can be had again once it was given back, which ends its signal', async () => {
    const { cache } = embeddedCache();
    const lease = (await cache.lease('job', { ttl: '10s' })) as Lease;
    expect(lease.signal.aborted).toBe(false);
    expect(await lease.release()).toBe(true);
    expect(lease.signal.aborted).toBe(true);
    expect(await cache.lease('job', { ttl: '10s' })).not.toBeNull();
  });

  it('ends by itself, and says so by its signal', async () => {
    const { cache, clock } = embeddedCache();
    const lease = (await cache.lease('job', { ttl: '10s' })) as Lease;
    await clock.advance(9_999);
    expect([lease.signal.aborted, await cache.lease('job', { ttl: 1 })]).toEqual([false, null]);
    await clock.advance(1);
    expect(lease.signal.aborted).toBe(true);
    expect(await cache.lease('job', { ttl: 1 })).not.toBeNull();
  });

  it('that is over cannot give back what somebody else has now', async () => {
    const { cache, clock } = embeddedCache();
    const first = (await cache.lease('job', { ttl: '1s' })) as Lease;
    await clock.advance('1s');
    const second = (await cache.lease('job', { ttl: '10s' })) as Lease;
    expect(await first.release()).toBe(false);
    expect([second.signal.aborted, await cache.lease('job', { ttl: 1 })]).toEqual([false, null]);
    expect([await second.release(), await second.release()]).toEqual([true, false]);
  });

  it('has nothing to do with values and counters of its name, nor with evict and clear', async () => {
    const { cache } = embeddedCache();
    await cache.lease('job', { ttl: '10s' });
    expect([await cache.get('job'), await cache.increment('job')]).toEqual([undefined, 1]);
    await cache.evict('job');
    await cache.clear();
    expect(await cache.lease('job', { ttl: '10s' })).toBeNull();
  });

  it.each(badTimes)('is refused for a ttl that is %s', async (_, ttl) => {
    const { cache } = embeddedCache();
    const lease = cache.lease('job', { ttl: ttl as Duration });
    await expect(lease).rejects.toMatchObject({ code: 'CACHE_OPTIONS', problems: [{ option: 'ttl', value: ttl }] });
  });
});

describe('a rate limit', () => {
  const three = { limit: 3, window: '10s' } as const;

  it('allows so many calls in a window, and begins anew with the next', async () => {
    const { cache, clock } = embeddedCache();
    expect(await cache.rateLimit('ip', three)).toEqual({ allowed: true, remaining: 2, resetIn: 10_000 });
    await clock.advance('4s');
    expect(await cache.rateLimit('ip', three)).toEqual({ allowed: true, remaining: 1, resetIn: 6_000 });
    expect(await cache.rateLimit('ip', three)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await cache.rateLimit('ip', three)).toEqual({ allowed: false, remaining: 0, resetIn: 6_000 });
    await clock.advance(5_999);
    expect(await cache.rateLimit('ip', three)).toEqual({ allowed: false, remaining: 0, resetIn: 1 });
    await clock.advance(1);
    expect(await cache.rateLimit('ip', three)).toEqual({ allowed: true, remaining: 2, resetIn: 10_000 });
  });

  it('does not count what it refused', async () => {
    const { cache } = embeddedCache();
    for (let i = 0; i < 5; i++) await cache.rateLimit('ip', three);
    expect(await cache.rateLimit('ip', { ...three, limit: 5 })).toMatchObject({ allowed: true, remaining: 1 });
    expect(await cache.rateLimit('ip', { ...three, limit: 2 })).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('lets exactly its limit through when many come at once', async () => {
    const { cache } = embeddedCache();
    const all = await Promise.all(Array.from({ length: 50 }, () => cache.rateLimit('ip', { ...three, limit: 7 })));
    expect(all.filter(({ allowed }) => allowed)).toHaveLength(7);
  });

  it('of 0 allows nothing', async () => {
    const { cache } = embeddedCache();
    expect(await cache.rateLimit('ip', { ...three, limit: 0 })).toMatchObject({ allowed: false, remaining: 0 });
  });

  it('counts each key for itself, and is reset by evict', async () => {
    const { cache } = embeddedCache();
    for (let i = 0; i < 3; i++) await cache.rateLimit('ip', three);
    expect(await cache.rateLimit('other', three)).toMatchObject({ allowed: true });
    await cache.evict('ip');
    expect(await cache.rateLimit('ip', three)).toMatchObject({ allowed: true, remaining: 2 });
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3'])('refuses the limit %p', async (limit) => {
    const { cache } = embeddedCache();
    const result = cache.rateLimit('ip', { limit: limit as number, window: '10s' });
    await expect(result).rejects.toMatchObject({
      code: 'CACHE_OPTIONS',
      problems: [{ option: 'limit', value: limit }],
    });
  });

  it.each(badTimes)('refuses a window that is %s', async (_, window) => {
    const { cache } = embeddedCache();
    const result = cache.rateLimit('ip', { limit: 1, window: window as Duration });
    await expect(result).rejects.toMatchObject({ code: 'CACHE_OPTIONS', problems: [{ option: 'window' }] });
  });
});

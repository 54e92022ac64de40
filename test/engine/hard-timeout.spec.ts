import { describe, expect, it, jest } from '@jest/globals';
import { LoadTimeoutError } from '../../src/cache.errors.js';
import { deferred, embeddedCache, settled } from './embedded-cache.js';

const never = (): Promise<never> => new Promise(() => {});

describe('a load that takes longer than hardTimeout', () => {
  it('fails for all who wait for it, at that time', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const done = jest.fn();
    const values = [1, 2].map(() => cache.getOrLoad('a', never));
    for (const value of values) value.catch(done);
    await clock.advance(1_999);
    expect(done).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(done).toHaveBeenCalledTimes(2);
    const error = await values[0]?.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LoadTimeoutError);
    expect(error).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT', key: 'a', timeout: 2_000 });
    expect((error as LoadTimeoutError).message).toContain('raise hardTimeout');
  });

  it('does not hold up those who ask later: they load themselves', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const load = jest.fn(never);
    const first = cache.getOrLoad('a', load).catch(() => 'late');
    await clock.advance('2s');
    const second = cache.getOrLoad('a', load).catch(() => 'late');
    await clock.advance('2s');
    expect([await first, await second, load.mock.calls.length]).toEqual(['late', 'late', 2]);
    expect(await cache.getOrLoad('a', () => 1)).toBe(1);
    expect(await cache.get('a')).toBe(1);
  });

  it('is stored when it ends after all, and is background work until then', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const row = deferred<number>();
    const value = cache.getOrLoad('a', () => row.promise).catch(() => 'late');
    await clock.advance('2s');
    expect(await value).toBe('late');
    const idle = jest.fn();
    void cache.idle().then(idle);
    await settled();
    expect([idle.mock.calls.length, cache.stats().flights]).toEqual([0, 1]);
    row.resolve(7);
    await cache.idle();
    expect([await cache.get('a'), cache.stats().flights]).toEqual([7, 0]);
  });

  it('is not stored when it ends after an eviction', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const row = deferred<number>();
    const value = cache.getOrLoad('a', () => row.promise).catch(() => 'late');
    await clock.advance('2s');
    await cache.evict('a');
    row.resolve(7);
    await cache.idle();
    expect([await value, await cache.get('a')]).toEqual(['late', undefined]);
  });

  it('that fails later, fails for nobody', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const row = deferred<number>();
    const value = cache.getOrLoad('a', () => row.promise).catch((error: unknown) => error);
    await clock.advance('2s');
    row.reject(new Error('late'));
    await cache.idle();
    expect(await value).toBeInstanceOf(LoadTimeoutError);
    expect(cache.stats()).toMatchObject({ flights: 0, loadErrors: 1 });
  });

  it('answers with a stale value when there is one, and asks again after the back-off', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1h', hardTimeout: '2s', graceBackoff: '10s' });
    await cache.set('a', 'old');
    await clock.advance('1s');
    const load = jest.fn(never);
    const values = [1, 2].map(() => cache.getOrLoad('a', load));
    await clock.advance('2s');
    expect(await Promise.all(values)).toEqual(['old', 'old']);
    expect(await cache.getOrLoad('a', load)).toBe('old');
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance('10s');
    const again = cache.getOrLoad('a', load);
    await clock.advance('2s');
    expect([await again, load.mock.calls.length]).toEqual(['old', 2]);
  });

  it('replaces the stale value when it ends after all', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1h', hardTimeout: '2s' });
    await cache.set('a', 'old');
    await clock.advance('1s');
    const row = deferred<string>();
    const value = cache.getOrLoad('a', () => row.promise);
    await clock.advance('2s');
    row.resolve('new');
    await cache.idle();
    expect([await value, await cache.get('a')]).toEqual(['old', 'new']);
  });

  it('does not replace what a later load stored when it ends after all', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s' });
    const row = deferred<string>();
    const value = cache.getOrLoad('a', () => row.promise).catch(() => 'late');
    await clock.advance('2s');
    expect(await cache.getOrLoad('a', () => 'new')).toBe('new');
    row.resolve('old');
    await cache.idle();
    expect([await value, await cache.get('a')]).toEqual(['late', 'new']);
  });

  it('may have all the time it wants', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: Number.POSITIVE_INFINITY });
    const row = deferred<number>();
    const value = cache.getOrLoad('a', () => row.promise);
    await clock.advance('365d');
    row.resolve(1);
    expect(await value).toBe(1);
  });

  it('has the time that its call gives, else the policy, else the cache', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '3s', policies: { quick: { hardTimeout: '2s' } } });
    const over: string[] = [];
    for (const [name, options] of [
      ['cache', undefined],
      ['policy', { policy: 'quick' }],
      ['call', { policy: 'quick', hardTimeout: '1s' }],
    ] as const) {
      cache.getOrLoad(name, never, options).catch(() => over.push(name));
    }
    await clock.advance('1s');
    expect(over).toEqual(['call']);
    await clock.advance('1s');
    expect(over).toEqual(['call', 'policy']);
    await clock.advance('1s');
    expect(over).toEqual(['call', 'policy', 'cache']);
  });

  it('and one in time do not meet: a late deadline changes nothing', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '2s', ttl: '1h', grace: '1h' });
    const told = jest.fn();
    cache.on('stale', told);
    expect(await cache.getOrLoad('a', () => 1)).toBe(1);
    await clock.advance('1m');
    expect([await cache.get('a'), told.mock.calls.length]).toEqual([1, 0]);
    await cache.idle();
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { deferred, embeddedCache, settled } from './embedded-cache.js';

describe('callers who ask for one key at once', () => {
  it('share one load, a thousand of them too', async () => {
    const { cache } = embeddedCache();
    const row = deferred<{ id: number }>();
    const load = jest.fn(() => row.promise);
    const all = Array.from({ length: 1_000 }, () => cache.getOrLoad(['product', 7], load));
    row.resolve({ id: 7 });
    const values = await Promise.all(all);
    expect(load).toHaveBeenCalledTimes(1);
    expect(new Set(values)).toEqual(new Set([{ id: 7 }]));
    expect(cache.stats()).toMatchObject({ loads: 1, joined: 999, misses: 1_000, flights: 0 });
  });

  it('each load their own key', async () => {
    const { cache } = embeddedCache();
    const load = jest.fn(async (key: number) => key);
    const values = await Promise.all([1, 2, 1, 3].map((key) => cache.getOrLoad(['k', key], () => load(key))));
    expect([values, load.mock.calls.flat()]).toEqual([
      [1, 2, 1, 3],
      [1, 2, 3],
    ]);
  });

  it('load again after the value expired, once', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s' });
    const load = jest.fn(() => settled());
    const ask = (): Promise<unknown> =>
      Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', () => load().then(() => 1))));
    await ask();
    await ask();
    await clock.advance('1s');
    await ask();
    expect(load).toHaveBeenCalledTimes(2);
  });
});

describe('a load that fails', () => {
  it('fails for all who wait for it, with the same error, and for nobody after', async () => {
    const { cache } = embeddedCache();
    const row = deferred<number>();
    const load = jest.fn(() => row.promise);
    const all = Array.from({ length: 10 }, () => cache.getOrLoad('a', load));
    const error = new Error('no database');
    row.reject(error);
    const results = await Promise.allSettled(all);
    expect(new Set(results.map((result) => (result as PromiseRejectedResult).reason))).toEqual(new Set([error]));
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.getOrLoad('a', () => 1)).toBe(1);
    expect(cache.stats()).toMatchObject({ loads: 2, loadErrors: 1, flights: 0 });
  });

  it.each([
    ['text', 'broken'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 0],
    ['an object', { code: 1 }],
  ])('may reject with %s, which the callers get as it is', async (_, reason) => {
    const { cache } = embeddedCache();
    for (const load of [
      () => Promise.reject(reason),
      () => {
        throw reason;
      },
    ]) {
      const results = await Promise.allSettled([cache.getOrLoad('a', load), cache.getOrLoad('a', load)]);
      expect(results).toEqual([
        { status: 'rejected', reason },
        { status: 'rejected', reason },
      ]);
    }
    expect([await cache.get('a'), cache.stats().flights]).toEqual([undefined, 0]);
  });

  it('may throw before it returns a promise: that is a rejection as well', async () => {
    const { cache } = embeddedCache();
    const value = cache.getOrLoad('a', () => {
      throw new TypeError('sync');
    });
    await expect(value).rejects.toThrow(TypeError);
  });

  it('may answer with something that only looks like a promise', async () => {
    const { cache } = embeddedCache();
    const thenable = Object.fromEntries([['then', (done: (value: number) => void) => done(5)]]);
    expect(await cache.getOrLoad<unknown>('a', () => thenable)).toBe(5);
    expect(await cache.get('a')).toBe(5);
  });

  it('leaves no rejection behind that nobody handles', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s' });
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const row = deferred<number>();
      const values = [1, 2].map(() => cache.getOrLoad('a', () => row.promise).catch(() => undefined));
      await clock.advance('1s');
      row.reject(new Error('late'));
      await Promise.all(values);
      await settled();
      await settled();
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  it('is told of, with how it ended', async () => {
    const { cache } = embeddedCache();
    const told: unknown[] = [];
    cache.on('load', ({ key }) => told.push(['load', key]));
    cache.on('loaded', ({ key, error, took }) => told.push(['loaded', key, error, typeof took]));
    await cache.getOrLoad('a', () => 1);
    await cache.getOrLoad('b', () => Promise.reject('why')).catch(() => undefined);
    expect(told).toEqual([
      ['load', 'a'],
      ['loaded', 'a', undefined, 'number'],
      ['load', 'b'],
      ['loaded', 'b', 'why', 'number'],
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import type { CacheKey } from '../../src/engine/key.js';
import { embeddedCache } from './embedded-cache.js';

const lengths = async (keys: CacheKey[]): Promise<Map<CacheKey, number>> =>
  new Map(keys.map((key) => [key, key.length]));

describe('a load of many keys that fails', () => {
  const error = new Error('no database');

  it.each([
    ['rejects', () => Promise.reject(error)],
    [
      'throws',
      () => {
        throw error;
      },
    ],
  ])('because it %s fails the call and stores nothing', async (_, load) => {
    const { cache } = embeddedCache();
    await expect(cache.getOrLoadMany(['a', 'b'], load)).rejects.toBe(error);
    expect(cache.stats()).toMatchObject({ flights: 0, memory: { entries: 0 } });
    expect((await cache.getOrLoadMany(['a', 'b'], lengths)).size).toBe(2);
  });

  it.each([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an array, which would only look like an object', [1, 2], 'an array'],
    ['a number', 7, 'number'],
  ])('because it returned %s fails the call with a remedy', async (_, wrong, name) => {
    const { cache } = embeddedCache();
    const found = cache.getOrLoadMany(['a', 'b'], () => wrong as unknown as Map<string, number>);
    const reason: unknown = await found.catch((thrown: unknown) => thrown);
    expect(reason).toMatchObject({ code: 'CACHE_ENTRY', remedy: expect.stringContaining('Return a Map by key') });
    expect((reason as Error).message).toContain(name);
    expect((await cache.getOrLoadMany(['a', 'b'], lengths)).size).toBe(2);
  });

  it('answers with stale values when all that is missing has one', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1m' });
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    await clock.advance('1s');
    const down = (): Promise<never> => Promise.reject(error);
    expect(await cache.getOrLoadMany(['a', 'b'], down)).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    await expect(cache.getOrLoadMany(['a', 'c'], down)).rejects.toBe(error);
  });

  it('takes too long like any load', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s' });
    const found = cache
      .getOrLoadMany(['a', 'b'], () => new Promise<never>(() => {}))
      .catch((reason: unknown) => reason);
    await clock.advance('1s');
    expect(await found).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
  });
});

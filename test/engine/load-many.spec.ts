import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ManyValues } from '../../src/cache.service.js';
import type { CacheKey } from '../../src/engine/key.js';
import { deferred, embeddedCache } from './embedded-cache.js';

const lengths = jest.fn(async (keys: CacheKey[]) => new Map(keys.map((key) => [key, key.length])));

beforeEach(() => {
  lengths.mockClear();
});

describe('getOrLoadMany', () => {
  it('loads what is missing by one call, and stores it', async () => {
    const { cache } = embeddedCache();
    await cache.set('bb', 20);
    expect(await cache.getOrLoadMany(['a', 'bb', 'ccc'], lengths)).toEqual(
      new Map([
        ['a', 1],
        ['bb', 20],
        ['ccc', 3],
      ]),
    );
    expect(lengths.mock.calls).toEqual([[['a', 'ccc']]]);
    expect(await cache.getOrLoadMany(['ccc', 'a'], lengths)).toEqual(
      new Map([
        ['ccc', 3],
        ['a', 1],
      ]),
    );
    expect(lengths).toHaveBeenCalledTimes(1);
    expect(cache.stats()).toMatchObject({ flights: 0, requests: 5, misses: 2 });
  });

  it('loads a key anew whose shared load brought what was invalidated meanwhile, without waiting for the others', async () => {
    const { cache } = embeddedCache();
    const row = deferred<number>();
    const leader = cache.getOrLoad('a', async (context) => {
      const value = await row.promise;
      context.setTags(['t']);
      return value;
    });
    await cache.evict({ tags: ['t'] });
    const many = cache.getOrLoadMany(['a', 'bb'], lengths);
    row.resolve(10);
    expect(await leader).toBe(10);
    expect(await many).toEqual(
      new Map([
        ['a', 1],
        ['bb', 2],
      ]),
    );
    expect(lengths.mock.calls).toEqual([[['bb']], [['a']]]);
  });

  it('does not load when nothing is missing, or nothing was asked for', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    expect(await cache.getOrLoadMany(['a', 'a'], lengths)).toEqual(new Map([['a', 1]]));
    expect(await cache.getOrLoadMany([], lengths)).toEqual(new Map());
    expect(lengths).not.toHaveBeenCalled();
  });

  it('loads a key once that is asked for twice, also written in two ways', async () => {
    const { cache } = embeddedCache();
    const keys: CacheKey[] = ['p:~7', ['p', 7], 'p:~7'];
    const found = await cache.getOrLoadMany(keys, lengths);
    expect(lengths.mock.calls).toEqual([[['p:~7']]]);
    expect(keys.map((key) => found.get(key))).toEqual([4, 4, 4]);
  });

  it('takes a Map by the keys as they were passed or equal ones, and an object by encoded keys', async () => {
    const { cache } = embeddedCache();
    const keys: CacheKey[] = [
      ['p', 1],
      ['p', 2],
    ];
    const loads: ((missing: CacheKey[]) => ManyValues<string>)[] = [
      (missing) => new Map(missing.map((key) => [key, 'x'])),
      () =>
        new Map<CacheKey, string>([
          [['p', 2], 'x'],
          ['p:~1', 'x'],
        ]),
      () => ({ 'p:~1': 'x', 'p:~2': 'x' }),
    ];
    for (const load of loads) {
      expect([...(await cache.getOrLoadMany(keys, load))]).toEqual([
        [['p', 1], 'x'],
        [['p', 2], 'x'],
      ]);
      expect((await cache.getMany(['p:~1', 'p:~2'])).size).toBe(2);
      await cache.clear();
    }
  });

  it('leaves out what the load did not find, and asks for it again', async () => {
    const { cache } = embeddedCache();
    const load = jest.fn(
      () =>
        new Map<CacheKey, string | null | undefined>([
          ['a', null],
          ['b', undefined],
          ['z', 'more'],
        ]),
    );
    for (let i = 0; i < 2; i++)
      expect(await cache.getOrLoadMany(['a', 'b', 'c'], load)).toEqual(new Map([['a', null]]));
    expect(load.mock.calls).toEqual([[['a', 'b', 'c']], [['b', 'c']]]);
    expect(await cache.has('z')).toBe(false);
  });

  it('has the options of its call', async () => {
    const { cache, clock } = embeddedCache();
    await cache.getOrLoadMany(['a'], lengths, { ttl: '1s', tags: ['t'] });
    expect((await cache.getEntry('a'))?.tags).toEqual(['t']);
    await clock.advance('1s');
    expect(await cache.has('a')).toBe(false);
  });
});

describe('getOrLoadMany while others load', () => {
  it('loads each key once, and waits for nobody before it begins', async () => {
    const { cache } = embeddedCache();
    const rows = deferred<void>();
    const asked: CacheKey[][] = [];
    const load = async (missing: CacheKey[]): Promise<Map<CacheKey, number>> => {
      asked.push(missing);
      await rows.promise;
      return new Map(missing.map((key) => [key, key.length]));
    };
    const single = cache.getOrLoad('bb', () => rows.promise.then(() => 2));
    const calls = [
      ['a', 'bb', 'ccc'],
      ['ccc', 'bb', 'dddd'],
      ['dddd', 'a'],
      ['a', 'bb'],
    ];
    const found = calls.map((keys) => cache.getOrLoadMany<number>(keys, load));
    const after = cache.getOrLoad('dddd', () => 0);
    rows.resolve();
    expect((await Promise.all(found)).map((values) => [...values])).toEqual(
      calls.map((keys) => keys.map((key) => [key, key.length])),
    );
    expect([await single, await after]).toEqual([2, 4]);
    expect(asked).toEqual([['a', 'ccc'], ['dddd']]);
    expect(cache.stats()).toMatchObject({ loads: 4, flights: 0 });
  });

  it("does not deadlock when two calls want each other's keys", async () => {
    const { cache } = embeddedCache();
    const both = [
      ['a', 'b'],
      ['b', 'a'],
    ].map((keys) => cache.getOrLoadMany(keys, lengths));
    expect((await Promise.all(both)).map((found) => found.size)).toEqual([2, 2]);
    expect(lengths).toHaveBeenCalledTimes(1);
  });

  it('may ask for other keys inside its load', async () => {
    const { cache } = embeddedCache();
    const found = await cache.getOrLoadMany(['a', 'b'], async (missing) => {
      const inner = await cache.getOrLoadMany(['c', 'd'], lengths);
      return new Map(missing.map((key) => [key, inner.size]));
    });
    expect([...found.values()]).toEqual([2, 2]);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import type { CacheKey } from '../../src/engine/key.js';
import { embeddedCache } from './embedded-cache.js';

describe('getMany', () => {
  it('answers the values that are there, under the keys as they were passed', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    await cache.set(['p', 7], null);
    const keys: CacheKey[] = ['a', 'b', ['p', 7], ['p', '7']];
    const found = await cache.getMany(keys);
    expect([...found]).toEqual([
      ['a', 1],
      [['p', 7], null],
    ]);
    expect(found.get(keys[2] as CacheKey)).toBeNull();
  });

  it('may be asked for one key twice, and for none', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    expect(await cache.getMany(['a', 'a'])).toEqual(new Map([['a', 1]]));
    expect(await cache.getMany([])).toEqual(new Map());
  });

  it('counts a request for each key', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    await cache.getMany(['a', 'b', 'c']);
    expect(cache.stats()).toMatchObject({ requests: 3, hits: { memory: 1 }, misses: 2 });
  });
});

describe('setMany', () => {
  it('stores all entries with the options of the call', async () => {
    const { cache, clock } = embeddedCache();
    await cache.setMany(
      new Map<CacheKey, number>([
        ['a', 1],
        [['p', 7], 2],
      ]),
      { ttl: '1s', tags: ['t'] },
    );
    expect([...(await cache.getMany(['a', 'p:~7'])).values()]).toEqual([1, 2]);
    expect((await cache.getEntry('a'))?.tags).toEqual(['t']);
    await clock.advance('1s');
    expect((await cache.getMany(['a', 'p:~7'])).size).toBe(0);
  });

  it('takes any iterable; of one key twice the last counts; undefined takes away', async () => {
    const { cache } = embeddedCache();
    await cache.set('b', 1);
    function* entries(): Generator<[string, number | undefined]> {
      yield ['a', 1];
      yield ['a', 2];
      yield ['b', undefined];
    }
    await cache.setMany(entries());
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map([['a', 2]]));
  });

  it('stores nothing when one key is wrong', async () => {
    const { cache } = embeddedCache();
    await expect(
      cache.setMany([
        ['a', 1],
        ['', 2],
      ]),
    ).rejects.toMatchObject({ code: 'CACHE_KEY' });
    expect(await cache.has('a')).toBe(false);
  });
});

describe('evict of many keys', () => {
  it('takes away those, and no others', async () => {
    const { cache } = embeddedCache();
    await cache.setMany(['a', 'b', 'c'].map((key) => [key, 1]));
    const told = jest.fn();
    cache.on('evict', told);
    await cache.evict(['a', 'c', 'x']);
    expect([...(await cache.getMany(['a', 'b', 'c'])).keys()]).toEqual(['b']);
    expect(told).toHaveBeenCalledWith(expect.objectContaining({ target: 'keys', kept: false }));
  });
});

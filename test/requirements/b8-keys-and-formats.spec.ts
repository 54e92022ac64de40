import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheKey, CacheKeyError, type CacheService, jsonSerializer } from '../../src/index.js';
import { msgpackSerializer } from '../../src/msgpack.js';
import { useWorld } from '../e2e/world.js';

describe('B8 key design, serializers, compression', () => {
  const world = useWorld();
  let cache: CacheService;

  beforeEach(async () => {
    ({ cache } = await world.app({ prefixes: ['user:*:'] }));
  });

  it('B8 keys are entity:id, and may be written either way', async () => {
    await cache.set('product:vertigo', 1);
    expect(await cache.get(['product', 'vertigo'])).toBe(1);
    expect(await world.redis.exists(world.entry('product:vertigo'))).toBe(1);
  });

  it('B8 keys are hierarchical: each level can be invalidated by itself', async () => {
    for (const key of ['user:7:cart', 'user:7:orders', 'user:70:cart', 'users']) await cache.set(key, key);
    const all = ['user:7:cart', 'user:7:orders', 'user:70:cart', 'users'];
    await cache.evict({ prefix: 'user:7:' });
    expect([...(await cache.getMany(all)).keys()]).toEqual(['user:70:cart', 'users']);
    await cache.evict({ prefix: 'user:' });
    expect([...(await cache.getMany(all)).keys()]).toEqual(['users']);
  });

  it.each<[string, CacheKey]>([
    ['a separator', ['user', '7:admin']],
    ['an escaped separator', ['user', '7%3aadmin']],
    ['a glob', ['user', '*']],
    ['a type tag', ['user', '~7']],
    ['a line end', ['user', '7\r\nFLUSHALL']],
    ['the end of a namespace', ['user', '7', ':m:*']],
    ['braces', ['user', '{7}']],
    ['a lone surrogate', ['user', '\ud800']],
  ])('B8 user input with %s cannot break out of its place', async (_what, key) => {
    const others: CacheKey[] = [
      'user:7:admin',
      ['user', '7', 'admin'],
      ['user', 7],
      ['user', '7'],
      'user:x',
      ['user', '7%'],
    ];
    for (const other of others) await cache.set(other, 'other');
    await cache.set(key, 'mine');
    expect(await cache.get(key)).toBe('mine');
    for (const other of others) expect(await cache.get(other)).toBe('other');
    await cache.evict(key);
    expect(await cache.get(key)).toBeUndefined();
    expect((await cache.getMany(others)).size).toBe(others.length);
  });

  it('B8 parts of different types are different keys', async () => {
    const parts: unknown[] = [
      1,
      '1',
      1n,
      true,
      'true',
      null,
      'null',
      undefined,
      [1],
      ['1'],
      { a: 1 },
      new Date(1),
      new Set([1]),
      Buffer.from('1'),
    ];
    await Promise.all(parts.map((part, i) => cache.set(['key', part], i)));
    const reader = await world.app();
    for (const [i, part] of parts.entries()) expect(await reader.cache.get(['key', part])).toBe(i);
  });

  it('B8 the order of properties does not matter, the place of parts does', async () => {
    await cache.set(['search', { text: 'a', page: 1 }], 'found');
    expect(await cache.get(['search', { page: 1, text: 'a' }])).toBe('found');
    expect(await cache.get(['search', { page: 1 }, { text: 'a' }])).toBeUndefined();
    await cache.set(['a', 'b', 'c'], 1);
    expect(await cache.get(['a', 'b:c'])).toBeUndefined();
  });

  it('B8 long user input is hashed, and stays below its prefix', async () => {
    const [one, two]: CacheKey[] = [
      ['search', `${'x'.repeat(5_000)}1`],
      ['search', `${'x'.repeat(5_000)}2`],
    ];
    await cache.set(one as CacheKey, 1);
    await cache.set(two as CacheKey, 2);
    expect([await cache.get(one as CacheKey), await cache.get(two as CacheKey)]).toEqual([1, 2]);
    await cache.evict({ prefix: 'search:' });
    expect(await cache.get(one as CacheKey)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['an empty text', ''],
    ['an empty list', []],
    ['a text that is too long', 'x'.repeat(1_025)],
    ['a function', ['key', () => 1]],
    ['a symbol', ['key', Symbol('x')]],
    ['a number', 5],
  ])('B8 %s is no key, and is refused instead of colliding', async (_what, key) => {
    await expect(cache.get(key as CacheKey)).rejects.toBeInstanceOf(CacheKeyError);
    await expect(cache.set(key as CacheKey, 1)).rejects.toBeInstanceOf(CacheKeyError);
  });

  it.each([
    ['JSON', jsonSerializer],
    ['MessagePack', msgpackSerializer()],
    [
      'one of the app',
      {
        name: 'reversed',
        encode: (data: unknown) => [...JSON.stringify(data)].reverse().join(''),
        decode: (bytes: Buffer) => JSON.parse([...bytes.toString()].reverse().join('')),
      },
    ], // prettier-ignore
  ])('B8 serializer: %s keeps values and their types', async (_name, serializer) => {
    const value = { id: 1, at: new Date(5), big: 10n, list: [1, 'ä', null], map: new Map([['a', 1]]) };
    const [one, two] = [await world.app({ serializer }), await world.app({ serializer, memory: false })];
    await one.cache.set('key', value);
    expect(await two.cache.get('key')).toEqual(value);
  });

  it('B8 compression: large values take less room in Redis, and are the same again', async () => {
    const value = { rows: Array.from({ length: 500 }, (_, i) => ({ id: i, title: `film number ${i}` })) };
    const [plain, small] = [await world.app(), await world.app({ compress: true })];
    await plain.cache.set('plain', value);
    await small.cache.set('small', value);
    const [before, after] = [
      await world.redis.strlen(world.entry('plain')),
      await world.redis.strlen(world.entry('small')),
    ];
    expect(after).toBeLessThan(before / 3);
    expect(await (await world.app()).cache.get('small')).toEqual(value);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { embeddedCache } from './embedded-cache.js';

const values: [string, unknown][] = [
  ['null', null],
  ['0', 0],
  ['the empty text', ''],
  ['false', false],
  ['NaN', Number.NaN],
  ['an empty array', []],
];

describe('what is stored', () => {
  it.each(values)('may be %s, which is a value like any other', async (_, value) => {
    const { cache } = embeddedCache();
    const load = jest.fn(() => value);
    for (let i = 0; i < 2; i++) expect(await cache.getOrLoad('loaded', load)).toEqual(value);
    await cache.set('set', value);
    await cache.write('written', async () => value);
    expect(load).toHaveBeenCalledTimes(1);
    for (const key of ['loaded', 'set', 'written']) {
      expect([await cache.get(key), cache.peek(key), await cache.has(key)]).toEqual([value, value, true]);
    }
    expect((await cache.getMany(['loaded', 'set', 'written', 'absent'])).size).toBe(3);
  });

  it('is never undefined: a load that finds nothing is asked again', async () => {
    const { cache } = embeddedCache();
    const load = jest.fn(() => undefined);
    for (let i = 0; i < 2; i++) expect(await cache.getOrLoad('a', load)).toBeUndefined();
    expect([load.mock.calls.length, await cache.has('a'), cache.stats().memory.entries]).toEqual([2, false, 0]);
  });

  it('is gone after undefined was set or written', async () => {
    const { cache } = embeddedCache();
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    await cache.set('a', undefined);
    expect(await cache.write('b', async () => undefined)).toBeUndefined();
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map());
  });

  it('is not null when cacheNull is false: such a load is asked again, and such a put evicts', async () => {
    const { cache } = embeddedCache({ cacheNull: false });
    const load = jest.fn(() => null);
    for (let i = 0; i < 2; i++) expect(await cache.getOrLoad('a', load)).toBeNull();
    expect(load).toHaveBeenCalledTimes(2);
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    await cache.set('a', null);
    expect(await cache.write('b', async () => null)).toBeNull();
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map());
    await cache.set('a', 0);
    expect(await cache.get('a')).toBe(0);
  });

  it('may be null or not by the word of a single call', async () => {
    const [yes, no] = [embeddedCache().cache, embeddedCache({ cacheNull: false }).cache];
    await yes.getOrLoad('a', () => null, { cacheNull: false });
    await no.getOrLoad('a', () => null, { cacheNull: true });
    expect([await yes.has('a'), await no.has('a')]).toEqual([false, true]);
  });
});

describe('a value over maxValueBytes', () => {
  const large = 'x'.repeat(2_000);

  it('goes to its callers and is not stored', async () => {
    const { cache } = embeddedCache({ maxValueBytes: 1_000 });
    const skipped: { key: string; reason: string }[] = [];
    cache.on('skipped', (event) => skipped.push(event));
    expect(await cache.getOrLoad('a', () => large)).toBe(large);
    expect(await cache.write('b', async () => large)).toBe(large);
    await cache.set('c', large);
    expect((await cache.getMany(['a', 'b', 'c'])).size).toBe(0);
    expect(skipped.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    expect(skipped[0]?.reason).toMatch(/2\d\d\d bytes.*maxValueBytes.*1000.*raise maxValueBytes/);
    expect(cache.stats()).toMatchObject({ skipped: 3, memory: { entries: 0 } });
  });

  it('does not leave the older value behind', async () => {
    const { cache } = embeddedCache({ maxValueBytes: 1_000 });
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    await cache.set('a', large);
    await cache.write('b', async () => large);
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map());
  });

  it('goes to all who wait for one load of it', async () => {
    const { cache } = embeddedCache({ maxValueBytes: 1_000 });
    const load = jest.fn(async () => large);
    expect(await Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', load)))).toEqual([large, large, large]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('is judged with all that is inside it', async () => {
    const { cache } = embeddedCache({ maxValueBytes: 1_000 });
    for (const value of [
      { a: [large] },
      new Map([[large, 1]]),
      Buffer.alloc(2_000),
      [new Set([large])],
      2n ** 8_001n,
    ]) {
      await cache.set('a', value);
      expect(await cache.has('a')).toBe(false);
    }
    await cache.set('a', { a: 'x'.repeat(500) });
    expect(await cache.has('a')).toBe(true);
  });
});

describe('what cannot be stored', () => {
  class Money {
    constructor(readonly cents: number) {}
  }
  const looped: unknown[] = [];
  looped.push(looped);

  it.each([
    ['a function', { f: () => 1 }],
    ['an unknown class', new Money(5)],
    ['a symbol', [Symbol('x')]],
    ['a value that contains itself', looped],
    ['a promise', { later: Promise.resolve(1) }],
  ])('goes to its callers and is told of: %s', async (_, value) => {
    const { cache } = embeddedCache();
    const told = jest.fn();
    cache.on('skipped', told);
    await cache.set('b', 1);
    await cache.set('b', value);
    expect(await cache.getOrLoad('a', () => value)).toBe(value);
    expect(await cache.getMany(['a', 'b'])).toEqual(new Map());
    expect(told).toHaveBeenCalledTimes(2);
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheKeyError, CacheTargetError } from '../../src/cache.errors.js';
import { encodeKey, MAX_KEY_LENGTH } from '../../src/engine/key.js';
import { type CacheTarget, parseTarget } from '../../src/engine/target.js';

function keysOf(target: CacheTarget): string[] {
  const parsed = parseTarget(target);
  if (parsed.kind !== 'keys') throw new Error(`It is ${parsed.kind}.`);
  return parsed.keys.sort();
}

describe('what to invalidate', () => {
  it('may be a string key', () => {
    expect(keysOf('product:42')).toEqual(['product:42']);
    expect(keysOf('*')).toEqual(['*']);
  });

  it('may be an array key', () => {
    expect(keysOf(['product', 42])).toEqual(['product:~42']);
    expect(keysOf(['product', { id: 1 }])).toEqual([encodeKey(['product', { id: 1 }])]);
    expect(keysOf([42])).toEqual(['~42']);
  });

  it('may be several keys, of both kinds', () => {
    expect(
      keysOf([
        ['product', 1],
        ['product', 2],
      ]),
    ).toEqual(expect.arrayContaining(['product:~1', 'product:~2'])); // prettier-ignore
    expect(keysOf(['product:1', ['product', 2]])).toEqual(expect.arrayContaining(['product:1', 'product:~2']));
  });

  it('is both when an array of strings may be one key or several: too much costs a load, too little shows old data', () => {
    expect(keysOf(['a', 'b'])).toEqual(['a', 'a:b', 'b']);
    expect(keysOf(['a:b', 'c'])).toEqual(['a%3ab:c', 'a:b', 'c']);
    expect(keysOf(['a'])).toEqual(['a']);
    expect(keysOf(['a', ['b', 1]])).toEqual([encodeKey(['a', ['b', 1]]), 'a', 'b:~1'].sort());
  });

  it('may be an array key with a part that would be no key by itself', () => {
    const text = 'x'.repeat(MAX_KEY_LENGTH + 1);
    expect(keysOf(['search', text])).toContain(encodeKey(['search', text]));
    expect(keysOf(['search', ''])).toEqual(['search', 'search:']);
    expect(keysOf([['search', 1], [], ['']])).toContain('search:~1');
    expect(keysOf(['search', ['']])).toContain(encodeKey(['search', ['']]));
  });

  it('may be nothing, if it is an empty list of keys', () => {
    expect(keysOf([])).toEqual([]);
  });

  it('names each key once', () => {
    expect(keysOf(['a', 'a', 'b'])).toEqual(['a', 'a:a:b', 'b']);
  });

  it('may be tags, a prefix, or a pattern', () => {
    expect(parseTarget({ tags: ['sale', 'a:b'] })).toEqual({ kind: 'tags', tags: ['sale', 'a:b'] });
    expect(parseTarget({ prefix: 'product:' })).toEqual({ kind: 'prefix', prefix: 'product:' });
    expect(parseTarget({ pattern: 'product:*:price' })).toEqual({ kind: 'pattern', pattern: 'product:*:price' });
  });

  it('may say undefined for what it is not', () => {
    const target = { tags: undefined, prefix: 'product:' } as unknown as CacheTarget;
    expect(parseTarget(target)).toEqual({ kind: 'prefix', prefix: 'product:' });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a number', 42],
    ['an empty object', {}],
    ['an unknown kind', { key: 'a' }],
    ['no tags', { tags: [] }],
    ['an empty tag', { tags: ['a', ''] }],
    ['a tag that is no list', { tags: 'sale' }],
    ['an empty prefix, which would be everything', { prefix: '' }],
    ['an empty pattern', { pattern: '' }],
    ['a prefix that is no text', { prefix: ['product'] }],
  ])('is refused with a remedy: %s', (_case, target) => {
    expect(() => parseTarget(target as CacheTarget)).toThrow(CacheTargetError);
    expect(() => parseTarget(target as CacheTarget)).toThrow(/Pass a key \('product:42'/);
  });

  it('is refused when it is two things at once, of which one would be forgotten', () => {
    expect(() => parseTarget({ tags: ['sale'], prefix: 'product:' })).toThrow(CacheTargetError);
    expect(() => parseTarget({ prefix: 'product:', pattern: 'a*' })).toThrow(/several targets.*once for each/);
  });

  it('is refused like any other key when it is none', () => {
    expect(() => parseTarget('')).toThrow(CacheKeyError);
    expect(() => parseTarget([''])).toThrow(CacheKeyError);
    expect(() => parseTarget('x'.repeat(MAX_KEY_LENGTH + 1))).toThrow(CacheKeyError);
    expect(() => parseTarget(['a', () => 1])).toThrow(CacheKeyError);
  });
});

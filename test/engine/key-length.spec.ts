import { describe, expect, it } from '@jest/globals';
import { CacheKeyError } from '../../src/cache.errors.js';
import { type CacheKey, encodeKey, encodeParts, firstSegment, MAX_KEY_LENGTH } from '../../src/engine/key.js';

describe('a string key', () => {
  it('is taken as it is', () => {
    for (const key of ['product:42', ':', '~1', 'a%3ab', 'a b', '*', 'é😀', 'half \ud83d'])
      expect(encodeKey(key)).toBe(key);
  });

  it('is refused when it is empty', () => {
    expect(() => encodeKey('')).toThrow(
      new CacheKeyError('The key is empty.', "Give it a name, such as 'product:42' or ['product', id]."),
    );
  });

  it('may have as many characters as documented and no more', () => {
    expect(encodeKey('k'.repeat(MAX_KEY_LENGTH))).toHaveLength(MAX_KEY_LENGTH);
    expect(() => encodeKey('k'.repeat(MAX_KEY_LENGTH + 1))).toThrow(
      /1025 characters; 1024 are allowed.*array keys are hashed/s,
    );
  });
});

describe('an array key', () => {
  it('is refused when nothing is in it', () => {
    expect(() => encodeKey([])).toThrow(CacheKeyError);
    expect(() => encodeKey([''])).toThrow(CacheKeyError);
  });

  it('may have empty parts', () => {
    expect(encodeKey(['', 'a'])).toBe(':a');
    expect(encodeKey(['a', ''])).toBe('a:');
    expect(encodeParts('Users.find', [])).not.toBe(encodeParts('Users.find', ['']));
  });

  it('is readable up to 256 characters, then hashed', () => {
    expect(encodeKey(['a', 'x'.repeat(254)])).toBe(`a:${'x'.repeat(254)}`);
    for (const length of [255, 256, 1_000, 1_000_000]) {
      expect(encodeKey(['a', 'x'.repeat(length)])).toMatch(/^a:~h[\w-]+$/);
    }
  });

  it('has a hash of 128 bits or more', () => {
    const hash = /~h([\w-]+)$/.exec(encodeKey(['a', 'x'.repeat(300)]))?.[1] ?? '';
    expect(hash.length * 6).toBeGreaterThanOrEqual(128);
  });

  it('keeps whole segments in front of the hash, so that its prefixes still invalidate it', () => {
    const key = encodeKey(['tenant', 7, 'search', 'x'.repeat(300)]);
    expect(key).toMatch(/^tenant:~7:search:~h[\w-]{28}$/);
    expect(firstSegment(key)).toBe('tenant:');
  });

  it('keeps its first segment also when that is long, but stays shorter than a string key may be', () => {
    const tenant = 't'.repeat(200);
    expect(firstSegment(encodeKey([tenant, 'x'.repeat(300)]))).toBe(`${tenant}:`);
    expect(firstSegment(encodeKey(['t'.repeat(300), 'x']))).toBe(`${'t'.repeat(300)}:`);
    expect(encodeKey(['t'.repeat(1_000_000), 'x']).length).toBeLessThan(MAX_KEY_LENGTH);
  });

  it('is hashed over all of its parts: also what the readable head shows or cuts', () => {
    const tail = 'x'.repeat(300);
    const keys = [
      encodeKey(['a', 'b', tail]),
      encodeKey(['a', 'c', tail]),
      encodeKey(['a', 'b', `${tail}y`]),
      encodeKey(['a', 'b', tail, 1]),
      encodeKey(['a', 'b', tail, '1']),
      encodeKey(['a', `${'y'.repeat(150)}1`, tail]),
      encodeKey(['a', `${'y'.repeat(150)}2`, tail]),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('that was written out cannot equal one that was hashed', () => {
    const hashed = encodeKey(['a', 'x'.repeat(300)]);
    const hash = hashed.slice('a:'.length);
    for (const part of [hash, hash.slice(1), `~${hash}`, { h: hash.slice(2) }, [hash]]) {
      expect(encodeKey(['a', part])).not.toBe(hashed);
    }
  });
});

describe('a key of another type', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a number', 42],
    ['an object', { id: 1 }],
  ])('is refused: %s', (_case, key) => {
    expect(() => encodeKey(key as CacheKey)).toThrow(/must be a string or an array.*Write 'product:42'/s);
  });
});

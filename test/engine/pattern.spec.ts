import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compilePattern, prefixPattern } from '../../src/engine/pattern.js';

describe('a pattern', () => {
  it.each<[string, string, boolean]>([
    ['product:*', 'product:', true],
    ['product:*', 'product:1:price', true],
    ['product:*', 'products:1', false],
    ['product:*:price', 'product:1:price', true],
    ['product:*:price', 'product:1:2:price', true],
    ['product:*:price', 'product:1:prices', false],
    ['product:?', 'product:1', true],
    ['product:?', 'product:', false],
    ['product:?', 'product:12', false],
    ['*', '', true],
    ['**', 'a', true],
    ['?*?', 'a', false],
    ['?*?', 'ab', true],
    ['a*b*c', 'abbcbc', true],
    ['a*b*c', 'abbcb', false],
    ['product', 'product:1', false],
    ['user:?:name', 'user:😀:name', true],
    ['user:??:name', 'user:😀:name', false],
    ['*?', '😀', true],
    ['a*', 'a\nb', true],
    ['a?c', 'a\nc', true],
  ])('%s on %j: %p', (pattern, key, expected) => {
    expect(compilePattern(pattern)(key)).toBe(expected);
  });

  it('without * and ? stands for itself, whatever its characters mean elsewhere', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab:.+()[]{}^$|\\/-%~\n'), maxLength: 6 });
    fc.assert(
      fc.property(text, text, (pattern, key) => {
        expect(compilePattern(pattern)(key)).toBe(pattern === key);
        expect(compilePattern(pattern)(pattern)).toBe(true);
      }),
    );
  });

  it('means what the regular expression means that says the same', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab*?'), maxLength: 8 }),
        fc.string({ unit: fc.constantFrom(...'ab'), maxLength: 10 }),
        (pattern, key) => {
          const same = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
          expect(compilePattern(pattern)(key)).toBe(same.test(key));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('with several stars does not try all ways to share out the text', () => {
    const matches = compilePattern('*a*a*a*a*b');
    const start = performance.now();
    expect(matches('a'.repeat(500))).toBe(false);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe('the pattern of a prefix', () => {
  it('matches every key that begins with it', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab:*?[\\'), maxLength: 5 });
    fc.assert(
      fc.property(text, text, (prefix, rest) => {
        expect(compilePattern(prefixPattern(prefix))(prefix + rest)).toBe(true);
      }),
    );
    expect(compilePattern(prefixPattern('product:'))('products:1')).toBe(false);
  });
});

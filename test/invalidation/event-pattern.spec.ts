import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventNameRemedy, overlap } from '../../src/invalidation/event-pattern.js';

describe('names of events', () => {
  it.each([
    ['product.updated', 'product.updated', true],
    ['product.updated', 'product.created', false],
    ['product.*', 'product.updated', true],
    ['product.*', 'product', false],
    ['product.*', 'product.price.updated', false],
    ['*.updated', 'product.updated', true],
    ['*', 'product', true],
    ['*', 'product.updated', false],
    ['product.**', 'product.price.updated', true],
    ['product.**', 'product', true],
    ['**', 'product.price.updated', true],
    ['**.updated', 'product.price.updated', true],
    ['**.updated', 'product.price.deleted', false],
    ['product.**.updated', 'product.updated', true],
    ['product.*', '*.updated', true],
    ['product.*', 'order.*', false],
    ['product.**', '*.a.b', true],
    ['**', '**', true],
  ])('"%s" and "%s" mean a common event: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });

  it('match like a regular expression made of the pattern', () => {
    const part = fc.constantFrom('a', 'b', 'c');
    const patterns = fc.array(fc.oneof(part, fc.constantFrom('*', '**')), { minLength: 1, maxLength: 5 });
    const names = fc.array(part, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(patterns, names, (pattern, name) => {
        const source = pattern.map((one) => (one === '**' ? '(?:\\w\\.)*' : one === '*' ? '\\w\\.' : `${one}\\.`));
        const expected = new RegExp(`^${source.join('')}$`).test(`${name.join('.')}.`);
        expect(overlap(pattern.join('.'), name.join('.'))).toBe(expected);
      }),
    );
  });

  it.each(['', 'a..b', '.a', 'prod*', 'a.b*', 7, undefined])('may not be %p', (name) => {
    expect(eventNameRemedy(name)).toEqual(expect.any(String));
  });

  it.each(['a', 'a.b', 'a.*', '**', 'a:b', 'product updated'])('may be "%s"', (name) => {
    expect(eventNameRemedy(name)).toBeUndefined();
  });
});

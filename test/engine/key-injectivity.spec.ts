import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeKey, encodeParts } from '../../src/engine/key.js';
import { argument, nastyText } from './arbitraries.js';

describe('a key made of arguments', () => {
  it('is different for different arguments, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.array(argument, { maxLength: 3 }), { minLength: 100, maxLength: 100 }), (lists) => {
        const seen = new Map<string, unknown[]>();
        for (const list of lists) {
          const key = encodeParts('Users.find', list);
          const other = seen.get(key);
          if (other !== undefined) expect(isDeepStrictEqual(other, list)).toBe(true);
          seen.set(key, list);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is equal for equal arguments, in whatever order names, members and entries were written', () => {
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 3 }), (list) => {
        expect(encodeParts('Users.find', turned(list))).toBe(encodeParts('Users.find', list));
      }),
    );
  });

  it.each<[string, unknown, unknown]>([
    ['1 and "1"', 1, '1'],
    ['1 and 1n', 1, 1n],
    ['1 and true', 1, true],
    ['null and undefined', null, undefined],
    ['null and "null"', null, 'null'],
    ['null and "~null"', null, '~null'],
    ['a number and text in its encoded form', 42, '~42'],
    ['NaN and "NaN"', Number.NaN, 'NaN'],
    ['[] and [""]', [], ['']],
    ['[""] and ["", ""]', [''], ['', '']],
    ['new Set() and new Set([""])', new Set(), new Set([''])],
    ['[] and {}', [], {}],
    ['[1] and Set of 1', [1], new Set([1])],
    ['[[1], 2] and [1, [2]]', [[1], 2], [1, [2]]],
    ['["a,b"] and ["a", "b"]', ['a,b'], ['a', 'b']],
    ['{ a: 1 } and a Map of it', { a: 1 }, new Map([['a', 1]])],
    ['{ a: undefined } and {}', { a: undefined }, {}],
    ['{ "a=~1,b": 2 } and { a: 1, b: 2 }', { 'a=~1,b': 2 }, { a: 1, b: 2 }],
    ['a Date and its time', new Date(5), 5],
    ['a Date and its text', new Date(5), new Date(5).toISOString()],
    ['a Buffer and its text', Buffer.from('a'), 'a'],
    ['typed arrays of different widths', new Int16Array([1]), new Int32Array([1])],
    ['signed and unsigned bytes', new Int8Array([1]), new Uint8Array([1])],
    ['a RegExp and one with flags', /a/, /a/g],
    ['"a" twice in a Set of objects and once', new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }])],
    ['two lone surrogates', '\ud800', '\ud801'],
    ['a lone surrogate and its escaped form', '\ud800', '%ud800'],
    ['two lone surrogates inside an object', { name: '\ud800' }, { name: '\ud801' }],
  ])('tells %s apart', (_case, one, other) => {
    expect(encodeKey(['a', one])).not.toBe(encodeKey(['a', other]));
    expect(encodeKey(['a', [one]])).not.toBe(encodeKey(['a', [other]]));
    expect(encodeKey(['a', { in: one }])).not.toBe(encodeKey(['a', { in: other }]));
  });

  it.each<[string, unknown, unknown]>([
    ['0 and -0', 0, -0],
    ['a Buffer and a Uint8Array of the same bytes', Buffer.from([1, 2]), new Uint8Array([1, 2])],
    ['an object and one without prototype', { a: 1 }, Object.assign(Object.create(null), { a: 1 })],
    ['a hole and undefined', new Array(1), [undefined]],
    ['a part of a buffer and a copy of it', new Uint8Array([9, 1, 9]).subarray(1, 2), new Uint8Array([1])],
  ])('does not tell %s apart', (_case, one, other) => {
    expect(encodeKey(['a', one])).toBe(encodeKey(['a', other]));
  });

  it('has the segments its author gave it, whatever users write into them', () => {
    fc.assert(
      fc.property(nastyText, nastyText, (name, page) => {
        const segments = encodeKey(['user', name, 'orders', page]).split(':');
        expect(segments).toHaveLength(4);
        expect([segments[0], segments[2]]).toEqual(['user', 'orders']);
      }),
    );
  });

  it('has a text that UTF-8 keeps', () => {
    fc.assert(
      fc.property(fc.array(argument, { minLength: 1, maxLength: 3 }), (list) => {
        expect(encodeParts('Users.find', list).isWellFormed()).toBe(true);
      }),
    );
  });

  it('stays readable', () => {
    expect(encodeKey(['product', 42])).toBe('product:~42');
    expect(encodeKey(['product', 'a:b'])).toBe('product:a%3ab');
    expect(encodeKey(['search', { b: [1, 'x'], a: null }])).toBe('search:~{a=~null,b=~[~1,x]}');
  });
});

/** The same value, with everything whose order means nothing in the opposite order. */
function turned(value: unknown): unknown[];
function turned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(turned);
  if (value instanceof Set) return new Set([...value].reverse().map(turned));
  if (value instanceof Map) return new Map([...value].reverse().map(([k, v]) => [turned(k), turned(v)]));
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, inside]) => [name, turned(inside)]),
  );
}

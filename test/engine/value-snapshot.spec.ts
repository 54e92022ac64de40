import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheEntryError } from '../../src/cache.errors.js';
import { Values } from '../../src/engine/value.js';
import { ValueTypes } from '../../src/engine/value-types.js';
import { storable } from './arbitraries.js';

const values = new Values(new ValueTypes());

describe('a snapshot', () => {
  it('equals its source, of whatever types that is made', () => {
    fc.assert(
      fc.property(storable, (value) => {
        expect(isDeepStrictEqual(values.snapshot(value).value, value)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('shares no object with its source', () => {
    fc.assert(
      fc.property(storable, (value) => {
        const sources = objectsIn(value);
        for (const part of objectsIn(values.snapshot(value).value)) expect(sources.has(part)).toBe(false);
      }),
    );
  });

  it('does not see what happens to its source afterwards', () => {
    const source = {
      name: 'a',
      tags: ['x'],
      at: new Date(5),
      map: new Map<string, unknown>([['k', { deep: [1] }]]),
      set: new Set(['s']),
      bytes: Buffer.from('abc'),
      floats: new Float64Array([1.5]),
    };
    const { value } = values.snapshot(source);
    source.name = 'b';
    source.tags.push('y');
    source.at.setTime(6);
    (source.map.get('k') as { deep: number[] }).deep.push(2);
    source.map.set('l', 1);
    source.set.clear();
    source.bytes.fill('z');
    source.floats[0] = 0;
    expect(value).toStrictEqual({
      name: 'a',
      tags: ['x'],
      at: new Date(5),
      map: new Map([['k', { deep: [1] }]]),
      set: new Set(['s']),
      bytes: Buffer.from('abc'),
      floats: new Float64Array([1.5]),
    });
  });

  it('leaves its source as it was: not changed, not frozen', () => {
    const source = { list: [{ at: new Date(5) }], map: new Map([['k', new Set([1])]]) };
    values.snapshot(source);
    expect([source, source.list, source.list[0]].some((part) => Object.isFrozen(part))).toBe(false);
    expect(Object.getPrototypeOf(source.map)).toBe(Map.prototype);
    source.list[0]?.at.setTime(7);
    source.list.push({ at: new Date(0) });
    expect(source.list).toHaveLength(2);
  });

  it('has own properties of any name, and no other prototype', () => {
    const source = JSON.parse('{ "__proto__": { "admin": true }, "constructor": 1 }') as object;
    const copy = values.snapshot(source).value as { admin?: boolean };
    expect(Object.keys(copy)).toEqual(['__proto__', 'constructor']);
    expect(copy.admin).toBeUndefined();
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  });

  it.each<[string, unknown]>([
    ['text', 'a'],
    ['nothing', null],
    ['numbers', [0, 1.5, -1]],
    ['an object of such', { a: { b: [true, null, ''] } }],
  ])('knows that JSON says it all: %s', (_case, value) => {
    expect(values.snapshot(value)).toMatchObject({ typed: false, binary: false });
  });

  it.each<[string, unknown]>([
    ['undefined', { a: undefined }],
    ['a hole', { a: new Array(1) }],
    ['NaN', [Number.NaN]],
    ['-0', [-0]],
    ['Infinity', [Number.POSITIVE_INFINITY]],
    ['a bigint', { a: [1n] }],
    ['a Date', { a: new Date(0) }],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['bytes', Buffer.from('')],
    ['a property that serializers rename', JSON.parse('{ "__proto__": 1 }')],
  ])('knows that JSON does not say it all: %s', (_case, value) => {
    expect(values.snapshot(value).typed).toBe(true);
  });

  it('is the larger the more it holds, also of bytes, text and digits', () => {
    const bytes = (value: unknown): number => values.snapshot(value).bytes;
    expect(bytes(Buffer.alloc(10_000))).toBeGreaterThan(10_000);
    expect(bytes('x'.repeat(10_000))).toBeGreaterThan(10_000);
    expect(bytes(10n ** 20_000n)).toBeGreaterThan(8_000);
    expect(bytes(Array.from({ length: 1_000 }, () => ({})))).toBeGreaterThan(32_000);
    expect(bytes(new Map([['k', 'x'.repeat(10_000)]]))).toBeGreaterThan(10_000);
    expect(Number.isInteger(bytes([10n ** 33n, 1.5, 'a']))).toBe(true);
  });
});

describe('a value that no store can keep', () => {
  class Unknown {
    a = 1;
  }
  class ZonedDate extends Date {
    zone = 'UTC';
  }
  class Page extends Array<number> {
    total = 1;
  }
  const circle: unknown[] = [];
  circle.push({ circle });

  it.each<[string, unknown, string]>([
    ['a function', () => 1, 'a function'],
    ['a symbol', Symbol('a'), 'a symbol'],
    ['an instance of an unknown class', new Unknown(), 'an instance of Unknown'],
    ['an instance of an unknown kind of Date', new ZonedDate(), 'an instance of ZonedDate'],
    ['an instance of an unknown kind of array', Page.of(1), 'an instance of Page'],
    ['an error', new Error('a'), 'an instance of Error'],
    ['a promise', Promise.resolve(), 'an instance of Promise'],
    ['a RegExp', /a/, 'an instance of RegExp'],
    ['a DataView', new DataView(new ArrayBuffer(1)), 'an instance of DataView'],
    ['an ArrayBuffer', new ArrayBuffer(1), 'an instance of ArrayBuffer'],
    ['an object with a strange prototype', Object.create(Object.create(null)), 'an instance of an unnamed class'],
    ['a cycle', circle, 'an object that contains itself'],
  ])('is refused with a remedy: %s', (_case, value, named) => {
    for (const holder of [value, [value], { in: value }, new Map([['k', value]]), new Set([value])]) {
      expect(() => values.snapshot(holder)).toThrow(CacheEntryError);
      expect(() => values.snapshot(holder)).toThrow(named);
      expect(() => values.snapshot(holder)).toThrow(/register the class: CacheModule.forRoot\(\{ types: \[/);
    }
  });
});

function objectsIn(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return found;
  found.add(value);
  // Small Buffers lie next to each other in one pool.
  if (ArrayBuffer.isView(value)) return Buffer.isBuffer(value) ? found : found.add(value.buffer);
  if (value instanceof Map || value instanceof Set) for (const item of [...value].flat()) objectsIn(item, found);
  for (const inside of Object.values(value)) objectsIn(inside, found);
  return found;
}

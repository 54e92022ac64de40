import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Decimal } from '@prisma/client/runtime/client';
import fc from 'fast-check';
import { Codec } from '../../src/engine/codec.js';
import { jsonSerializer, type Serializer } from '../../src/engine/serializer.js';
import { Values } from '../../src/engine/value.js';
import { ValueTypes } from '../../src/engine/value-types.js';
import { msgpackSerializer } from '../../src/msgpack.js';
import { storable } from './arbitraries.js';

class Money {
  constructor(
    readonly amount: number,
    readonly note: unknown,
  ) {}
}

/** Stores a value as Redis would have it and reads it in what could be another process. */
function roundTrip(serializer: Serializer, compressFrom: number, value: unknown): unknown {
  const [writing, reading] = [new ValueTypes([Money, Decimal]), new ValueTypes([Money, Decimal])];
  const options = { serializer, schema: '1', compressFrom, maxBytes: 1_000_000 };
  const writer = new Codec(options, writing);
  const { payload, tagged, compressed } = writer.encode(new Values(writing).snapshot(value));
  const stored = { profile: writer.profile, tagged, compressed, payload: Buffer.from(payload as string) };
  return new Codec(options, reading).decode(stored);
}

describe.each<[string, Serializer]>([
  ['JSON', jsonSerializer],
  ['MessagePack', msgpackSerializer()],
])('a value stored as %s', (_name, serializer) => {
  describe.each<[string, number]>([
    ['as it is', Number.POSITIVE_INFINITY],
    ['compressed', 0],
  ])('%s', (_how, compressFrom) => {
    it('comes back unchanged, whatever it is made of', () => {
      const withClasses = fc.oneof(
        storable,
        storable.map((note) => ({ price: new Decimal('1.10'), money: new Money(5, note) })),
      );
      fc.assert(
        fc.property(withClasses, (value) => {
          expect(isDeepStrictEqual(roundTrip(serializer, compressFrom, value), value)).toBe(true);
        }),
        { numRuns: 400 },
      );
    });

    it('comes back unchanged when it is long', () => {
      const value = {
        text: 'é😀"\\\n'.repeat(5_000),
        list: Array.from({ length: 5_000 }, (_, i) => ({ i, at: new Date(i) })),
      };
      expect(isDeepStrictEqual(roundTrip(serializer, compressFrom, value), value)).toBe(true);
    });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['undefined in an object', { a: undefined }],
    ['NaN, Infinity and -0', [Number.NaN, Number.NEGATIVE_INFINITY, -0]],
    ['a large number', 2 ** 53 + 2],
    ['a bigint larger than any number', -(10n ** 60n)],
    ['a date before 1970', new Date(-1)],
    [
      'a Map with keys of all kinds',
      new Map<unknown, unknown>([
        [1, 'a'],
        ['1', 'b'],
        [null, 'c'],
        [{ k: 1 }, 'd'],
      ]),
    ], // prettier-ignore
    ['a Map in a Map', new Map([['a', new Map([['b', new Set([1n])]])]])],
    ['bytes that are no text', Buffer.from([0, 255, 128, 10])],
    ['a part of a larger buffer', new Uint16Array([1, 2, 3, 4]).subarray(1, 3)],
    ['a `$`', { $: ['d', 5] }],
    ['a `$` beside a Date', { $: ['d', 5], at: new Date(1) }],
    ['nested `$`', { $: { $: [{ $: 1 }] }, at: new Date(1) }],
    ['an own __proto__', JSON.parse('{ "__proto__": { "a": 1 }, "b": 2 }')],
    ['an own __proto__ beside a Date', Object.assign(JSON.parse('{ "__proto__": null }'), { at: new Date(1) })],
    ['names of Object.prototype', { constructor: 1, toString: 'x', hasOwnProperty: null }],
    ['a toJSON that is no function', { toJSON: 1, at: { toJSON: 'x' } }],
  ])('is the same again: %s', (_case, value) => {
    expect(isDeepStrictEqual(roundTrip(serializer, 0, value), value)).toBe(true);
    expect(isDeepStrictEqual(roundTrip(serializer, Number.POSITIVE_INFINITY, [value]), [value])).toBe(true);
  });

  it('is the same again: a Date that is none', () => {
    expect((roundTrip(serializer, 0, new Date(Number.NaN)) as Date).getTime()).toBeNaN();
  });

  it('cannot change the prototypes of its reader', () => {
    const again = roundTrip(serializer, 0, JSON.parse('{ "__proto__": { "admin": true } }')) as { admin?: boolean };
    expect(again.admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.getPrototypeOf(again)).toBe(Object.prototype);
  });

  it('has no holes any more: they are undefined', () => {
    // biome-ignore lint/suspicious/noSparseArray: it is what is tested
    expect(isDeepStrictEqual(roundTrip(serializer, 0, [, 1]), [undefined, 1])).toBe(true);
  });
});

describe('a value stored as JSON', () => {
  it('keeps lone surrogates in its texts', () => {
    expect(roundTrip(jsonSerializer, 0, { '\ud800': 'cut in half \ud83d' })).toEqual({
      '\ud800': 'cut in half \ud83d',
    });
  });
});

describe('a value stored as MessagePack', () => {
  it('is refused when a text in it has a lone surrogate, which would come back as something else', () => {
    for (const half of ['\ud800', `${'x'.repeat(100)}\udc00`]) {
      for (const value of [half, [half], { [half]: 1 }, { a: { b: half } }, new Set([half])]) {
        expect(() => roundTrip(msgpackSerializer(), 0, value)).toThrow(/lone surrogate.*toWellFormed/);
      }
    }
  });

  it('is not refused for characters that are encoded alike', () => {
    const value = ['\ufffd', '한국어', '\ud7ff', Buffer.from([0xed, 0xa0, 0x80])];
    expect(isDeepStrictEqual(roundTrip(msgpackSerializer(), 0, value), value)).toBe(true);
  });
});

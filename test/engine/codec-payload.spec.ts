import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheEntryError } from '../../src/cache.errors.js';
import { Codec, type CodecOptions, type StoredPayload } from '../../src/engine/codec.js';
import { jsonSerializer } from '../../src/engine/serializer.js';
import { Values } from '../../src/engine/value.js';
import { ValueTypes } from '../../src/engine/value-types.js';
import { msgpackSerializer } from '../../src/msgpack.js';
import { storable } from './arbitraries.js';

const types = new ValueTypes();
const values = new Values(types);

function codec(options: Partial<CodecOptions> = {}): Codec {
  return new Codec({ serializer: jsonSerializer, schema: '', compressFrom: 100, maxBytes: 1_000, ...options }, types);
}

function stored(by: Codec, value: unknown): StoredPayload {
  const { payload, tagged, compressed } = by.encode(values.snapshot(value));
  return { profile: by.profile, tagged, compressed, payload: Buffer.from(payload as string) };
}

function text(payload: string, tagged = true): StoredPayload {
  return { profile: codec().profile, tagged, compressed: false, payload: Buffer.from(payload) };
}

describe('a payload', () => {
  it('is plain JSON for values of which JSON says all', () => {
    expect(codec().encode(values.snapshot({ $: ['d', 1], a: null }))).toEqual({
      payload: '{"$":["d",1],"a":null}',
      tagged: false,
      compressed: false,
    });
  });

  it('is compressed from the given length on, in bytes', () => {
    expect(stored(codec(), 'x'.repeat(97)).compressed).toBe(false);
    expect(stored(codec(), 'x'.repeat(98)).compressed).toBe(true);
    expect(stored(codec(), 'é'.repeat(49)).compressed).toBe(true);
  });

  it('stays as it is when compressing makes it no smaller', () => {
    const noise = Array.from({ length: 150 }, (_, i) => String.fromCharCode(33 + ((i * i * 7 + i * 31) % 89))).join('');
    const entry = stored(codec({ compressFrom: 0 }), 1);
    expect([entry.compressed, entry.payload.toString()]).toEqual([false, '1']);
    expect(codec().decode(stored(codec(), noise))).toBe(noise);
  });

  it('is not compressed when it is longer than what would be inflated again', () => {
    // Control characters take six bytes of JSON each.
    const longest = '\u0001'.repeat(1_000);
    const entry = stored(codec({ maxBytes: 1_100 }), longest);
    expect(entry.compressed).toBe(false);
    expect(entry.payload.length).toBeGreaterThan(1_100);
    expect(codec({ maxBytes: 2_000 }).decode(stored(codec({ maxBytes: 2_000 }), longest))).toBe(longest);
  });

  it('that is small does not inflate to more than four times the largest value', () => {
    const bomb = { ...text(''), compressed: true, payload: deflateRawSync(Buffer.alloc(50_000_000, 'x')) };
    expect(() => codec().decode(bomb)).toThrow(CacheEntryError);
  });

  it('of another serializer or schema is a miss that says so', () => {
    const entry = stored(codec({ schema: '1' }), 5);
    expect(() => codec({ schema: '2' }).decode(entry)).toThrow(/written as "json\/1".*reads "json\/2"/);
    expect(() => codec({ schema: '1', serializer: msgpackSerializer() }).decode(entry)).toThrow(CacheEntryError);
    expect(codec({ schema: '1' }).decode(entry)).toBe(5);
  });
});

describe('a damaged payload', () => {
  it.each<[string, string]>([
    ['no JSON', '{"a":'],
    ['nothing', ''],
    ['an unknown tag', '{"$":["z",1]}'],
    ['a tag without data', '{"$":["n"]}'],
    ['an empty tag', '{"$":[]}'],
    ['a Map of nothing', '{"$":["m",5]}'],
    ['a Map of no pairs', '{"$":["m",[1,null]]}'],
    ['a Set of nothing', '{"$":["s",null]}'],
    ['a bigint that is none', '{"$":["n","1.5"]}'],
    ['bytes of an unknown kind', '{"$":["b","Function",""]}'],
    ['bytes that are none', '{"$":["b","Buffer",5]}'],
    ['too few bytes for its kind', '{"$":["b","Float64Array","AAA="]}'],
    ['an instance of an unknown class', '{"$":["t","Money",{}]}'],
    ['an object of nothing', '{"$":["o",5]}'],
    ['far too deep', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('is a CacheEntryError: %s', (_case, payload) => {
    expect(() => codec().decode(text(payload))).toThrow(CacheEntryError);
  });

  it('gives some value or a CacheEntryError, whatever happened to it', () => {
    for (const serializer of [jsonSerializer, msgpackSerializer()]) {
      for (const compressFrom of [0, Number.POSITIVE_INFINITY]) {
        const by = codec({ serializer, compressFrom, maxBytes: 100_000 });
        const damage = fc.tuple(fc.nat(), fc.constantFrom('cut', 'flip', 'insert'), fc.nat(255));
        fc.assert(
          fc.property(storable, damage, (value, [where, how, byte]) => {
            const entry = stored(by, value);
            const at = where % (entry.payload.length + 1);
            const rest = entry.payload.subarray(how === 'flip' ? at + 1 : at);
            const payload = Buffer.concat([
              entry.payload.subarray(0, at),
              ...(how === 'cut' ? [] : [Buffer.of(byte), rest]),
            ]);
            expectValueOrEntryError(() => by.decode({ ...entry, payload }));
          }),
          { numRuns: 300 },
        );
      }
    }
  });

  it('gives some value or a CacheEntryError, also when nothing of it was ours', () => {
    for (const serializer of [jsonSerializer, msgpackSerializer()]) {
      const by = codec({ serializer });
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), fc.boolean(), (bytes, tagged, compressed) => {
          expectValueOrEntryError(() =>
            by.decode({ profile: by.profile, tagged, compressed, payload: Buffer.from(bytes) }),
          );
        }),
        { numRuns: 1_000 },
      );
    }
  });
});

function expectValueOrEntryError(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheEntryError);
  }
}

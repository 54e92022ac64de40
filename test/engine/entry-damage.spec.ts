import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheEntryError } from '../../src/cache.errors.js';
import { Codec } from '../../src/engine/codec.js';
import { decodeEntry, encodeEntry, type StoredEntry } from '../../src/engine/entry-format.js';
import { jsonSerializer } from '../../src/engine/serializer.js';
import { Values } from '../../src/engine/value.js';
import { ValueTypes } from '../../src/engine/value-types.js';
import { VERSION_LENGTH } from '../../src/engine/version.js';
import { storable } from './arbitraries.js';
import { header, headers } from './entry-headers.js';

const types = new ValueTypes();
const values = new Values(types);
const codec = new Codec({ serializer: jsonSerializer, schema: '', compressFrom: 60, maxBytes: 100_000 }, types);

function entryOf(value: unknown, facts = header()): Buffer {
  const { payload, tagged, compressed } = codec.encode(values.snapshot(value));
  return Buffer.from(encodeEntry({ ...facts, tagged, compressed, profile: codec.profile }, payload) as string);
}

/** Reads bytes as the engine does: it must end as a hold, something alien, a value, or a `CacheEntryError`. */
function read(bytes: Buffer): StoredEntry['kind'] | 'error' {
  const entry = decodeEntry(bytes);
  if (entry.kind !== 'value') return entry.kind;
  expect([entry.createdAt, entry.freshFor, entry.staleFor].every((time) => time >= 0)).toBe(true);
  expect(entry.markers).toHaveLength(entry.markerValues.length);
  try {
    codec.decode(entry);
    return 'value';
  } catch (error) {
    expect(error).toBeInstanceOf(CacheEntryError);
    return 'error';
  }
}

describe('bytes that are damaged', () => {
  it('are never more than an error that the engine expects, wherever they were cut', () => {
    const bytes = entryOf({ name: 'a', at: new Date(5), tags: ['x', 'y'] });
    for (let length = 0; length < bytes.length; length++) {
      const kind = read(bytes.subarray(0, length));
      expect(kind).toBe(length === VERSION_LENGTH ? 'hold' : kind === 'error' ? 'error' : 'alien');
    }
    expect(read(bytes)).toBe('value');
  });

  it('are never more than that when they were compressed and cut', () => {
    const bytes = entryOf('x'.repeat(1_000));
    for (let length = VERSION_LENGTH + 1; length < bytes.length; length++) {
      expect(['alien', 'error']).toContain(read(bytes.subarray(0, length)));
    }
  });

  it('are never more than that whichever byte was changed, to whatever', () => {
    const bytes = entryOf({ name: 'a', at: new Date(5) });
    for (let at = 0; at < bytes.length; at++) {
      for (const byte of [0, 1, 0x25, 0x2c, 0x30, 0x3b, 0x3d, 0x7a, 0x80, 0xff, (bytes[at] as number) ^ 1]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = byte;
        read(damaged);
      }
    }
  });

  it('are never more than that after any number of changes, insertions and losses', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.constantFrom('set', 'insert', 'remove'),
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(headers, storable, fc.array(change, { minLength: 1, maxLength: 6 }), (facts, value, changes) => {
        let bytes = entryOf(value, facts);
        for (const [where, how, put] of changes) {
          const at = where % (bytes.length + 1);
          const rest = bytes.subarray(how === 'insert' ? at : at + put.length);
          bytes = Buffer.concat([bytes.subarray(0, at), how === 'remove' ? Buffer.alloc(0) : put, rest]);
        }
        read(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('still have a version: what the first 16 bytes are, which is what a script compares', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeEntry(Buffer.from(bytes)).version).toBe(Buffer.from(bytes).toString('latin1', 0, VERSION_LENGTH));
      }),
    );
  });

  it('are alien when a number, the state or the length of the names is none', () => {
    const bytes = Buffer.from(encodeEntry(header(), '1') as string);
    for (const at of [18, 19, 20, 28, 29, 38, 39, 48, 49, 52]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = 0x2d;
      expect(decodeEntry(damaged)).toMatchObject({ kind: 'alien', reason: 'damaged' });
    }
  });
});

describe('bytes of somebody else', () => {
  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a short text', Buffer.from('OK')],
    ['JSON of another cache', Buffer.from(JSON.stringify({ value: { id: 1, name: 'x' }, expires: 1_700_000_000_000 }))],
    ['a long text', Buffer.from('S'.repeat(1_000))],
    ['zeros', Buffer.alloc(1_000)],
    ['ones', Buffer.alloc(1_000, 0xff)],
  ])('are alien: %s', (_case, bytes) => {
    expect(decodeEntry(bytes)).toMatchObject({ kind: 'alien' });
  });

  it('are nothing that breaks the reader, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(['alien', 'hold']).toContain(read(Buffer.from(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an entry of a newer format', () => {
  it('is alien and says so, with a version of its own', () => {
    const facts = header();
    const bytes = Buffer.from(encodeEntry(facts, '1') as string);
    bytes[17] = '2'.charCodeAt(0);
    expect(decodeEntry(bytes)).toEqual({
      kind: 'alien',
      version: facts.version,
      reason: 'entry format 2, this version reads 1',
    });
  });
});

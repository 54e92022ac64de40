import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheEntryError, type OptionProblem } from '../../src/cache.errors.js';
import { FOREVER } from '../../src/engine/duration.js';
import {
  decodeEntry,
  type EntryHeader,
  EXPIRED_STATE,
  encodeEntry,
  STATE_OFFSET,
  type StoredEntry,
} from '../../src/engine/entry-format.js';
import { ALL, prefixMarker, tagMarker } from '../../src/engine/epochs.js';
import { MAX_KEY_LENGTH } from '../../src/engine/key.js';
import { checkTags } from '../../src/engine/policy.js';
import { VERSION_LENGTH, VersionSource } from '../../src/engine/version.js';
import { header, headers, markerOf } from './entry-headers.js';

function decode(bytes: string | Buffer): StoredEntry {
  return decodeEntry(Buffer.from(bytes as string));
}

function formatOf(entry: EntryHeader): Buffer {
  return Buffer.from(encodeEntry(entry, '1') as string);
}

describe('an entry', () => {
  it('is read as it was written, with all that is known of it', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 50 }), (written, payload) => {
        const { payload: read, ...facts } = decode(encodeEntry(written, payload)) as StoredEntry & { payload: Buffer };
        expect(facts).toEqual({ kind: 'value', claimed: false, failed: false, ...written });
        expect(Buffer.compare(read, payload)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('may have a text as its payload, of any characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (payload) => {
        expect(decode(encodeEntry(header(), payload))).toMatchObject({ payload: Buffer.from(payload) });
      }),
    );
  });

  it('may have nothing as its payload, and no markers', () => {
    const read = decode(encodeEntry(header({ markers: [], markerValues: [] }), ''));
    expect(read).toMatchObject({ kind: 'value', markers: [], markerValues: [], payload: Buffer.alloc(0) });
  });

  it('may live for ever', () => {
    const read = decode(encodeEntry(header({ freshFor: FOREVER, staleFor: FOREVER }), '1'));
    expect(read).toMatchObject({ freshFor: FOREVER, staleFor: FOREVER });
  });

  it('may have as many and as long tags as a call may give, in any script, besides its prefixes', () => {
    const tags = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(512, '電'));
    const problems: OptionProblem[] = [];
    expect(checkTags(tags, problems)).toHaveLength(tags.length);
    expect(problems).toEqual([]);
    for (const tooMuch of [[...tags, 'one more'], ['電'.repeat(513)]]) checkTags(tooMuch, problems);
    expect(problems).toHaveLength(2);
    const prefixes = Array.from({ length: 3 }, (_, i) => prefixMarker(`${`${i}`.padEnd(MAX_KEY_LENGTH - 1, '電')}:`));
    const markers = [ALL, ...prefixes, ...tags.map(tagMarker)];
    const read = decode(encodeEntry(header({ markers, markerValues: markers.map(markerOf) }), '1'));
    expect(read).toMatchObject({ kind: 'value', markers, payload: Buffer.from('1') });
  });

  it('is refused when its markers do not fit, instead of being written so that nobody can read it', () => {
    const markers = Array.from({ length: 400 }, (_, i) => tagMarker(`${i}`.padEnd(512, '電')));
    const write = (): unknown => encodeEntry(header({ markers, markerValues: markers.map(markerOf) }), '1');
    expect(write).toThrow(CacheEntryError);
    expect(write).toThrow('Use fewer or shorter tags');
  });

  it('keeps lengths of time to the millisecond', () => {
    expect(decode(encodeEntry(header({ createdAt: 1.4, freshFor: 99.6, staleFor: 0.4 }), ''))).toMatchObject({
      createdAt: 1,
      freshFor: 100,
      staleFor: 0,
    });
  });

  it('begins with its version, whatever follows: scripts compare the first 16 bytes', () => {
    fc.assert(
      fc.property(headers, (written) => {
        expect(formatOf(written).toString('latin1', 0, VERSION_LENGTH)).toBe(written.version);
      }),
    );
  });

  it('is expired by writing one byte, which changes nothing else', () => {
    fc.assert(
      fc.property(headers, (written) => {
        const bytes = formatOf({ ...written, expired: false });
        expect(decode(bytes)).toMatchObject({ expired: false });
        bytes.write(EXPIRED_STATE, STATE_OFFSET);
        expect(decode(bytes)).toEqual({
          kind: 'value',
          claimed: false,
          failed: false,
          ...written,
          expired: true,
          payload: Buffer.from('1'),
        });
      }),
    );
  });

  it('tells markers apart that are written alike', () => {
    const markers = ['t:a,b', 't:a', 't:a=b', 't:a;b', 't:a%2Cb', 't:%', 't: ', 't:é', '*', 'p:~1:'];
    const read = decode(encodeEntry(header({ markers, markerValues: markers.map(markerOf) }), '1'));
    expect(read).toMatchObject({ markers, markerValues: markers.map(markerOf) });
  });
});

describe('a hold', () => {
  it('is a version and nothing else, but for the mark of a claim', () => {
    const version = new VersionSource().next();
    expect(decode(version)).toEqual({ kind: 'hold', version, claimed: false });
    for (const mark of ['L', 'W']) expect(decode(version + mark)).toEqual({ kind: 'hold', version, claimed: true });
    expect(decode(`${version}x`)).toMatchObject({ kind: 'alien' });
  });
});

describe('the same names', () => {
  it('are read alike for any number of entries', () => {
    for (let i = 0; i < 2_000; i++) {
      const source = `s${i % 700}`;
      expect(decode(encodeEntry(header({ source }), '1'))).toMatchObject({ source });
    }
  });
});

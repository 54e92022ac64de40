import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { FOREVER } from '../../src/engine/duration.js';
import type { EntryHeader } from '../../src/engine/entry-format.js';
import { VersionSource } from '../../src/engine/version.js';

const versions = new VersionSource();

/** The value of a marker: two versions. */
export function markerOf(name: string): string {
  return createHash('sha256').update(name).digest('base64url').slice(0, 32);
}

/** Some entry's header; what is given counts. */
export function header(facts: Partial<EntryHeader> = {}): EntryHeader {
  return {
    version: versions.next(),
    expired: false,
    tagged: false,
    compressed: false,
    binary: false,
    remoteOnly: false,
    createdAt: Date.UTC(2030, 0, 1),
    freshFor: 300_000,
    staleFor: 60_000,
    markers: ['*', 'p:product:'],
    markerValues: ['*', 'p:product:'].map(markerOf),
    profile: 'json/',
    source: 'load',
    ...facts,
  };
}

// Redis and the engine never see lone surrogates in names: they are escaped or replaced before.
const name = fc.string({
  unit: fc.oneof(fc.constantFrom(...':;,=%~*é😀 \n"'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
  maxLength: 8,
});

/** Headers with all that can stand in one. */
export const headers: fc.Arbitrary<EntryHeader> = fc
  .record({
    expired: fc.boolean(),
    tagged: fc.boolean(),
    compressed: fc.boolean(),
    binary: fc.boolean(),
    remoteOnly: fc.boolean(),
    createdAt: fc.integer({ min: 0, max: Date.UTC(3000, 0) }),
    freshFor: fc.integer({ min: 0, max: FOREVER }),
    staleFor: fc.integer({ min: 0, max: FOREVER }),
    markers: fc.array(name, { maxLength: 6 }),
    profile: name,
    source: name,
  })
  .map((facts) => header({ ...facts, markerValues: facts.markers.map(markerOf) }));

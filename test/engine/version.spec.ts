import { describe, expect, it } from '@jest/globals';
import { VERSION_LENGTH, VersionSource } from '../../src/engine/version.js';

describe('versions', () => {
  it('are unique, a million in a row', () => {
    const source = new VersionSource();
    const seen = new Set<string>();
    for (let i = 0; i < 1_000_000; i++) seen.add(source.next());
    expect(seen.size).toBe(1_000_000);
  });

  it('are unique across processes that start at the same time', () => {
    const sources = Array.from({ length: 2_000 }, () => new VersionSource());
    const seen = new Set(sources.flatMap((source) => [source.next(), source.next()]));
    expect(seen.size).toBe(4_000);
  });

  it('are random from process to process in 60 of their bits', () => {
    const starts = Array.from({ length: 2_000 }, () => new VersionSource().next().slice(0, 10));
    for (let at = 0; at < 10; at++) {
      const digits = new Set(starts.map((start) => start[at]));
      expect(digits.size).toBe(64);
    }
  });

  it('have 16 characters that need no escaping anywhere', () => {
    const source = new VersionSource();
    for (let i = 0; i < 10_000; i++) {
      const version = source.next();
      expect(version.length === VERSION_LENGTH && /^[\w-]+$/.test(version)).toBe(true);
    }
  });
});

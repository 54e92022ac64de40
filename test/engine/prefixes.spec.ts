import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ALL, prefixMarker, tagMarker } from '../../src/engine/epochs.js';
import { Prefixes } from '../../src/engine/prefixes.js';

describe('the markers of a key', () => {
  it('are the one of everything, and the one of its first segment', () => {
    expect(new Prefixes([]).markersOf('product:42:price')).toEqual([ALL, prefixMarker('product:')]);
    expect(new Prefixes([]).markersOf(':a')).toEqual([ALL, prefixMarker(':')]);
  });

  it('are only the one of everything when it has no segments', () => {
    expect(new Prefixes([]).markersOf('product')).toEqual([ALL]);
  });

  it('are those of its tags too', () => {
    const prefixes = new Prefixes([]);
    expect(prefixes.markersOf('product:1', ['sale', 'p:x'])).toEqual([
      ALL,
      prefixMarker('product:'),
      tagMarker('sale'),
      tagMarker('p:x'),
    ]);
    expect(prefixes.markersOf('product:1')).toEqual([ALL, prefixMarker('product:')]);
  });

  it('are those of the declared prefixes it begins with, each once', () => {
    const prefixes = new Prefixes(['user:', 'user:7:', 'user:*:', 'user:*:cart:', 'shop:*:']);
    expect([...prefixes.markersOf('user:7:cart:1')].sort()).toEqual(
      [ALL, prefixMarker('user:'), prefixMarker('user:7:'), prefixMarker('user:7:cart:')].sort(),
    );
    expect(prefixes.markersOf('user:8:name')).toEqual([ALL, prefixMarker('user:'), prefixMarker('user:8:')]);
    expect(prefixes.markersOf('user:8')).toEqual([ALL, prefixMarker('user:')]);
    expect(prefixes.markersOf('a:user:8:b')).toEqual([ALL, prefixMarker('a:')]);
  });

  it('are taken literally where they are no *', () => {
    const prefixes = new Prefixes(['a.c:b+:', 'a|b:(:']);
    expect(prefixes.markersOf('abc:bb:1')).toEqual([ALL, prefixMarker('abc:')]);
    expect(prefixes.markersOf('a.c:b+:1')).toEqual([ALL, prefixMarker('a.c:'), prefixMarker('a.c:b+:')]);
    expect(prefixes.markersOf('a|b:(:1')).toEqual([ALL, prefixMarker('a|b:'), prefixMarker('a|b:(:')]);
  });

  it('are never mixed up: a tag that looks like a prefix is a tag', () => {
    expect(tagMarker('p:a:')).not.toBe(prefixMarker('a:'));
    expect(tagMarker(ALL)).not.toBe(ALL);
  });
});

describe('a prefix', () => {
  const prefixes = new Prefixes(['user:*:', 'user:*:cart:', 'tenant:7:']);

  it('is covered by a marker if it is a first segment or declared', () => {
    for (const prefix of ['user:', 'anything:', ':', 'user:7:', 'user:~7:', 'user:7:cart:', 'tenant:7:']) {
      expect(prefixes.covers(prefix)).toBe(true);
    }
  });

  it('is not covered if it ends within a segment or was not declared', () => {
    for (const prefix of ['us', 'user:7', 'user:7:ca', 'tenant:8:', 'tenant:7:a:', 'user:7:name:', 'x:user:7:']) {
      expect(prefixes.covers(prefix)).toBe(false);
    }
  });

  it('that is covered has its marker on every key that begins with it, so that one change reaches all', () => {
    const segment = fc.constantFrom('user', 'tenant', '7', '8', 'cart', 'name', '', '*', '~7');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.nat(40), (segments, length) => {
        const key = segments.join(':');
        const prefix = key.slice(0, 1 + (length % Math.max(1, key.length)));
        fc.pre(prefix !== '' && prefixes.covers(prefix));
        expect(prefixes.markersOf(key)).toContain(prefixMarker(prefix));
      }),
      { numRuns: 2_000 },
    );
  });
});

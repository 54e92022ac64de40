import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeyTable } from '../../src/tiers/memory/key-table.js';

describe.each([
  ['one map', 10],
  ['many maps', 1_000_000],
])('a key table of %s', (_, most) => {
  it('does what a Map does, for any texts', () => {
    const key = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5 }),
      fc.nat(300).map((i) => `product:${i}`),
    );
    const step = fc.record({ do: fc.constantFrom('put' as const, 'remove' as const), key });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new KeyTable(most);
        const map = new Map<string, number>();
        steps.forEach(({ do: what, key }, i) => {
          expect(table.get(key)).toBe(map.get(key));
          if (what === 'put' && !map.has(key)) {
            table.add(key, i);
            map.set(key, i);
          } else if (what === 'remove' && map.delete(key)) table.remove(key);
          expect(table.size).toBe(map.size);
        });
        expect([...table.keys()].sort()).toEqual([...map.keys()].sort());
      }),
    );
  });
});

describe('a key table of many maps', () => {
  it.each([
    ['product:12345', (i: number) => `product:${i}`],
    ['user:12345:profile', (i: number) => `user:${i}:profile`],
    ['ProductService.find:s6b7a9', (i: number) => `ProductService.find:${(i * 2654435761).toString(36)}`],
  ])('spreads keys like %s, so that none of them is large', (_, name) => {
    const table = new KeyTable(1_000_000);
    for (let i = 0; i < 200_000; i++) table.add(name(i), i);
    const sizes = (table as unknown as { maps: Map<string, number>[] }).maps.map(({ size }) => size);
    expect(Math.max(...sizes)).toBeLessThan(20_000);
  });
});

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

describe('a walk through the keys of a key table', () => {
  it('meets each one that is there all the while, and ends although others are added at every step', () => {
    const table = new KeyTable(10);
    const first = Array.from({ length: 1_000 }, (_, i) => `key:${i}`);
    for (const key of first) table.add(key, 0);
    const met = new Set<string>();
    for (const key of table.keys()) {
      met.add(key);
      table.add(`added:${table.size}`, table.size); // a walk that went on to these would never end
      if (met.size > first.length) break;
    }
    expect([...met]).toEqual(first);
  });

  it('meets each one that stays, whatever is removed and added', () => {
    const step = fc.record({ remove: fc.nat(199), add: fc.nat(9) });
    fc.assert(
      fc.property(fc.constantFrom(10, 100_000), fc.array(step, { maxLength: 100 }), (most, steps) => {
        const table = new KeyTable(most);
        for (let i = 0; i < 200; i++) table.add(`key:${i}`, i);
        const staying = new Set(Array.from({ length: 200 }, (_, i) => `key:${i}`));
        const met = new Set<string>();
        let n = 0;
        for (const key of table.keys()) {
          expect(met.has(key)).toBe(false);
          met.add(key);
          const now = steps[n++];
          if (now === undefined) continue;
          if (staying.delete(`key:${now.remove}`)) table.remove(`key:${now.remove}`);
          for (let i = 0; i < now.add; i++) table.add(`added:${n}:${i}`, 0);
        }
        expect([...staying].filter((key) => !met.has(key))).toEqual([]);
      }),
    );
  });
});

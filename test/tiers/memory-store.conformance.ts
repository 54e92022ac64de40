import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MemoryStore } from '../../src/tiers/tier.js';

/** What the suite stores: its bytes, and who it is. */
export interface Item {
  readonly bytes: number;
  readonly id: number;
}

export type MakeStore = (bounds: { maxEntries: number; maxBytes: number }) => MemoryStore<Item>;

const UNBOUNDED = Number.POSITIVE_INFINITY;
const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
const key = fc.constantFrom(...keys);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, bytes: fc.integer({ min: 1, max: 130 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'peek' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), key }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const bounds = fc.record({
  maxEntries: fc.integer({ min: 1, max: 8 }),
  maxBytes: fc.oneof(fc.integer({ min: 100, max: 500 }), fc.constant(UNBOUNDED)),
});

let made = 0;
const item = (bytes = 1): Item => ({ bytes, id: ++made });

function take(store: MemoryStore<Item>, step: Step): void {
  if (step.do === 'set') store.set(step.key, item(step.bytes));
  else if (step.do === 'clear') store.clear();
  else store[step.do](step.key);
}

/** What every store of the memory tier must keep. Which entry leaves when there is no room is its own business. */
export function memoryStoreConformance(name: string, make: MakeStore): void {
  describe(`${name} as a memory store`, () => {
    it('answers what was stored last under a key, and nothing else', () => {
      const store = make({ maxEntries: 10, maxBytes: 1_000 });
      const [first, second] = [item(), item()];
      expect([store.get('a'), store.peek('a')]).toEqual([undefined, undefined]);
      store.set('a', first);
      expect([store.get('a'), store.peek('a'), store.get('b')]).toEqual([first, first, undefined]);
      store.set('a', second);
      expect(store.get('a')).toBe(second);
      expect([store.size, store.bytes, store.evictions]).toEqual([1, 1, 0]);
    });

    it('may hold any text as a key', () => {
      const store = make({ maxEntries: 10, maxBytes: 1_000 });
      const odd = ['__proto__', 'constructor', '', 'a b', '\u0000', '電', '\ud800'];
      for (const key of odd) store.set(key, item());
      expect([...store.keys()].sort()).toEqual([...odd].sort());
      expect(odd.map((key) => store.get(key)?.bytes)).toEqual(odd.map(() => 1));
    });

    it('deletes one entry, and tells whether it was there', () => {
      const store = make({ maxEntries: 10, maxBytes: 1_000 });
      store.set('a', item(5));
      store.set('b', item(7));
      expect([store.delete('a'), store.delete('a')]).toEqual([true, false]);
      expect([[...store.keys()], store.size, store.bytes, store.evictions]).toEqual([['b'], 1, 7, 0]);
    });

    it('forgets everything when it is cleared, which is no eviction, and goes on', () => {
      const store = make({ maxEntries: 10, maxBytes: 1_000 });
      for (const key of keys.slice(0, 5)) store.set(key, item());
      store.clear();
      expect([[...store.keys()], store.size, store.bytes, store.evictions]).toEqual([[], 0, 0, 0]);
      store.set('a', item());
      expect(store.size).toBe(1);
    });

    it('counts what leaves for lack of room, by entries or by bytes', () => {
      const [few, small] = [make({ maxEntries: 3, maxBytes: 1_000 }), make({ maxEntries: 10, maxBytes: 30 })];
      for (const key of keys.slice(0, 5)) {
        few.set(key, item());
        small.set(key, item(10));
      }
      expect([few.size, few.evictions]).toEqual([3, 2]);
      expect([small.size, small.bytes, small.evictions]).toEqual([3, 30, 2]);
    });

    it('refuses an entry that alone is over the bound; then an older one of its key is gone, and no other', () => {
      const store = make({ maxEntries: 10, maxBytes: 100 });
      store.set('a', item(10));
      store.set('b', item(10));
      store.set('a', item(101));
      store.set('c', item(1_000));
      expect([[...store.keys()], store.bytes, store.evictions]).toEqual([['b'], 10, 0]);
      store.set('d', item(100));
      expect([store.get('d')?.bytes, store.bytes, store.evictions]).toEqual([100, 100, 1]);
    });

    it('does not count bytes when they have no bound', () => {
      const store = make({ maxEntries: 2, maxBytes: UNBOUNDED });
      store.set('a', item(1e12));
      expect([store.size, store.bytes]).toEqual([1, 0]);
    });

    it('is never over its bounds, keeps what it was just given, and knows what it has and what left', () => {
      fc.assert(
        fc.property(bounds, fc.array(step, { maxLength: 60 }), (limits, steps) => {
          const store = make(limits);
          let evicted = 0;
          for (const step of steps) {
            const before = new Set(store.keys());
            take(store, step);
            const after = [...store.keys()];
            const fits = step.do !== 'set' || step.bytes <= limits.maxBytes;
            if (step.do === 'set') {
              expect(after.includes(step.key)).toBe(fits);
              evicted += [...before].filter((old) => old !== step.key && !after.includes(old)).length;
            } else if (step.do !== 'clear') {
              expect(after.length).toBe(before.size - (step.do === 'delete' && before.has(step.key) ? 1 : 0));
            }
            const bytes = after.reduce((sum, key) => sum + (store.peek(key) as Item).bytes, 0);
            expect(store.size).toBe(new Set(after).size);
            expect(store.size).toBeLessThanOrEqual(limits.maxEntries);
            expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
            expect(store.bytes).toBe(limits.maxBytes === UNBOUNDED ? 0 : bytes);
            expect(store.evictions).toBe(evicted);
          }
        }),
        { numRuns: 300 },
      );
    });

    it('is not swayed by peeks: the same entries leave as without them', () => {
      fc.assert(
        fc.property(bounds, fc.array(step, { maxLength: 60 }), (limits, steps) => {
          const [peeked, plain] = [make(limits), make(limits)];
          for (const step of steps) {
            take(peeked, step);
            if (step.do !== 'peek') take(plain, step);
            for (const key of keys.slice(0, 3)) peeked.peek(key);
            expect(new Set(peeked.keys())).toEqual(new Set(plain.keys()));
          }
        }),
      );
    });
  });
}

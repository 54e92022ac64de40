import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BoundedStore } from '../../src/tiers/memory/bounded-store.js';
import { EVICTIONS, type EvictionName } from '../../src/tiers/memory/eviction.js';
import { Ghosts, UNKNOWN } from '../../src/tiers/memory/ghosts.js';
import { hashKey } from '../../src/tiers/memory/key-hash.js';
import { type EvictionModel, LfuModel, LruModel, S3FifoModel } from './eviction-models.js';
import type { Item } from './memory-store.conformance.js';

const MODELS: Record<EvictionName, () => EvictionModel> = {
  's3-fifo': () => new S3FifoModel(),
  lru: () => new LruModel(),
  lfu: () => new LfuModel(),
};

/** A store around a model: the rules of the contract, written down once more in the plainest way. */
class ModelStore {
  readonly entries = new Map<string, Item>();
  evictions = 0;

  constructor(
    private readonly bounds: { maxEntries: number; maxBytes: number },
    private readonly model: EvictionModel,
  ) {}

  get(key: string): void {
    if (this.entries.has(key)) this.model.used(key);
  }

  delete(key: string): void {
    if (this.entries.delete(key)) this.model.removed(key);
  }

  set(key: string, entry: Item): void {
    if (entry.bytes > this.bounds.maxBytes) {
      this.delete(key);
      return;
    }
    const old = this.entries.get(key);
    if (!old) {
      while (this.entries.size >= this.bounds.maxEntries) this.evict(false);
      while (this.bytes() + entry.bytes > this.bounds.maxBytes) this.evict(true);
      this.entries.set(key, entry);
      this.model.enter(key);
      return;
    }
    this.model.used(key);
    if (this.bytes() - old.bytes + entry.bytes > this.bounds.maxBytes) {
      // It must not make room for itself.
      const back = this.model.aside(key);
      while (this.bytes() - old.bytes + entry.bytes > this.bounds.maxBytes) this.evict(true);
      back();
    }
    this.entries.set(key, entry);
  }

  bytes(): number {
    return [...this.entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  }

  private evict(forBytes: boolean): void {
    const key = this.model.victim((key) => this.entries.get(key)?.bytes as number, forBytes);
    this.model.removed(key);
    this.entries.delete(key);
    this.evictions++;
  }
}

/** Keys that have places of their own among the ghosts of a small store: the model knows of no collisions. */
const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
  .filter((key, i, all) => all.findIndex((other) => (hashKey(other) & 63) === (hashKey(key) & 63)) === i)
  .slice(0, 16);
const key = fc.constantFrom(...keys);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key, bytes: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), key, bytes: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key, bytes: fc.constant(0) }) },
);
const bounds = fc.oneof(
  fc.record({ maxEntries: fc.integer({ min: 1, max: 12 }), maxBytes: fc.constant(Number.POSITIVE_INFINITY) }),
  fc.record({ maxEntries: fc.integer({ min: 1, max: 12 }), maxBytes: fc.integer({ min: 50, max: 300 }) }),
);

describe.each(EVICTIONS)('eviction by %s', (eviction) => {
  it('lets the same entries go as a plain model of it', () => {
    fc.assert(
      fc.property(bounds, fc.array(step, { minLength: 100, maxLength: 200 }), (limits, steps) => {
        const store = new BoundedStore<Item>({ ...limits, eviction });
        const model = new ModelStore(limits, MODELS[eviction]());
        let id = 0;
        for (const { do: what, key, bytes } of steps) {
          const entry = { bytes, id: ++id };
          if (what === 'delete') {
            store.delete(key);
            model.delete(key);
          } else {
            // Asked for: read, and stored if it was not there.
            const read = what === 'ask' && store.get(key) !== undefined;
            if (what === 'ask') model.get(key);
            if (!read) {
              store.set(key, entry);
              model.set(key, entry);
            }
          }
          expect(store.size).toBeLessThanOrEqual(limits.maxEntries);
          expect(store.bytes).toBeLessThanOrEqual(limits.maxBytes);
        }
        const entries = [...store.keys()].map((key) => [key, store.peek(key)]);
        expect(entries.sort()).toEqual([...model.entries].sort());
        expect(store.evictions).toBe(model.evictions);
      }),
      { numRuns: 60 },
    );
  });
});

describe('ghosts', () => {
  it('know how many left since', () => {
    const ghosts = new Ghosts();
    for (let i = 0; i < 8; i++) ghosts.add(i);
    expect([ghosts.take(7), ghosts.take(0), ghosts.take(0), ghosts.take(9)]).toEqual([0, 7, UNKNOWN, UNKNOWN]);
  });

  it('forget a key when another one needs its place', () => {
    const ghosts = new Ghosts();
    ghosts.add(5);
    ghosts.add(5 + 64);
    expect([ghosts.take(5), ghosts.take(5 + 64)]).toEqual([UNKNOWN, 0]);
  });

  it('stay known when the table grows, and most of the last are known then', () => {
    const ghosts = new Ghosts();
    for (let i = 0; i < 30; i++) ghosts.add(i);
    ghosts.grow(1_000);
    expect(Array.from({ length: 30 }, (_, i) => ghosts.take(i))).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i));
    for (let i = 0; i < 10_000; i++) ghosts.add(hashKey(`k${i}`));
    const known = Array.from({ length: 1_000 }, (_, i) => ghosts.take(hashKey(`k${9_999 - i}`)) === i);
    expect(known.filter(Boolean).length).toBeGreaterThan(600);
  });
});

describe('the hash of a key', () => {
  it('spreads keys that differ in a digit over all of its bits', () => {
    const hashes = Array.from({ length: 4_096 }, (_, i) => hashKey(`product:${i}`));
    expect(new Set(hashes).size).toBe(4_096);
    for (let bit = 0; bit < 32; bit++) {
      const ones = hashes.filter((hash) => (hash >>> bit) & 1).length;
      expect(Math.abs(ones - 2_048)).toBeLessThan(200);
    }
  });
});

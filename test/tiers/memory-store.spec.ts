import { describe, expect, it } from '@jest/globals';
import { BoundedStore } from '../../src/tiers/memory/bounded-store.js';
import { EVICTIONS, type EvictionName } from '../../src/tiers/memory/eviction.js';
import { type Item, memoryStoreConformance } from './memory-store.conformance.js';

for (const eviction of EVICTIONS) {
  memoryStoreConformance(`A store with ${eviction}`, (bounds) => new BoundedStore<Item>({ ...bounds, eviction }));
}

/** A store of three entries, `a` to `c`. */
function full(eviction: EvictionName): BoundedStore<Item> {
  const store = new BoundedStore<Item>({ maxEntries: 3, maxBytes: 100, eviction });
  for (const key of ['a', 'b', 'c']) store.set(key, { bytes: 10, id: 0 });
  return store;
}

const survivors = (store: BoundedStore<Item>): string[] => [...store.keys()].sort();

describe.each(EVICTIONS)('a full store with %s', (eviction) => {
  it('lets the entry go that is longest there, if none was used', () => {
    const store = full(eviction);
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['b', 'c', 'd']);
  });

  it('keeps an entry that was read or stored again', () => {
    const store = full(eviction);
    store.get('a');
    store.set('b', { bytes: 10, id: 1 });
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['a', 'b', 'd']);
  });

  it('does not keep an entry that was only peeked at', () => {
    const store = full(eviction);
    store.peek('a');
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['b', 'c', 'd']);
  });

  it('lets as many go as a large entry needs', () => {
    const store = full(eviction);
    store.set('d', { bytes: 85, id: 0 });
    expect([survivors(store), store.bytes, store.evictions]).toEqual([['c', 'd'], 95, 2]);
  });

  it('makes room for an entry that grew', () => {
    const store = full(eviction);
    store.set('a', { bytes: 95, id: 1 });
    expect([survivors(store), store.bytes, store.evictions]).toEqual([['a'], 95, 2]);
  });

  it('may be walked while entries come and go: those that stay are seen once', () => {
    const store = new BoundedStore<Item>({ maxEntries: 1_000, maxBytes: 1_000, eviction });
    for (let i = 0; i < 100; i++) store.set(`k${i}`, { bytes: 1, id: i });
    const seen: string[] = [];
    for (const key of store.keys()) {
      seen.push(key);
      if (seen.length > 1_000) break;
      const i = Number(key.slice(1));
      if (i % 3 === 0) store.delete(key);
      if (i % 3 === 1 && i > 50) store.set(`new${i}`, { bytes: 1, id: i });
    }
    const stayed = Array.from({ length: 100 }, (_, i) => `k${i}`).filter((_, i) => i % 3 !== 0);
    expect(seen.filter((key) => stayed.includes(key)).sort()).toEqual(stayed.sort());
  });
});

describe('what is asked for often', () => {
  /** Reads that store what they miss, as a cache does; the hit ratio. */
  function ask(store: BoundedStore<Item>, keys: Iterable<string>): number {
    let [asked, hits] = [0, 0];
    for (const key of keys) {
      asked++;
      if (store.get(key)) hits++;
      else store.set(key, { bytes: 1, id: 0 });
    }
    return hits / asked;
  }
  const range = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);

  it.each([
    ['s3-fifo', 1],
    ['lfu', 0.99],
    ['lru', 0],
  ] as const)('outlives a scan through ten times the capacity with %s: %d of it', (eviction, share) => {
    const store = new BoundedStore<Item>({ maxEntries: 1_000, maxBytes: Number.POSITIVE_INFINITY, eviction });
    const hot = range('hot', 500);
    for (let i = 0; i < 4; i++) ask(store, hot);
    ask(store, range('warm', 1_000));
    for (let i = 0; i < 4; i++) ask(store, hot);
    ask(store, range('scan', 10_000));
    const left = hot.filter((key) => store.peek(key)).length / hot.length;
    if (share === 0) expect(left).toBe(0);
    else expect(left).toBeGreaterThanOrEqual(share);
  });

  it('outlives it in a store that is bounded by bytes, with large entries in the scan', () => {
    const store = new BoundedStore<Item>({ maxEntries: 1_000_000, maxBytes: 10_000, eviction: 's3-fifo' });
    const hot = range('hot', 500);
    for (let i = 0; i < 4; i++) ask(store, hot);
    for (const key of range('scan', 1_000)) store.set(key, { bytes: 900, id: 0 });
    expect(hot.filter((key) => store.peek(key)).length).toBe(500);
  });

  it('may change: what was popular once is forgotten', () => {
    for (const eviction of EVICTIONS) {
      const store = new BoundedStore<Item>({ maxEntries: 100, maxBytes: Number.POSITIVE_INFINITY, eviction });
      for (let i = 0; i < 200; i++) ask(store, range('old', 100));
      let last = 0;
      for (let i = 0; i < 200; i++) last = ask(store, range('new', 80));
      expect([eviction, last]).toEqual([eviction, 1]);
    }
  });
});

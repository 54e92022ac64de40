import { describe, expect, it } from '@jest/globals';
import { LruStore } from '../../src/tiers/memory/lru-store.js';
import { type Item, memoryStoreConformance } from './memory-store.conformance.js';

memoryStoreConformance('LruStore', (bounds) => new LruStore<Item>(bounds));

describe('an LruStore without room', () => {
  function full(): LruStore<Item> {
    const store = new LruStore<Item>({ maxEntries: 3, maxBytes: 100 });
    for (const key of ['a', 'b', 'c']) store.set(key, { bytes: 10, id: 0 });
    return store;
  }

  const survivors = (store: LruStore<Item>): string[] => [...store.keys()].sort();

  it('lets the entry go that was not used for longest', () => {
    const store = full();
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['b', 'c', 'd']);
  });

  it('keeps an entry that was read or stored again', () => {
    const store = full();
    store.get('a');
    store.set('b', { bytes: 10, id: 1 });
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['a', 'b', 'd']);
  });

  it('does not keep an entry that was only peeked at', () => {
    const store = full();
    store.peek('a');
    store.set('d', { bytes: 10, id: 0 });
    expect(survivors(store)).toEqual(['b', 'c', 'd']);
  });

  it('lets as many go as a large entry needs', () => {
    const store = full();
    store.set('d', { bytes: 85, id: 0 });
    expect([survivors(store), store.bytes, store.evictions]).toEqual([['c', 'd'], 95, 2]);
  });

  it('makes room for an entry that grew', () => {
    const store = full();
    store.set('a', { bytes: 95, id: 1 });
    expect([survivors(store), store.bytes, store.evictions]).toEqual([['a'], 95, 2]);
  });
});

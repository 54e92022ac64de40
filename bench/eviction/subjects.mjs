/** What is compared: caches of a number of entries, with `get` and `set`. The first is the reference. */
const strata = (eviction) => async () => {
  const { BoundedStore } = await import('../../dist/tiers/memory/bounded-store.js');
  return (maxEntries) => new BoundedStore({ maxEntries, maxBytes: Number.POSITIVE_INFINITY, eviction });
};

/** @type {Record<string, () => Promise<(capacity: number) => { get(key: string): unknown, set(key: string, value: object): unknown }>>} */
export const SUBJECTS = {
  'lru-cache': async () => {
    const { LRUCache } = await import('lru-cache');
    return (max) => new LRUCache({ max });
  },
  's3-fifo': strata('s3-fifo'),
  lru: strata('lru'),
  lfu: strata('lfu'),
  SIEVE: async () => {
    const { Sieve } = await import('./sieve.mjs');
    return (capacity) => new Sieve(capacity);
  },
  'W-TinyLFU': async () => {
    const { WTinyLfu } = await import('./w-tiny-lfu.mjs');
    return (capacity) => new WTinyLfu(capacity);
  },
};

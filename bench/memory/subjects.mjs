/**
 * What is compared. `set` puts one value under many keys, so that keys and value cost nothing more; `expire` makes all entries out of
 * date, `sweep` throws them away, and answers whether it is through.
 */
const TTL = 600_000;
/** How long a slice of a sweep may take: the rest of the event loop has its turn in between. */
const SLICE_MS = 2;
const AT_ONCE = 32;

/** Walks through keys in slices. @param {Iterator<string>} keys @param {(key: string) => void} look */
function slice(keys, look) {
  const end = performance.now() + SLICE_MS;
  do {
    for (let i = 0; i < AT_ONCE; i++) {
      const next = keys.next();
      if (next.done) return true;
      look(next.value);
    }
  } while (performance.now() < end);
  return false;
}

const map = () => {
  const entries = new Map();
  let keys;
  return {
    set: (key, value) => entries.set(key, value),
    size: () => entries.size,
    expire: () => {
      keys = entries.keys();
    },
    sweep: () => slice(keys, (key) => entries.delete(key)),
  };
};

/** Its own clean-up of what is out of date goes through all entries at once. */
const lruCache = (options) => async (max) => {
  const { LRUCache } = await import('lru-cache');
  let now = 1;
  const cache = new LRUCache({ max, ...options(max), perf: { now: () => now }, ttlResolution: 0 });
  return {
    set: (key, value) => cache.set(key, value),
    size: () => cache.size,
    expire: () => {
      now += 2 * TTL;
    },
    sweep: () => {
      cache.purgeStale();
      cache.clear(); // without a ttl nothing is stale
      return true;
    },
  };
};

/** The store by itself: keys, links, ghosts. */
const store = (eviction) => async (maxEntries) => {
  const { BoundedStore } = await import('../../dist/tiers/memory/bounded-store.js');
  const entries = new BoundedStore({ maxEntries, maxBytes: 2 ** 40, eviction });
  const entry = { bytes: 100 };
  let keys;
  return {
    set: (key) => entries.set(key, entry),
    size: () => entries.size,
    expire: () => {
      keys = entries.keys();
    },
    sweep: () => slice(keys, (key) => entries.peek(key) && entries.delete(key)),
  };
};

/** All of the cache: with what it knows of an entry (life, markers, version). */
const cache = async (maxEntries) => {
  const { buildCache, sharedParts } = await import('../../dist/cache.factory.js');
  const { resolveRoot } = await import('../../dist/cache.resolve.js');
  const { FakeClock } = await import('../../dist/testing.js');
  const clock = new FakeClock();
  const options = { clock, values: 'shared', ttl: TTL, memory: { maxEntries, maxBytes: 2 ** 40 } };
  const built = buildCache(resolveRoot(options), options, sharedParts(options)).cache;
  const { memory } = built.core;
  let keys;
  return {
    set: (key, value) => built.set(key, value),
    size: () => memory.size,
    expire: () => {
      keys = memory.keys();
    },
    sweep: () => slice(keys, (key) => memory.peek(key).freshUntil > 0 && memory.delete(key)),
  };
};

export const SUBJECTS = {
  Map: map,
  'lru-cache (max)': lruCache(() => ({})),
  'lru-cache (max, maxSize, ttl)': lruCache(() => ({ maxSize: 2 ** 40, sizeCalculation: () => 100, ttl: TTL })),
  "store, 's3-fifo'": store('s3-fifo'),
  "store, 'lru'": store('lru'),
  "store, 'lfu'": store('lfu'),
  'nestjs-strata': cache,
};

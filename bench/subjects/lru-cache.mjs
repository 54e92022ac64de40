/** lru-cache: memory only; `fetch` is its read-through with single flight. A ttl, because a cache entry has one. */
import { LRUCache } from 'lru-cache';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ load, ttl, maxEntries }) {
  const cache = new LRUCache({ max: maxEntries, ttl, fetchMethod: (key) => load(key) });
  return {
    read: (key) => cache.fetch(key),
    peek: (key) => cache.get(key),
    write: (key, value) => {
      cache.set(key, value);
    },
    close: () => cache.clear(),
  };
}

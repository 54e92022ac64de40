/** async-cache-dedupe with its memory storage; it derives the key from the argument by itself. Its ttl is in seconds. */
import { createCache } from 'async-cache-dedupe';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ ttl, maxEntries, load }) {
  const cache = createCache({ ttl: ttl / 1000, storage: { type: 'memory', options: { size: maxEntries } } });
  cache.define('product', load);
  return {
    read: (key) => cache.product(key),
    write: () => {
      throw new Error('async-cache-dedupe cannot be written to');
    },
    close: () => cache.clear(),
  };
}

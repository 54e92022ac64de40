/**
 * cache-manager as its README sets it up: memory is Keyv over CacheableMemory ("high performance in-memory cache with
 * LRU and TTL"), then Keyv over @keyv/redis. Variant `reference` is `createCache()` with the default store: a Map
 * without bound that hands out the stored object itself.
 */
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { CacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ tiers, redisUrl, namespace, ttl, maxEntries, load, variant }) {
  const memory = () => new Keyv({ store: new CacheableMemory({ ttl, lruSize: maxEntries }) });
  const redis = () => new Keyv({ store: new KeyvRedis(redisUrl), namespace, useKeyPrefix: true });
  const stores = tiers === 'memory' ? [memory()] : [memory(), redis()];
  const cache = createCache(variant === 'reference' ? { ttl } : { ttl, stores });
  return {
    read: (key) => cache.wrap(key, () => load(key)),
    write: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}

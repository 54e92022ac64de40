/**
 * cacheable: its own memory store as primary (bounded by `lruSize` like everybody's; the default has no bound),
 * @keyv/redis as secondary; Redis alone is @keyv/redis as primary. Memory hands out clones; variant `reference` is its
 * documented `useClone: false`, which hands out the stored object itself.
 * `nonBlocking` stays off: with it a read does not look into Redis before it loads.
 */
import { createKeyv as createKeyvRedis } from '@keyv/redis';
import { Cacheable, createKeyv as createKeyvMemory } from 'cacheable';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ tiers, redisUrl, namespace, ttl, maxEntries, load, variant }) {
  const redis = tiers === 'memory' ? undefined : createKeyvRedis(redisUrl, { namespace });
  const memory = createKeyvMemory({ lruSize: maxEntries, useClone: variant !== 'reference' });
  const cache = new Cacheable({
    ttl,
    primary: tiers === 'redis' ? redis : memory,
    secondary: tiers === 'tiered' ? redis : undefined,
  });
  cache.on('error', (error) => {
    throw error;
  });
  return {
    read: (key) => cache.getOrSet(key, () => load(key)),
    write: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}

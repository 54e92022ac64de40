/**
 * bentocache: a store with the memory driver, the Redis driver (over an ioredis client of ours), or both; no bus (one
 * process). Its memory driver keeps JSON by default, so that callers cannot change what others get; variant `reference`
 * is its documented `serialize: false`, which hands out the stored object itself.
 */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ tiers, redisUrl, namespace, ttl, maxEntries, load, variant }) {
  const redis = tiers === 'memory' ? undefined : new Redis(redisUrl);
  let store = bentostore();
  if (tiers !== 'redis') {
    store = store.useL1Layer(memoryDriver({ maxItems: maxEntries, serialize: variant !== 'reference' }));
  }
  if (redis) store = store.useL2Layer(redisDriver({ connection: redis, prefix: namespace }));
  const bento = new BentoCache({ default: 'bench', ttl, stores: { bench: store } });
  return {
    read: (key) => bento.getOrSet({ key, factory: () => load(key) }),
    write: (key, value) => bento.set({ key, value }),
    close: () => bento.disconnectAll(),
  };
}

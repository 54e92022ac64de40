/**
 * layered-loader as its README sets it up: a Loader with an LRU in memory, a RedisCache over ioredis with `json: true`,
 * no notifications (one process). It has no write-through of single values but `forceSetValue`.
 */
import { Redis } from 'ioredis';
import { Loader, RedisCache } from 'layered-loader';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ tiers, redisUrl, namespace, ttl, maxEntries, load }) {
  const redis = tiers === 'memory' ? undefined : new Redis(redisUrl);
  const loader = new Loader({
    inMemoryCache: tiers === 'redis' ? undefined : { cacheType: 'lru-map', ttlInMsecs: ttl, maxItems: maxEntries },
    asyncCache: redis && new RedisCache(redis, { json: true, prefix: namespace, ttlInMsecs: ttl }),
    dataSourceGetOneFn: load,
  });
  return {
    read: (key) => loader.get(key),
    write: (key, value) => loader.forceSetValue(key, value),
    close: () => redis?.quit(),
  };
}

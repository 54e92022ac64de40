import { Redis } from 'ioredis';

/**
 * Looks after the keys of a run in a Redis that may have other users: finds its own by a name nobody else has.
 * @param {string} redisUrl
 */
export async function openRedisKeys(redisUrl) {
  const redis = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 2 });
  await redis.connect();
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
  return {
    version,
    /**
     * Removes the keys that carry the namespace, wherever a library puts it, and says how many there were.
     * @param {string} namespace
     */
    async remove(namespace) {
      const found = new Set();
      let cursor = '0';
      do {
        const [next, keys] = await redis.scan(cursor, 'MATCH', `*${namespace}*`, 'COUNT', 5000);
        cursor = next;
        for (const key of keys) found.add(key);
        if (keys.length > 0) await redis.unlink(keys);
      } while (cursor !== '0');
      return found.size;
    },
    close: () => redis.quit(),
  };
}

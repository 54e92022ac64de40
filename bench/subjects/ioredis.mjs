/** The bare client: GET + JSON.parse, SET PX + JSON.stringify. Variant `autopipelining`: its own option for that. */
import { Redis } from 'ioredis';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ redisUrl, namespace, ttl, variant }) {
  const redis = new Redis(redisUrl, { enableAutoPipelining: variant === 'autopipelining' });
  const prefix = `${namespace}:`;
  return {
    read: async (key) => {
      const json = await redis.get(prefix + key);
      return json === null ? undefined : JSON.parse(json);
    },
    write: (key, value) => redis.set(prefix + key, JSON.stringify(value), 'PX', ttl),
    close: () => redis.quit(),
  };
}

import { CacheOptionsError } from '../../cache.errors.js';
import type { RemoteServer } from '../../tiers/tier.js';
import type { WriteBehindLog } from '../write-behind.port.js';

/** First version whose scripts may say that they make room. */
const OLDEST = 7;

/**
 * Refuses a Redis that may throw pending writes away, and warns of one that forgets them when it restarts. In a cluster each
 * master is asked.
 */
export async function checkRedis(server: RemoteServer, requireDurability: boolean, log: WriteBehindLog): Promise<void> {
  // INFO, because services that hide CONFIG still answer it.
  for (const info of await server.askAll('INFO', ['everything'])) check(String(info), requireDurability, log);
}

function check(info: string, requireDurability: boolean, log: WriteBehindLog): void {
  const version = /^redis_version:((\d+)\S*)/m.exec(info);
  if (Number(version?.[2] ?? OLDEST) < OLDEST) {
    const remedy = `Its scripts cannot run when the memory is full. Use Redis ${OLDEST}.0 or later, or Valkey.`;
    throw new CacheOptionsError([{ option: 'version of Redis', value: version?.[1], remedy }]);
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown';
  if (policy.startsWith('allkeys-')) {
    const remedy = 'It may evict writes that are not in Postgres yet. Set maxmemory-policy noeviction.';
    throw new CacheOptionsError([{ option: 'maxmemory-policy of Redis', value: policy, remedy }]);
  }
  if (policy !== 'noeviction') {
    log.warn('policy', `Redis has maxmemory-policy ${policy}: pending writes are safe, BullMQ recommends noeviction.`);
  }
  if (/^aof_enabled:1/m.test(info)) return;
  if (requireDurability) {
    const remedy = 'Acknowledged writes would be lost when Redis restarts. Set appendonly yes.';
    throw new CacheOptionsError([{ option: 'appendonly of Redis', value: 'no', remedy }]);
  }
  log.warn(
    'aof',
    'Redis has no AOF: a restart of Redis loses acknowledged writes. Set appendonly yes, or requireDurability: true to insist.',
  );
}

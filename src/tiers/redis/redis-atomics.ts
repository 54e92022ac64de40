import type { Milliseconds } from '../../engine/duration.js';
import type { RateLimitResult, SharedAtomics } from '../tier.js';
import type { RedisConnection } from './connection.js';
import { RedisNames } from './names.js';
import { INCREMENT, LIMIT, RELEASE, RENEW } from './scripts.js';

/** Counters, leases and rate limits in Redis: one script each. Without Redis they reject; there is no safe guess. */
export class RedisAtomics implements SharedAtomics {
  private readonly names: RedisNames;

  constructor(
    private readonly connection: Pick<RedisConnection, 'send' | 'run'>,
    namespace: string,
  ) {
    this.names = new RedisNames(namespace);
  }

  async increment(key: string, by: number, ttl: Milliseconds | undefined): Promise<number> {
    const answer = await this.connection.run(INCREMENT, [this.names.atomic('n', key)], [by, Math.ceil(ttl ?? 0)]);
    return Number(String(answer));
  }

  async acquire(key: string, token: string, ttl: Milliseconds): Promise<boolean> {
    const args = [this.names.atomic('l', key), token, 'NX', 'PX', Math.ceil(ttl)];
    return (await this.connection.send('SET', args)) !== null;
  }

  async renew(key: string, token: string, ttl: Milliseconds): Promise<boolean> {
    return Number(await this.connection.run(RENEW, [this.names.atomic('l', key)], [token, Math.ceil(ttl)])) === 1;
  }

  async release(key: string, token: string): Promise<boolean> {
    return Number(await this.connection.run(RELEASE, [this.names.atomic('l', key)], [token])) === 1;
  }

  async rateLimit(key: string, limit: number, window: Milliseconds): Promise<RateLimitResult> {
    const answer = await this.connection.run(LIMIT, [this.names.atomic('r', key)], [limit, Math.ceil(window)]);
    const [allowed = 0, count = 0, left = 0] = (answer as unknown[]).map(Number);
    return { allowed: allowed === 1, remaining: Math.max(0, limit - count), resetIn: Math.max(0, left) };
  }

  async forget(keys: readonly string[]): Promise<void> {
    const names = keys.flatMap((key) => [this.names.atomic('n', key), this.names.atomic('r', key)]);
    await this.connection.send('UNLINK', names);
  }
}

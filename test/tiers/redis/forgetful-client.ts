import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisLike } from '../../../src/redis.js';

/**
 * A client for which the server forgets its scripts whenever the spec says so, as after a restart or `SCRIPT FLUSH`, without
 * taking them away from everybody else who uses the same server: it asks for a script that does not exist instead.
 */
export function forgetful(client: Redis): { client: Redis; forget(): void } {
  const known = new Set<string>();
  const callBuffer: RedisLike['callBuffer'] = (command, ...args) => {
    const [script, ...rest] = args;
    if (command === 'EVAL') known.add(createHash('sha1').update(String(script)).digest('hex'));
    if (command !== 'EVALSHA' || known.has(String(script))) return client.callBuffer(command, ...args);
    return client.callBuffer(command, '0'.repeat(40), ...rest);
  };
  const proxy = new Proxy(client, {
    get: (target, name) => {
      if (name === 'callBuffer') return callBuffer;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { client: proxy, forget: () => known.clear() };
}

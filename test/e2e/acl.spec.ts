import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';
import type { CacheService } from '../../src/index.js';
import type { RedisTierOptions } from '../../src/redis.js';
import { RedisServers } from '../support/redis-servers.js';
import { until, useWorld } from './world.js';

/** What the documentation says an ACL user needs: the rules of one server, and those that come on top elsewhere. */
const text = readFileSync('docs/redis.md', 'utf8').replace(/\n\s+/g, ' ');
const rulesAfter = (words: string): string[] => {
  const rest = text.slice(text.indexOf(words) + words.length);
  return (/`([^`]+)`/.exec(rest)?.[1] ?? '').split(' ');
};
const channelOfTracking = '&__redis__:invalidate';

const world = useWorld();
let end: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of end) await one();
  end = [];
});

async function allow(admin: Redis, rules: readonly string[]): Promise<void> {
  const own = rules.map((rule) => rule.replace('shop', world.namespace));
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...own);
}

/** All that a cache can be asked for, by two processes that tell each other of it. */
async function useEverything(tier: RedisTierOptions, denials: () => Promise<string[]>): Promise<void> {
  const open = async (): Promise<CacheService> =>
    (
      await world.app({
        url: false,
        prefixes: ['user:*:'],
        policies: { strong: { consistency: 'strong' } },
        tier: { bus: true, ...tier },
      })
    ).cache;
  const [a, b] = [await open(), await open()];
  const keys = Array.from({ length: 20 }, (_, i) => `user:${i}:film`);
  const changes: (() => Promise<unknown>)[] = [
    () => a.evict(keys),
    () => a.expire(keys),
    () => a.evict({ tags: ['t'] }),
    () => a.evict({ prefix: 'user:' }),
    () => a.evict({ pattern: 'user:*:film' }),
    () => Promise.all(keys.map((key) => a.set(key, 'set'))),
    () => Promise.all(keys.map((key) => a.write(key, async () => 'written'))),
    () => a.clear(),
  ];
  for (const change of changes) {
    await Promise.all(keys.map((key) => a.getOrLoad(key, () => 'loaded', { tags: ['t'] })));
    await a.idle();
    await until('the other one has all in memory', async () => {
      const found = await b.getMany(keys);
      // On a busy machine Redis may not have answered in time when one was to be stored.
      for (const key of keys) if (!found.has(key)) await a.set(key, 'loaded', { tags: ['t'] });
      return keys.every((key) => b.peek(key) !== undefined);
    });
    await change();
    await until('the other one has heard', () => keys.every((key) => b.peek(key) === undefined));
  }
  expect(await a.getOrLoadMany(keys, async (missing) => new Map(missing.map((key) => [key, 'many'])))).toHaveProperty(
    'size',
    20,
  );
  expect(await a.getOrLoad('balance', () => 1, { policy: 'strong' })).toBe(1);
  expect(await b.getOrLoad('balance', () => 2, { policy: 'strong' })).toBe(1);
  expect([await a.increment('count'), await b.increment('count', 2.5)]).toEqual([1, 3.5]);
  const lease = await a.lease('job', { ttl: '1m' });
  expect(await b.lease('job', { ttl: '1m' })).toBeNull();
  expect(await lease?.renew('2m')).toBe(true);
  expect(await lease?.release()).toBe(true);
  expect(await a.rateLimit('calls', { limit: 1, window: '1m' })).toMatchObject({ allowed: true });
  expect(await b.rateLimit('calls', { limit: 1, window: '1m' })).toMatchObject({ allowed: false });
  expect(await a.explain(keys[0] as string)).toMatchObject({ redis: { state: expect.any(String) } });
  expect(await denials()).toEqual([]);
}

/** What Redis refused to the user. */
async function denialsOf(admin: Redis): Promise<string[]> {
  const log = (await admin.call('ACL', 'LOG')) as string[][];
  return log.map((entry) => `${entry[3]} ${entry[5]} ${entry[7]}`);
}

it.each<['pubsub' | 'tracking', string[]]>([
  ['pubsub', []],
  ['tracking', [...rulesAfter('It needs '), channelOfTracking]],
])('a user who may do what the documentation says, and no more, is enough for the bus %s', async (bus, more) => {
  const servers = new RedisServers();
  end.push(() => servers.end());
  const { port, admin } = await servers.start();
  await allow(admin, [...rulesAfter("ACL, for `namespace: 'shop'`: "), ...more]);
  await useEverything({ url: `redis://app:secret@127.0.0.1:${port}`, bus }, () => denialsOf(admin));
});

it('and with what it says of a cluster, there', async () => {
  const cluster = await RedisCluster.start({ replicas: false });
  end.push(() => cluster.end());
  const rules = [...rulesAfter("ACL, for `namespace: 'shop'`: "), ...rulesAfter('In a cluster also ')];
  for (const { admin } of cluster.nodes) await allow(admin, rules);
  const clientOptions = { username: 'app', password: 'secret' };
  await useEverything({ cluster: { nodes: cluster.addresses }, clientOptions }, async () =>
    (await Promise.all(cluster.nodes.map(({ admin }) => denialsOf(admin)))).flat(),
  );
});

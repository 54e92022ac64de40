import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import type { RedisTierOptions } from '../../src/redis.js';
import { RedisServers } from '../support/redis-servers.js';
import { until, useWorld } from './world.js';

const world = useWorld();
let servers: RedisServers;

beforeEach(() => {
  servers = new RedisServers();
});
afterEach(() => servers.end());

const two = async (tier: RedisTierOptions): Promise<[CacheService, CacheService]> => {
  const open = async (): Promise<CacheService> => (await world.app({ url: false, tier })).cache;
  return [await open(), await open()];
};

/** What every place must do: both tiers, loads, tags, and a change that another process hears of. */
async function exercise(a: CacheService, b: CacheService, key = 'film:1'): Promise<void> {
  expect(await a.getOrLoad(key, () => 'old', { tags: ['t'] })).toBe('old');
  await a.idle();
  await until('the other one has it in memory', async () => {
    // On a busy machine Redis may not have answered in time when it was to be stored.
    if ((await b.get(key)) === undefined) await a.set(key, 'old', { tags: ['t'] });
    return b.peek(key) === 'old';
  });
  await a.evict({ tags: ['t'] });
  await until('the other one hears of the change', () => b.peek(key) === undefined);
  expect(await b.get(key)).toBeUndefined();
  await b.write(key, async () => 'new');
  await until('it is read here', async () => (await a.get(key)) === 'new');
  expect(a.stats().redis?.bus?.lease).toBe(true);
}

describe('the cache works', () => {
  it('over TLS, with a user of its own who may do nothing outside the namespace', async () => {
    const pem = (name: string, folder: string): string => join(folder, name);
    const folder = (await servers.start()).folder;
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
        ...['-keyout', pem('key.pem', folder), '-out', pem('cert.pem', folder)],
      ],
      { stdio: 'ignore' },
    );
    const ca = readFileSync(pem('cert.pem', folder));
    const { namespace } = world;
    const { port, admin } = await servers.start(
      [
        'tls-port $PORT',
        `tls-cert-file ${pem('cert.pem', folder)}`,
        `tls-key-file ${pem('key.pem', folder)}`,
        'tls-auth-clients no',
        `user app on >secret ~${namespace}:* ~${namespace}/* &${namespace}:* &${namespace}/* +@all -@dangerous +info`,
      ],
      { connect: { tls: { ca } } },
    );
    const clientOptions = { tls: { ca } };
    const [a, b] = await two({ url: `rediss://app:secret@127.0.0.1:${port}`, clientOptions });
    await exercise(a, b);
    expect([a.stats().errors, b.stats().errors]).toEqual([0, 0]);
    expect((await admin.keys('*')).filter((key) => !key.startsWith(`${namespace}:`))).toEqual([]);
  });

  it("with the key prefix of the app's client, and does not hear apps with another one", async () => {
    const open = async (keyPrefix: string): Promise<CacheService> => {
      const client = world.client({ keyPrefix, enableOfflineQueue: false, lazyConnect: true });
      return (await world.app({ url: false, tier: { client, bus: true } })).cache;
    };
    const [a, b, other] = [await open('x:'), await open('x:'), await open('y:')] as const;
    await other.set('film:1', 'other');
    await exercise(a, b);
    expect(other.peek('film:1')).toBe('other');
    expect(other.stats().redis?.bus?.heard).toBe(0);
  });

  it('through a failover by Sentinel, and keeps nothing old', async () => {
    const primary = await servers.start(['appendonly no', 'save ""', 'repl-diskless-sync-delay 0']);
    const replica = await servers.start([`replicaof 127.0.0.1 ${primary.port}`, 'save ""']);
    await until('the replica is in step', async () =>
      /master_link_status:up/.test(await replica.admin.info('replication')),
    );
    const sentinel = await servers.start(
      [
        `sentinel monitor group 127.0.0.1 ${primary.port} 1`,
        'sentinel down-after-milliseconds group 500',
        'sentinel failover-timeout group 3000',
      ],
      { sentinel: true },
    );
    await until('the Sentinel knows the replica', async () => {
      const known = (await sentinel.admin.call('SENTINEL', 'REPLICAS', 'group')) as unknown[];
      return known.length === 1;
    });
    const place = { name: 'group', sentinels: [{ host: '127.0.0.1', port: sentinel.port }] };
    const [a, b] = await two({ sentinel: place, bound: 500, commandTimeout: 200 });
    await exercise(a, b);
    await a.set('film:2', 'old');
    expect(await b.get('film:2')).toBe('old');
    await primary.stop('SIGKILL');
    // While nobody is there: it is kept, and told to the new primary.
    await a.evict('film:2');
    expect(await a.getOrLoad('film:3', () => 'loaded')).toBe('loaded');
    const role = async (): Promise<string> => replica.admin.info('replication');
    await until('the replica is the primary', async () => /role:master/.test(await role()));
    await until('both have followed', () => [a, b].every((cache) => cache.stats().redis?.bus?.lease));
    await until('the eviction is delivered', async () => (await b.get('film:2')) === undefined);
    await exercise(a, b, 'film:4');
  }, 60_000);
});

it.each<[string, object]>([
  ['no place', {}],
  ['two places', { url: 'redis://localhost', sentinel: { name: 'x', sentinels: [{ host: 'a', port: 1 }] } }],
  ['a group without a name', { sentinel: { sentinels: [{ host: 'a', port: 1 }] } }],
  ['no Sentinel', { sentinel: { name: 'x', sentinels: [] } }],
  ['a Sentinel without a port', { sentinel: { name: 'x', sentinels: [{ host: 'a' }] } }],
  ['a cluster without a node', { cluster: { nodes: [] } }],
  ['a node without a port', { cluster: { nodes: [{ host: 'a' }] } }],
  ['an address that leads nowhere', { cluster: { nodes: [{ host: 'a', port: 1 }], natMap: { 'a:1': 'b' } } }],
  ['a prefix with braces', { cluster: { nodes: [{ host: 'a', port: 1 }] }, clientOptions: { keyPrefix: '{x}:' } }],
  ['tracking in a cluster', { cluster: { nodes: [{ host: 'a', port: 1 }] }, bus: 'tracking' }],
  ['a database of a cluster', { cluster: { nodes: [{ host: 'a', port: 1 }] }, clientOptions: { db: 1 } }],
])('options with %s are refused, and say what to write', async (_name, options) => {
  const { redisTier } = await import('../../src/redis.js');
  expect(() => redisTier(options as RedisTierOptions)).toThrow(
    /Pass one of url|Write \{ name: 'mymaster'|Write \{ nodes: |Write \{ '10\.0|without braces|In a cluster use|database 0 only/,
  );
});

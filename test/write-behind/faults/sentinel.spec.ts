import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { RedisServers } from '../../support/redis-servers.js';
import { until } from '../../tiers/redis/rig.js';

const world = useWriteBehind();
const servers = new RedisServers();
afterEach(() => servers.end());

describe('write-behind on a primary that Sentinels watch', () => {
  it('goes on after a failover, woken by BullMQ, and loses nothing that a replica had', async () => {
    const primary = await servers.start(['save ""', 'repl-diskless-sync-delay 0']);
    const replica = await servers.start([`replicaof 127.0.0.1 ${primary.port}`, 'save ""']);
    const told = async (what: RegExp): Promise<boolean> => what.test(await replica.admin.info('replication'));
    await until('the replica is in step', () => told(/master_link_status:up/));
    const sentinel = await servers.start(
      [
        `sentinel monitor group 127.0.0.1 ${primary.port} 1`,
        'sentinel down-after-milliseconds group 500',
        'sentinel failover-timeout group 3000',
      ],
      { sentinel: true },
    );
    const known = async (): Promise<boolean> =>
      ((await sentinel.admin.call('SENTINEL', 'REPLICAS', 'group')) as unknown[]).length === 1;
    await until('the Sentinel knows the replica', known, 20_000);

    const { app, rows } = await world();
    const place = { name: 'group', sentinels: [{ host: '127.0.0.1', port: sentinel.port }] };
    // Nothing but wake-ups and their timer flushes soon: the sweep comes too late for this test.
    const { items } = await app({
      redis: { sentinel: place, commandTimeout: 500 },
      writeBehind: { sweep: 60_000, flushDelay: 1_500 },
    });
    const ids = Array.from({ length: 20 }, (_, i) => `i${i}`);
    await Promise.all(ids.map((id) => items.put({ id, n: 1, note: null }, { durability: 'replicated' })));
    await primary.stop('SIGKILL');
    await until('the replica is the primary', () => told(/role:master/), 30_000);
    await until(
      'writes are taken again',
      () =>
        items.put({ id: 'i0', n: 2, note: null }).then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await eventually(async () => (await rows()).length === ids.length);
    expect((await rows()).filter(({ id, n }) => n !== (id === 'i0' ? 2 : 1))).toEqual([]);
    await items.put({ id: 'i1', n: 3, note: null }, { durability: 'persisted' });
    expect((await rows()).find(({ id }) => id === 'i1')?.n).toBe(3);
  }, 90_000);
});

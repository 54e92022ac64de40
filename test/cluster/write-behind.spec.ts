import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisCluster } from '../../scripts/services/redis-cluster.mjs';
import { slotOf } from '../../src/tiers/redis/cluster/slots.js';
import { ShardKeys } from '../../src/write-behind/redis/shard-keys.js';
import { eventually, useWriteBehind } from '../e2e/write-behind-world.js';

const world = useWriteBehind();
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await RedisCluster.start({ password: 'secret', settings: { appendonly: 'yes', appendfsync: 'everysec' } });
}, 60_000);
afterAll(() => cluster.end());

const tier = (): object => ({
  cluster: { nodes: cluster.addresses },
  clientOptions: { password: 'secret', keyPrefix: 'shop:' },
  bound: 500,
});

const items = (from: number, to: number, n: number): { id: string; n: number; note: string | null }[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: `i${from + i}`, n, note: null }));

describe('write-behind on a cluster', () => {
  it('writes the last row of every key to the database, woken by BullMQ', async () => {
    const { app, rows } = await world();
    const a = await app({ redis: tier(), writeBehind: { requireDurability: true, sweep: 60_000 } });
    const b = await app({ redis: tier(), writeBehind: { sweep: 60_000 } });
    await Promise.all(items(0, 50, 1).map((row) => a.items.put(row)));
    await Promise.all(items(0, 50, 2).map((row) => b.items.put(row)));
    expect((await a.items.get('i7'))?.n).toBe(2);
    await eventually(async () => (await rows()).length === 50);
    await eventually(async () => (await rows()).every(({ n }) => n === 2));
    await a.items.put({ id: 'i7', n: 3, note: 'now' }, { durability: 'persisted' });
    expect((await rows()).find(({ id }) => id === 'i7')?.n).toBe(3);
    await b.items.put({ id: 'i8', n: 3, note: null }, { durability: 'replicated' });
    expect(a.log.filter((line) => /trouble|error|fail/i.test(line))).toEqual([]);
  }, 30_000);

  it('refuses at boot when one master may throw pending writes away', async () => {
    const { app } = await world();
    const [, second] = await cluster.masters();
    await second?.admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(app({ redis: tier() })).rejects.toMatchObject({ code: 'CACHE_OPTIONS' });
    await second?.admin.config('SET', 'maxmemory-policy', 'noeviction');
  });

  it('loses and refuses nothing, and keeps the order, while the slots of its shards move', async () => {
    const { app, rows, namespace } = await world();
    const a = await app({ redis: tier() });
    const n = new Map<string, number>();
    let running = true;
    const writing = [0, 1, 2].map(async (lane) => {
      for (let round = 1; running; round++) {
        // Two of one tick: the second is the last.
        const id = `i${lane}-${round % 5}`;
        const all = [2 * round, 2 * round + 1].map((value) => a.items.put({ id, n: value, note: null }));
        n.set(id, 2 * round + 1);
        await Promise.all(all);
      }
    });
    const failed = Promise.all(writing).then(
      () => undefined,
      (error: unknown) => error,
    );
    const slots = [0, 1, 2, 3].map((shard) => slotOf(`shop:${new ShardKeys(namespace, 'Item', shard).due}`));
    for (const slot of new Set(slots)) {
      const owner = await cluster.ownerOf(slot);
      const other = (await cluster.masters()).find((node) => node !== owner);
      if (other) await cluster.move([slot], other, () => new Promise((resolve) => setTimeout(resolve, 50)));
    }
    running = false;
    expect(await failed).toBeUndefined();
    await eventually(async () => {
      const found = await rows();
      return found.length === n.size && found.every((row) => row.n === n.get(row.id));
    });
  }, 30_000);

  it('brings what was acknowledged as replicated to the database through a failover', async () => {
    const { app, rows, namespace } = await world();
    const a = await app({ redis: tier(), writeBehind: { flushDelay: 100 } });
    await a.items.put({ id: 'first', n: 1, note: null });
    const slot = slotOf(`shop:${new ShardKeys(namespace, 'Item', 0).due}`);
    const victim = await cluster.ownerOf(slot);
    await Promise.all(items(0, 30, 1).map((row) => a.items.put(row, { durability: 'replicated', timeout: 5_000 })));
    await victim.stop('SIGKILL');
    const put = async (row: { id: string; n: number; note: null }): Promise<void> => {
      await eventually(async () =>
        a.items.put(row).then(
          () => true,
          () => false,
        ),
      );
    };
    // Refused while nobody is there, taken as soon as somebody is.
    await Promise.all(items(30, 60, 1).map((row) => put({ ...row, note: null })));
    await eventually(async () => (await rows()).length === 61);
    victim.start();
    await cluster.settled();
  }, 60_000);
});

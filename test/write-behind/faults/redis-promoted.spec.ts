import { expect, it } from '@jest/globals';
import { shardOf } from '../../../src/write-behind/shard-of.js';
import { FencedError } from '../../../src/write-behind/table.js';
import { useWriteBehind } from '../../e2e/write-behind-world.js';
import { until } from '../../tiers/redis/rig.js';
import { upserts } from '../prisma-world.js';
import { fencesOf, ItemShards, itemOf, itemsOf, persistently, staleTable, useNodes } from './own-world.js';

const world = useWriteBehind();
const nodes = useNodes();
const SHARDS = 2;

/** An app on a primary that has a replica, in step. */
async function replicated() {
  const here = await world();
  const { node: primary } = await nodes(['--appendonly', 'yes']);
  const { redis: replica } = await nodes(['--replicaof', '127.0.0.1', `${primary.port}`]);
  await until('the replica is in step', async () => (await replica.info()).includes('master_link_status:up'));
  const writeBehind = { shards: SHARDS, flushDelay: '1h', writeTimeout: '1s' } as const;
  const app = await here.app({ redis: primary.address, writeBehind });
  /** As a failover does it: the replica answers where the primary was. */
  const takeOver = async () => {
    await primary.crash();
    await replica.config('SET', 'port', `${primary.port}`);
  };
  return { here, app, replica, takeOver, shards: new ItemShards(replica, here.namespace, SHARDS) };
}

it('a replica that is promoted without the last writes goes on from the epochs that Postgres knows', async () => {
  const { here, app, replica, takeOver, shards } = await replicated();
  const { items } = app;
  const putAll = (n: number) => Promise.all(itemsOf('k', 40, n).map((row) => items.put(row)));
  await putAll(1);
  await items.flush();
  await items.put(itemOf('pending', 1), { durability: 'replicated' });
  // The replica is promoted while the primary is cut off, but still serves this app.
  await replica.replicaof('NO', 'ONE');
  for (const n of [2, 3, 4]) {
    await putAll(n);
    await items.flush({ ids: itemsOf('k', 40, n).map(({ id }) => id) });
  }
  const lost = await items.put(itemOf('lost', 1));
  const known = await fencesOf(here, SHARDS);
  await takeOver();

  await shards.check();
  const behind = await shards.epochs();
  expect(behind.map((epoch, shard) => epoch < (known[shard] ?? 0))).toEqual([true, true]);
  const [first] = await persistently(() => Promise.all(itemsOf('k', 20, 9).map((row) => items.put(row))));
  expect(first?.version).toBeGreaterThan(lost.version);
  await items.flush();
  // What nobody wrote again is as the old primary left it in Postgres; nothing is there that was never acknowledged.
  const expected = [...itemsOf('k', 40, 4).map((row, i) => (i < 20 ? { ...row, n: 9 } : row)), itemOf('pending', 1)];
  expect(await here.rows()).toEqual(expected.sort((one, other) => (one.id < other.id ? -1 : 1)));
  const now = await fencesOf(here, SHARDS);
  expect(now.map((epoch, shard) => epoch > (known[shard] ?? 0))).toEqual([true, true]);
  expect(await shards.epochs()).toEqual(now);
  const paused = await staleTable(here);
  const shard = shardOf(paused.encodeId('k0').key, SHARDS);
  const stale = paused.write(shard, known[shard] ?? 0, upserts(paused, [itemOf('k0', 4)]));
  await expect(stale).rejects.toThrow(FencedError);
  await shards.check();
}, 60_000);

it('what was acknowledged as replicated survives the promotion, and nobody is told so who cannot know it', async () => {
  const { here, app, replica, takeOver } = await replicated();
  const { items } = app;
  let acknowledged: string[] = [];
  const told: Record<string, number> = {};
  let promoted: Promise<unknown> | undefined;
  for (let n = 0; n < 15; n++) {
    const rows = itemsOf(`${n}-`, 5, n);
    if (n === 10) promoted = replica.replicaof('NO', 'ONE'); // at the same time as these
    if (n > 10) await promoted;
    const timeout = n < 10 ? 10_000 : 100; // only those of the time before have to succeed, however busy the machine is
    const results = await Promise.allSettled(rows.map((row) => items.put(row, { durability: 'replicated', timeout })));
    results.forEach((result, i) => {
      if (result.status === 'fulfilled') acknowledged = [...acknowledged, rows[i]?.id ?? ''];
      else told[result.reason.code] = (told[result.reason.code] ?? 0) + 1;
    });
  }
  await takeOver();
  const round = (id: string) => Number(id.split('-')[0]);
  expect(acknowledged.filter((id) => round(id) < 10)).toHaveLength(50);
  expect(acknowledged.filter((id) => round(id) > 10)).toEqual([]);
  expect(Object.keys(told)).toEqual(['WRITE_BEHIND_TIMEOUT']);
  await persistently(() => items.flush());
  const there = (await here.rows()).map(({ id }) => id);
  expect(there).toEqual(expect.arrayContaining(acknowledged));
  await expect(items.put(itemOf('x', 1), { durability: 'replicated', timeout: 100 })).rejects.toMatchObject({
    code: 'WRITE_BEHIND_TIMEOUT',
  });
}, 60_000);

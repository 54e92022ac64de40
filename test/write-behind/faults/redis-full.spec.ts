import { expect, it } from '@jest/globals';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { ItemShards, itemOf, itemsOf, useNodes } from './own-world.js';

const world = useWriteBehind();
const nodes = useNodes();

it('a Redis without memory takes no write, is drained all the same, and goes on when there is memory', async () => {
  const here = await world();
  const { node, redis } = await nodes(['--appendonly', 'yes']);
  const shards = new ItemShards(redis, here.namespace);
  const options = { flushDelay: 20, overflow: 'reject' } as const;
  const web = await here.app({ redis: node.address, writeBehind: { ...options, processors: false } });
  await Promise.all(itemsOf('k', 400, 1).map((row) => web.items.put(row)));
  await redis.config('SET', 'maxmemory', '1');

  // Whole or not at all: of neither a new row nor a pending one anything is changed.
  const before = await shards.versions();
  const refused = [web.items.put(itemOf('new', 1)), web.items.put(itemOf('k0', 2)), web.items.delete('k1')];
  for (const write of refused) await expect(write).rejects.toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
  expect(await shards.versions()).toEqual(before);
  await shards.check();
  expect(await web.items.getMany(['new', 'k0', 'k1'])).toEqual([null, itemOf('k0', 1), itemOf('k1', 1)]);

  // Also by a worker that starts now: BullMQ can add no job, so this is the work of its sweep.
  const worker = await here.app({ redis: node.address, writeBehind: options });
  await eventually(async () => (await worker.items.stats()).dirty === 0);
  expect((await here.rows()).filter(({ n }) => n === 1)).toHaveLength(400);
  await shards.check();
  await expect(web.items.put(itemOf('new', 1))).rejects.toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });

  await redis.config('SET', 'maxmemory', '0');
  await web.items.put(itemOf('new', 1));
  await eventually(async () => (await here.rows()).length === 401);
}, 30_000);

import { copyFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisBuffer } from '../../../src/write-behind/redis/redis-buffer.js';
import { ShardKeys } from '../../../src/write-behind/redis/shard-keys.js';
import { shardOf } from '../../../src/write-behind/shard-of.js';
import { FencedError } from '../../../src/write-behind/table.js';
import { useWriteBehind } from '../../e2e/write-behind-world.js';
import { Shard, usual } from '../contract/open-buffer.js';
import { OwnRedis } from '../contract/own-redis.js';
import { check, connectTo } from '../contract/redis-rig.js';
import { upserts } from '../prisma-world.js';
import { fencesOf, ItemShards, itemOf, itemsOf, persistently, staleTable, useNodes } from './own-world.js';

const AOF = ['--appendonly', 'yes', '--aof-load-truncated', 'yes'];

/** The file to which Redis appends. */
function tailOf({ folder }: OwnRedis): string {
  const name = readdirSync(join(folder, 'appendonlydir')).find((file) => file.endsWith('.incr.aof'));
  return join(folder, 'appendonlydir', name ?? 'none');
}

describe('an append-only file whose end is cut off', () => {
  const own = new OwnRedis([...AOF, '--appendfsync', 'always']);
  beforeAll(() => own.start());
  afterAll(() => own.stop());

  it('leaves the shard as it was after one of its steps, wherever the cut is', async () => {
    let connected = await connectTo(own.url);
    const keys = new ShardKeys('tail', 'Product', 0);
    const buffer = new RedisBuffer(connected.server, 'tail', 'Product', { ...usual, rowAttempts: 2 }, () => 0);
    const shard = new Shard(buffer);
    const tail = tailOf(own);
    const known: { size: number; state: unknown }[] = [];
    const remember = async () => {
      known.push({ size: statSync(tail).size, state: await everything(connected.redis, keys) });
    };
    const note = async (step: () => Promise<unknown>) => {
      await step();
      await remember();
    };
    for (const key of ['a', 'b', 'c']) await note(() => shard.put(key, `{"${key}":1}`));
    await note(() => shard.put('a', '{"a":2}'));
    await note(() => shard.put('b', null));
    const [a, b, c] = await shard.takeAll();
    await remember();
    await note(async () => a && shard.ack(a));
    await note(async () => c && shard.fail('c', c.version));
    await note(async () => c && shard.fail('c', c.version)); // a dead letter now
    await note(() =>
      buffer.write(
        0,
        ['d', 'e'].map((key) => ({ key, operation: 'upsert', payload: '{}' })),
      ),
    );
    await note(() => buffer.replay(0));
    await note(async () => b && shard.ack(b));
    await connected.close();
    await own.crash();

    const copy = join(own.folder, 'whole.aof');
    copyFileSync(tail, copy);
    for (const [place, { size }] of [...known.entries()].slice(1)) {
      const before = known[place - 1] as (typeof known)[number];
      const middle = Math.floor((before.size + size) / 2);
      for (const cut of place % 3 === 0 ? [middle, size - 1] : [size - 1]) {
        copyFileSync(copy, tail);
        truncateSync(tail, cut);
        await own.start();
        connected = await connectTo(own.url);
        expect(await everything(connected.redis, keys)).toEqual(before.state);
        await check(connected.redis, keys);
        await connected.close();
        await own.crash();
      }
    }
  }, 60_000);
});

async function everything(redis: Redis, { due, versions, payloads, attempts, meta, letters }: ShardKeys) {
  return {
    due: await redis.zrange(due, '0', '-1', 'WITHSCORES'),
    hashes: await Promise.all([versions, payloads, attempts, letters].map((key) => redis.hgetall(key))),
    meta: await redis.hgetall(meta),
  };
}

describe('a Redis that comes back without the end of its append-only file', () => {
  const world = useWriteBehind();
  const nodes = useNodes();

  it('goes on with newer versions and epochs, and the fence refuses who was paused meanwhile', async () => {
    const here = await world();
    const { node, redis } = await nodes(AOF);
    const writeBehind = { shards: 2, flushDelay: '1h', requireDurability: true } as const;
    const { items } = await here.app({ redis: node.address, writeBehind });
    const shards = new ItemShards(redis, here.namespace, 2);
    const putAll = (n: number) => Promise.all(itemsOf('k', 40, n).map((row) => items.put(row)));
    for (const n of [1, 2]) {
      await putAll(n);
      await items.flush();
    }
    await putAll(3);
    const kept = statSync(tailOf(node)).size;
    for (const n of [4, 5, 6]) {
      await putAll(n);
      await items.flush();
    }
    const lost = (await putAll(7)).map(({ version }) => version);
    const known = await fencesOf(here, 2);
    await node.crash();
    truncateSync(tailOf(node), kept + 7);
    await node.start();

    await persistently(() => shards.check());
    const behind = await shards.epochs();
    expect(behind.map((epoch, shard) => epoch < (known[shard] ?? 0))).toEqual([true, true]);
    const fresh = itemsOf('k', 20, 8);
    const taken = await persistently(() => Promise.all(fresh.map((row) => items.put(row))));
    const [newest = 0n] = lost.sort((one, other) => (one > other ? -1 : 1));
    expect(taken.filter(({ version }) => version <= newest)).toEqual([]);
    await items.flush();
    // Rows that nobody wrote again are what Redis still knew of them: an older state, but one that was acknowledged.
    const expected = itemsOf('k', 40, 3).map((row, i) => fresh[i] ?? row);
    expect(await here.rows()).toEqual(expected.sort((one, other) => (one.id < other.id ? -1 : 1)));
    expect(await items.getMany(['k0', 'k39'])).toEqual([itemOf('k0', 8), itemOf('k39', 3)]);

    const now = await fencesOf(here, 2);
    expect(now.map((epoch, shard) => epoch > (known[shard] ?? 0))).toEqual([true, true]);
    expect(await shards.epochs()).toEqual(now);
    const paused = await staleTable(here);
    const shard = shardOf(paused.encodeId('k0').key, 2);
    const stale = paused.write(shard, known[shard] ?? 0, upserts(paused, [itemOf('k0', 7)]));
    await expect(stale).rejects.toThrow(FencedError);
    await shards.check();
    expect((await items.stats()).dirty).toBe(0);
  }, 60_000);
});

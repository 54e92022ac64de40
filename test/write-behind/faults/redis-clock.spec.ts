import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { redisUrl } from '../../support/services.js';
import { ItemShards, itemOf, itemsOf } from './own-world.js';

const SHARDS = 2;

describe('the clock of Redis is set back', () => {
  const world = useWriteBehind();
  let redis: Redis;
  beforeEach(() => {
    redis = new Redis(redisUrl());
  });
  afterEach(async () => {
    await redis.quit();
  });

  /**
   * What Redis has after its clock was set back: every time that it wrote down is later than before, seen from now. One
   * cannot set it for real, but nothing else of what is stored changes when somebody does.
   */
  async function setBack(namespace: string, ms: number): Promise<void> {
    const shards = new ItemShards(redis, namespace, SHARDS);
    for (const { due, meta, versions } of shards.keys) {
      for (const key of await redis.zrange(due, '0', '-1')) await redis.zincrby(due, ms, key);
      for (const [key, version] of Object.entries(await redis.hgetall(versions))) {
        await redis.hset(versions, key, `${Number(version) + ms * 1_000}`);
      }
      const { last, ...times } = await redis.hgetall(meta);
      await redis.hset(meta, 'last', `${Number(last) + ms * 1_000}`);
      for (const name of ['armed', 'until', 'pause']) {
        if (times[name] !== undefined) await redis.hset(meta, name, Number(times[name]) + ms);
      }
    }
  }

  /** Pending rows, a lease of somebody who died, a shard that rests, and a wake-up on its way. Then the clock goes back. */
  async function pendingSince(ms: number) {
    const here = await world();
    const writeBehind = { shards: SHARDS, flushDelay: 50 };
    const web = await here.app({ writeBehind: { ...writeBehind, processors: false } });
    const receipts = await Promise.all(itemsOf('k', 40, 1).map((row) => web.items.put(row)));
    const shards = new ItemShards(redis, here.namespace, SHARDS);
    const [one, other] = shards.keys;
    const [seconds] = await redis.time();
    const soon = (Number(seconds) + 2) * 1_000;
    await redis.hset(one?.meta ?? '', { owner: 'died', until: soon, epoch: 7 });
    await redis.hset(other?.meta ?? '', { pause: soon });
    await setBack(here.namespace, ms);
    const first = (receipts[0]?.version ?? 0n) + BigInt(ms) * 1_000n; // of k0
    return { here, web, shards, first, worker: () => here.app({ writeBehind }) };
  }

  it('by hours: what is pending is flushed at once, and versions and epochs go on', async () => {
    const { here, web, shards, first, worker } = await pendingSince(3 * 3_600_000);
    expect((await web.items.put(itemOf('k0', 2))).version).toBeGreaterThan(first);
    await shards.check();
    const begin = performance.now();
    const { items } = await worker();
    await eventually(async () => (await items.stats()).dirty === 0);
    expect(performance.now() - begin).toBeLessThan(30_000); // and not hours
    expect(await here.rows()).toEqual(
      itemsOf('k', 40, 1)
        .map((row) => (row.id === 'k0' ? { ...row, n: 2 } : row))
        .sort(byId),
    );
    expect((await shards.epochs())[0]).toBeGreaterThan(7);
    // And so does what is written from now on, also of the same rows.
    await Promise.all(itemsOf('k', 40, 3).map((row) => web.items.put(row)));
    await eventually(async () => (await items.stats()).dirty === 0);
    expect(await here.rows()).toEqual(itemsOf('k', 40, 3).sort(byId));
    await shards.check();
  });

  it('by seconds: what is pending waits for so long, and nothing is lost', async () => {
    const { here, shards, worker } = await pendingSince(1_500);
    const { items } = await worker();
    await items.put(itemOf('k0', 2));
    await eventually(async () => (await items.stats()).dirty === 0);
    expect(await here.rows()).toEqual(
      itemsOf('k', 40, 1)
        .map((row) => (row.id === 'k0' ? { ...row, n: 2 } : row))
        .sort(byId),
    );
    await shards.check();
  });
});

function byId(one: { id: string }, other: { id: string }): number {
  return one.id < other.id ? -1 : 1;
}

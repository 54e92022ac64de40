import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../../src/cache.errors.js';
import type { RemoteServer } from '../../../src/tiers/tier.js';
import { RedisBuffer } from '../../../src/write-behind/redis/redis-buffer.js';
import { RESHARD } from '../../../src/write-behind/redis/scripts.js';
import { shardOf } from '../../../src/write-behind/shard-of.js';
import { uniqueNamespace } from '../../support/services.js';
import { Shard, usual, versionOf, write } from '../contract/open-buffer.js';
import { useBuffers } from '../contract/redis-rig.js';

describe('another number of shards', () => {
  const rig = useBuffers();
  const OLD = 4;

  it.each([3, 7])(
    'that is tried again and again while others write: nothing that was acknowledged is lost: %i',
    async (count) => {
      const { buffer, namespace, check } = await rig.open({ shards: OLD });
      const acknowledged = new Map<string, string>();
      const database = new Map<string, string>();
      const refusals: unknown[] = [];
      let moved: RedisBuffer | undefined;
      let tries = 0;
      const writer = async (name: string): Promise<void> => {
        for (let n = 0; !moved || n < 50; n++) {
          const key = `${name}${n % 5}`;
          try {
            const [marked] = await buffer.write(shardOf(key, OLD), [write(key, `${n}`)]);
            versionOf(marked);
            acknowledged.set(key, `${n}`);
          } catch (error) {
            refusals.push(error);
          }
          // Others write less and less, until there is a moment in which nothing is dirty.
          await new Promise((resolve) => setTimeout(resolve, n / 4));
        }
      };
      const drain = async (from: RedisBuffer, shards: number): Promise<void> => {
        for (let number = 0; number < shards; number++) {
          const shard = new Shard(from, number);
          const writes = await shard.takeAll();
          for (const { key, payload } of writes) database.set(key, payload);
          await shard.ack(...writes);
        }
      };
      const mover = async (): Promise<void> => {
        while (!moved) {
          tries++;
          await drain(buffer, OLD);
          moved = await rig.open({ shards: count }, namespace).then(
            (opened) => opened.buffer,
            (error: unknown) => void refusals.push(error),
          );
        }
      };
      await Promise.all([mover(), ...['a', 'b', 'c'].map(writer)]);
      for (let number = 0; number < Math.max(OLD, count); number++) await check(number);
      expect(tries).toBeGreaterThan(1);
      expect(refusals.length).toBeGreaterThan(0);
      expect(refusals.filter((error) => !(error instanceof CacheOptionsError))).toEqual([]);
      // Whoever was moved sees none of the old ones pending, because all of them are in the database.
      expect(database).toEqual(acknowledged);
      const after = moved as unknown as RedisBuffer;
      for (const key of acknowledged.keys()) {
        await new Shard(after, shardOf(key, count)).put(key, 'new');
        acknowledged.set(key, 'new');
      }
      await drain(after, count);
      expect(database).toEqual(acknowledged);
    },
    30_000,
  );

  // The shards that were moved refuse both numbers from then on: start() believes the count alone.
  it('whose process dies while it moves the shards: the old ones write on, after a new start at the latest', async () => {
    const namespace = uniqueNamespace();
    await rig.open({ shards: OLD }, namespace);
    let runs = 0;
    const dying = Object.create(rig.server) as RemoteServer;
    dying.run = (script, keys, args) => {
      if (script === RESHARD && ++runs > 2) throw new Error('The process has died.');
      return rig.server.run(script, keys, args);
    };
    const buffer = new RedisBuffer(dying, namespace, 'Product', { ...usual, shards: 7 }, () => 0);
    await expect(buffer.start()).rejects.toThrow('died');
    const { buffer: old } = await rig.open({ shards: OLD }, namespace);
    for (let number = 0; number < OLD; number++) await new Shard(old, number).put('k', '1');
  });
});

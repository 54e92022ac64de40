import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import type { Script } from '../../src/tiers/redis/script.js';
import type { RemoteServer } from '../../src/tiers/tier.js';
import { RedisBuffer } from '../../src/write-behind/redis/redis-buffer.js';
import * as scripts from '../../src/write-behind/redis/scripts.js';
import { shardCountKey } from '../../src/write-behind/redis/shard-keys.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';
import { MINUTE, type OpenBuffer, Shard, usual, write } from './contract/open-buffer.js';
import { connectTo, useBuffers } from './contract/redis-rig.js';

describe('The number of shards in Redis', () => {
  const rig = useBuffers();

  it('is what it was: another one is refused while a write is dirty, and nothing is changed', async () => {
    const { buffer, namespace, check } = await rig.open({ shards: 4 });
    const shard = new Shard(buffer, 3);
    await shard.put('k', '1');
    for (const shards of [3, 8, 1]) {
      const refused = rig.open({ shards }, namespace);
      await expect(refused).rejects.toThrow(CacheOptionsError);
      await expect(refused).rejects.toThrow(/writeBehind\.entities\.Product\.shards.*shards: 4 until/s);
    }
    for (const number of [0, 1, 2, 3]) await new Shard(buffer, number).put('other', '1');
    await rig.open({ shards: 4 }, namespace);
    expect(await shard.dirtyKeys()).toEqual(['k', 'other']);
    await check(3);
  });

  it('is what it was while there is a dead letter', async () => {
    const { buffer, namespace } = await rig.open({ shards: 2, rowAttempts: 1 });
    const shard = new Shard(buffer, 1);
    await shard.fail('k', await shard.put('k', '1'));
    await expect(rig.open({ shards: 3 }, namespace)).rejects.toThrow(CacheOptionsError);
    await buffer.discard(1, ['k']);
    await rig.open({ shards: 3 }, namespace);
  });

  it.each([2, 7])('may be another one when all is drained: %i', async (shards) => {
    const before = await rig.open({ shards: 4 });
    const old = new Shard(before.buffer, 1);
    const version = await old.put('k', '1');
    await old.flush();
    const { buffer } = await rig.open({ shards }, before.namespace);
    const shard = new Shard(buffer, 1);
    expect(BigInt(await shard.put('k', '2'))).toBeGreaterThan(BigInt(version));
    expect(await rig.redis.get(shardCountKey(before.namespace, 'Product'))).toBe(`${shards}`);
    await expect(rig.open({ shards: 4 }, before.namespace)).rejects.toThrow(CacheOptionsError);
  });

  it.each([2, 7])(
    'is that of all writers: those with the old one are refused from then on, in all shards: %i',
    async (shards) => {
      const { buffer, namespace, check } = await rig.open({ shards: 4 });
      const after = await rig.open({ shards }, namespace);
      for (const number of [0, 1, 2, 3]) {
        await expect(new Shard(buffer, number).mark('k', '1')).rejects.toThrow(CacheOptionsError);
        await expect(buffer.replay(number, ['k'])).rejects.toThrow(/shards: 4|over \d+ shards/);
        await check(number);
      }
      for (let number = 0; number < shards; number++) await new Shard(after.buffer, number).put('k', '1');
    },
  );
});

describe('Keys in Redis', () => {
  const rig = useBuffers();
  const tagOf = (name: string): string | undefined => /\{(.+?)\}/s.exec(name)?.[1];

  /** One of each kind of key, in one shard. */
  const fillAll = async ({ buffer }: OpenBuffer, number: number): Promise<void> => {
    const shard = new Shard(buffer, number);
    await shard.fail('dead', await shard.put('dead', '1'));
    await shard.fail('waits', await shard.put('waits', '1'), 'no', 'order');
    for (const key of ['a}b', '{x}', 'line\nend', '*?[', '電', '']) await shard.put(key, '1');
    await shard.read('hold');
    await shard.load('row', '1');
  };

  const namesBelow = async (namespace: string): Promise<string[]> => {
    const names: string[] = [];
    for await (const some of rig.redis.scanStream({ match: `*${namespace}*`, count: 1_000 }))
      names.push(...(some as string[]));
    return names;
  };

  it('of one shard have one hash tag, those of another one have another', async () => {
    const opened = await rig.open({ rowAttempts: 1 });
    await fillAll(opened, 0);
    await fillAll(opened, 1);
    const names = (await namesBelow(opened.namespace)).filter(
      (name) => name !== shardCountKey(opened.namespace, 'Product'),
    );
    expect(names.length).toBe(2 * (6 + 9));
    expect(new Set(names.map(tagOf))).toEqual(new Set([0, 1].map((n) => tagOf(opened.keys(n).due))));
    await opened.check(0);
  });

  it('that hold what is not in the database never end; copies and holds do', async () => {
    const opened = await rig.open({ rowAttempts: 1, cacheTtl: 5_000 });
    await fillAll(opened, 0);
    const keys = opened.keys(0);
    for (const name of keys.all) expect([name, await rig.redis.pttl(name)]).toEqual([name, -1]);
    for (const [key, life] of [
      ['row', 5_000],
      ['', 5_000],
      ['hold', 30_000],
    ] as const) {
      const left = await rig.redis.pttl(keys.cached(key));
      expect(left).toBeGreaterThan(life - 4_000);
      expect(left).toBeLessThanOrEqual(life);
    }
  });

  it('of shards, entities and namespaces do not meet', async () => {
    const { buffer, namespace } = await rig.open();
    const other = new RedisBuffer(rig.server, namespace, 'Order', usual, () => 0);
    await other.start();
    await new Shard(buffer).put('k', '1');
    expect(await new Shard(other).row('k')).toBe(undefined);
    expect(await new Shard((await rig.open()).buffer).row('k')).toBe(undefined);
  });

  it('that lost their write are cleaned away instead of being handed out', async () => {
    const { buffer, keys, check } = await rig.open();
    const shard = new Shard(buffer);
    await shard.put('k', '1');
    await rig.redis.zadd(keys(0).due, 1, 'ghost');
    expect((await shard.takeAll()).map(({ key }) => key)).toEqual(['k']);
    await check(0);
  });
});

describe('Processes that share a Redis', () => {
  const rig = useBuffers();
  let other: Awaited<ReturnType<typeof connectTo>> | undefined;
  afterEach(() => other?.close());

  const two = async (): Promise<[Shard, Shard]> => {
    const { buffer, namespace } = await rig.open();
    other = await connectTo(redisUrl());
    const second = new RedisBuffer(other.server, namespace, 'Product', usual, () => 0);
    await second.start();
    return [new Shard(buffer), new Shard(second)];
  };

  it('see what each other wrote, and flush it', async () => {
    const [one, another] = await two();
    const version = await one.put('k', '1');
    expect(await another.row('k')).toBe('1');
    expect(await another.takeAll({ owner: 'b' })).toMatchObject([{ key: 'k', version }]);
    expect(await one.claim({ owner: 'a' })).toMatchObject({ status: 'refused' });
    await another.ack({ key: 'k', version });
    expect([await one.row('k'), await one.dirtyKeys()]).toEqual(['1', []]);
  });

  it('count together without losing one', async () => {
    const shards = await two();
    const increase = async (shard: Shard): Promise<void> => {
      for (;;) {
        const { state } = await shard.read('n');
        const row = Number((await shard.row('n')) ?? 0);
        if ((await shard.mark('n', `${row + 1}`, { expected: state })).status === 'marked') return;
      }
    };
    const work = shards.map(async (shard) => {
      for (let i = 0; i < 50; i++) await increase(shard);
    });
    await Promise.all(work);
    expect(await shards[0].row('n')).toBe('100');
  });
});

describe('A Redis that has lost its memory', () => {
  const rig = useBuffers();

  it('gives no owner an epoch that another one had', async () => {
    const { buffer, keys } = await rig.open();
    const shard = new Shard(buffer);
    const epochs: number[] = [];
    for (const owner of ['a', 'b', 'c', 'd']) {
      const claim = await shard.claim({ owner });
      if (claim.status === 'claimed') epochs.push(claim.epoch);
      await rig.redis.unlink(...keys(0).all);
    }
    expect(epochs.length).toBe(4);
    expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
  });

  it('does not let who had a claim renew it', async () => {
    const { buffer, keys } = await rig.open();
    const shard = new Shard(buffer);
    await shard.claim({ owner: 'a' });
    await rig.redis.unlink(...keys(0).all);
    expect(await shard.claim({ owner: 'a', limit: 0 })).toEqual({ status: 'refused' });
  });
});

describe('Calls of one tick', () => {
  const rig = useBuffers();
  const names = new Map<Script, string>(Object.entries(scripts).map(([name, script]) => [script, name]));

  /** A buffer whose scripts are counted. */
  const counted = async () => {
    const sent: string[] = [];
    const server = Object.create(rig.server) as RemoteServer;
    server.run = (script, ...rest) => {
      sent.push(names.get(script) ?? '?');
      return rig.server.run(script, ...rest);
    };
    const buffer = new RedisBuffer(server, uniqueNamespace(), 'Product', usual, () => 0);
    await buffer.start();
    sent.length = 0;
    return { buffer, sent, shard: new Shard(buffer) };
  };

  it('travel in one command for each shard, writes before reads', async () => {
    const { buffer, sent, shard } = await counted();
    const reading = shard.row('k0');
    const writes = Array.from({ length: 50 }, (_, i) => shard.put(`k${i}`, '1'));
    const elsewhere = buffer.write(1, [write('k', '1')]);
    expect(await reading).toBe('1');
    await Promise.all([...writes, elsewhere]);
    expect(sent).toEqual(['MARK', 'READ', 'MARK']);
  });

  it('travel in several commands where one would be too large, still in their order', async () => {
    const { sent, shard } = await counted();
    const writes = Array.from({ length: 5 }, (_, i) => shard.put('k', `${i}`.repeat(100_000)));
    const versions = (await Promise.all(writes)).map(BigInt);
    expect(sent).toEqual(['MARK', 'MARK', 'MARK']);
    expect(versions).toEqual([...versions].sort((one, other) => (one < other ? -1 : 1)));
    expect((await shard.row('k'))?.slice(0, 1)).toBe('4');
    sent.length = 0;
    await shard.buffer.read(
      0,
      Array.from({ length: 300 }, (_, i) => `k${i}`),
    );
    expect(sent).toEqual(['READ', 'READ', 'READ']);
  });
});

describe('A clock of Redis that was set back', () => {
  const rig = useBuffers();
  const DAY = 86_400_000;

  it('leaves leases and wake-ups of the future, which count as over', async () => {
    const { buffer, keys, pass } = await rig.open();
    const shard = new Shard(buffer);
    await shard.put('k', '1', { urgent: true });
    const future = Date.now() + DAY;
    await rig.redis.hset(keys(0).meta, { owner: 'gone', until: future, armed: future });
    expect(await shard.claim()).toMatchObject({ status: 'claimed', writes: [{ key: 'k' }] });
    expect(await shard.mark('other', '1')).toMatchObject({ wake: 'later' });
    await buffer.release(0, 'a');
    await pass(1);
    expect(await shard.mark('third', '1')).toMatchObject({ wake: 'no' });
  });

  it('leaves writes that would be due in the future: they are due when somebody looks', async () => {
    const { buffer, keys, check } = await rig.open();
    const shard = new Shard(buffer);
    for (const key of ['a', 'b', 'usual']) await shard.put(key, '1');
    for (const key of ['a', 'b']) await rig.redis.zadd(keys(0).due, Date.now() + DAY, key);
    expect(await shard.take()).toEqual([]);
    expect(await buffer.dueIn(0)).toBe(0);
    expect((await shard.take()).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(await shard.dirtyKeys()).toEqual(['a', 'b', 'usual']);
    await check(0);
  });

  it('lets versions grow all the same', async () => {
    const { buffer, keys } = await rig.open({ rowAttempts: 1 });
    const shard = new Shard(buffer);
    const future = (Date.now() + DAY) * 1_000;
    await rig.redis.hset(keys(0).meta, { last: future });
    const first = await shard.put('k', '1');
    expect(first).toBe(`${future + 1}`);
    await shard.fail('k', first);
    await buffer.replay(0);
    expect((await buffer.dirty(0)).get('k')).toBe(`${future + 2}`);
    expect(await shard.put('k', '2')).toBe(`${future + 3}`);
    await shard.flush();
    await shard.expectEmpty();
  });

  it('lets epochs grow all the same', async () => {
    const { buffer, keys } = await rig.open();
    const shard = new Shard(buffer);
    const future = (Date.now() + DAY) * 1_000;
    await rig.redis.hset(keys(0).meta, { epoch: future });
    expect(await shard.claim({ owner: 'a' })).toMatchObject({ epoch: future + 1 });
    await buffer.release(0, 'a');
    expect(await shard.claim({ owner: 'b' })).toMatchObject({ epoch: future + 2 });
  });

  it('by seconds only leaves times that are waited for', async () => {
    const { buffer, keys } = await rig.open();
    const shard = new Shard(buffer);
    await rig.redis.hset(keys(0).meta, { owner: 'other', until: Date.now() + MINUTE, epoch: 5 });
    expect(await shard.claim()).toMatchObject({ status: 'refused' });
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../src/cache.errors.js';
import { RedisBuffer } from '../../src/write-behind/redis/redis-buffer.js';
import { Shard, usual, write } from './contract/open-buffer.js';
import { OwnRedis } from './contract/own-redis.js';
import { connectTo, useBuffers } from './contract/redis-rig.js';

describe('A Redis of its own', () => {
  const own = new OwnRedis();
  beforeAll(() => own.start());
  afterAll(() => own.stop());
  const rig = useBuffers(() => own.url);

  describe('whose memory is full', () => {
    let fresh: Awaited<ReturnType<typeof connectTo>> | undefined;
    const makeRoom = () => rig.redis.config('SET', 'maxmemory', '0');
    afterEach(async () => {
      await makeRoom();
      await fresh?.close();
    });

    /** Something of everything, then no memory at all; and a connection to which Redis has not been told any script. */
    const openFull = async () => {
      const opened = await rig.open({ rowAttempts: 2 });
      const shard = new Shard(opened.buffer);
      await shard.bury('dead', await shard.put('dead', '1'));
      await shard.bury('spam', await shard.put('spam', '1'));
      const old = await shard.put('a', '0');
      for (const key of ['a', 'b', 'c', 'd']) await shard.put(key, '1');
      await rig.redis.script('FLUSH');
      await rig.redis.config('SET', 'maxmemory', '1');
      fresh = await connectTo(own.url);
      const buffer = new RedisBuffer(fresh.server, opened.namespace, 'Product', { ...usual, rowAttempts: 2 }, () => 0);
      return { ...opened, buffer, old, shard: new Shard(buffer) };
    };

    it('refuses writes whole: no part of them is there', async () => {
      const { shard, buffer, check } = await openFull();
      const before = [await shard.stats(), await buffer.dirty(0)];
      for (const writes of [[write('new', '1')], [write('a', '2'), write('new', null), write('b', '2')]]) {
        await expect(buffer.write(0, writes)).rejects.toThrow(CacheUnavailableError);
      }
      expect([await shard.stats(), await buffer.dirty(0)]).toEqual(before);
      expect([await shard.row('a'), await shard.row('new')]).toEqual(['1', undefined]);
      await check(0);
      await makeRoom();
      expect(await shard.mark('new', '1')).toMatchObject({ status: 'marked' });
      await check(0);
    });

    it('still is drained: claimed, written, refused, given back', async () => {
      const { shard, buffer, old, check } = await openFull();
      await buffer.hasten(0, ['a']);
      expect((await shard.take()).map(({ key }) => key)).toEqual(['a']);
      await shard.ack({ key: 'a', version: old });
      expect(await shard.take()).toEqual([]);
      await buffer.hasten(0);
      const [a, b, c, d] = await shard.take();
      if (!a || !b || !c || !d) throw new Error('Not all was handed out.');
      await shard.ack(a, b);
      expect(await shard.fail('c', c.version)).toEqual({ result: 'retry', attempts: 1 });
      expect(await shard.bury('d', d.version, 'a long error '.repeat(100))).toBe(2);
      await check(0);
      expect(await buffer.release(0, 'a', 10)).toBeGreaterThan(0);
      expect(await buffer.dueIn(0)).toBeGreaterThan(0);
      expect(await buffer.discard(0, ['spam'])).toBe(1);
      expect((await buffer.letters(0)).map(({ key }) => key).sort()).toEqual(['d', 'dead']);
      expect(await shard.stats()).toMatchObject({ dirty: 1, deadLetters: 2, flushed: 3 });
      await check(0);
    });

    it('still is read: what nobody knows comes from the database, but is not kept', async () => {
      const { shard, buffer, check } = await openFull();
      expect(await shard.read('new')).toEqual({ kind: 'absent', state: undefined });
      expect(await shard.row('a')).toBe('1');
      const { state = '' } = await shard.read('a');
      await buffer.fill(0, [{ key: 'a', state, payload: 'old' }]).catch(() => undefined);
      expect(await shard.row('a')).toBe('1');
      await check(0);
    });

    it('keeps a dead letter that it has no room to replay', async () => {
      const { shard, buffer, check } = await openFull();
      await expect(buffer.replay(0)).rejects.toThrow(CacheUnavailableError);
      expect(await shard.stats()).toMatchObject({ dirty: 4, deadLetters: 2 });
      await check(0);
      await makeRoom();
      expect(await buffer.replay(0)).toBe(2);
      await check(0);
    });
  });

  describe('that has forgotten its scripts', () => {
    const forget = () => rig.redis.script('FLUSH');

    it('refuses a write once, rather than taking it after a later one; then all is as before', async () => {
      const { buffer } = await rig.open();
      const shard = new Shard(buffer);
      await shard.put('k', '1');
      await forget();
      const [first, second] = [shard.mark('k', '2'), new Shard(buffer, 1).mark('k', '2')];
      await expect(first).rejects.toThrow(CacheUnavailableError);
      await second.catch(() => undefined);
      expect(await shard.row('k')).toBe('1');
      expect(await shard.mark('k', '3')).toMatchObject({ status: 'marked' });
      expect(await shard.row('k')).toBe('3');
    });

    it('is told them again by every other call, which succeeds', async () => {
      const { buffer, check } = await rig.open({ rowAttempts: 1 });
      const shard = new Shard(buffer);
      const calls: Record<string, () => Promise<unknown>> = {
        read: () => shard.read('k'),
        hasten: () => buffer.hasten(0),
        claim: () => shard.claim(),
        fail: async () => shard.fail('dead', (await buffer.dirty(0)).get('dead') ?? ''),
        replay: () => buffer.replay(0),
        ack: async () => shard.ack({ key: 'k', version: (await buffer.dirty(0)).get('k') ?? '' }),
        discard: () => buffer.discard(0, ['dead']),
        release: () => buffer.release(0, 'a'),
        dueIn: () => buffer.dueIn(0),
        stats: () => buffer.stats(0),
        fill: () => shard.load('x', '1'),
        start: () => buffer.start(),
      };
      await shard.put('k', '1');
      await shard.put('dead', '1');
      for (const call of Object.values(calls)) await call();
      await shard.put('k', '1');
      for (const call of Object.values(calls)) {
        await forget();
        await call();
      }
      expect(await shard.dirtyKeys()).toEqual(['dead']);
      expect(await shard.row('x')).toBe('1');
      await check(0);
    });
  });
});

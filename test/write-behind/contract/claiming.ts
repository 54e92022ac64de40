import { describe, expect, it } from '@jest/globals';
import { MINUTE, type Open, Shard } from './open-buffer.js';

/** A time in µs that no clock here comes to. */
const FAR = 8_000_000_000_000_000;

/** Who may flush a shard, and what is handed out. */
export function claimingContract(open: Open): void {
  const epochOf = async (shard: Shard, options: Parameters<Shard['claim']>[0]): Promise<number> => {
    const claim = await shard.claim(options);
    if (claim.status === 'refused') throw new Error('The claim was refused.');
    return claim.epoch;
  };

  /** Tries until the claim is given. */
  const eventually = async (shard: Shard, pass: (ms: number) => Promise<void>, owner: string): Promise<number> => {
    for (let tries = 0; tries < 1_000; tries++) {
      const claim = await shard.claim({ owner });
      if (claim.status === 'claimed') return claim.epoch;
      await pass(1);
    }
    throw new Error('The claim is never given.');
  };

  describe('a claim', () => {
    it('hands out what is due, and removes nothing', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('later', '1');
      const version = await shard.put('due', '{"n":1}', { urgent: true });
      const gone = await shard.put('gone', null, { urgent: true });
      const due = [
        { key: 'due', version, operation: 'upsert', payload: '{"n":1}' },
        { key: 'gone', version: gone, operation: 'delete', payload: '{"id":"gone"}' },
      ];
      expect([await shard.take(), await shard.take()]).toEqual([due, due]);
      expect(await shard.dirtyKeys()).toEqual(['due', 'gone', 'later']);
    });

    it('hands out what is due within a time from now, if asked to', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      expect(await shard.take({ ahead: MINUTE / 2 })).toEqual([]);
      expect(await shard.take({ ahead: MINUTE })).toMatchObject([{ key: 'k' }]);
    });

    it('hands out at most so many, those first that are due first', async () => {
      const shard = new Shard((await open()).buffer);
      for (const key of ['a', 'b', 'c', 'd']) await shard.put(key, '1', { urgent: key > 'b' });
      expect((await shard.takeAll({ limit: 2 })).map(({ key }) => key)).toEqual(['c', 'd']);
      expect((await shard.takeAll({ limit: 3 })).length).toBe(3);
      expect(await shard.takeAll({ limit: 0 })).toEqual([]);
    });

    it('hands out no more than fits into one batch, but a single write whatever its size', async () => {
      const shard = new Shard((await open({ maxBytes: 100_000_000 })).buffer);
      const megabytes = (n: number): string => 'x'.repeat(n * 1_000_000);
      await shard.put('a', megabytes(9), { urgent: true });
      expect((await shard.takeAll()).map(({ payload }) => payload.length)).toEqual([9_000_000]);
      await shard.flush();
      for (const key of ['a', 'b', 'c']) await shard.put(key, megabytes(3.5));
      expect((await shard.takeAll()).length).toBe(2);
      await shard.flush();
      await shard.flush();
      await shard.expectEmpty();
    });

    it('is given to one owner at a time, who may renew it', async () => {
      const shard = new Shard((await open()).buffer);
      const epoch = await epochOf(shard, { owner: 'a', lease: MINUTE / 2 });
      expect(await shard.claim({ owner: 'b' })).toEqual({ status: 'refused' });
      for (const limit of [0, 1, 100]) expect(await epochOf(shard, { owner: 'a', limit })).toBe(epoch);
      expect(await shard.claim({ owner: 'b' })).toEqual({ status: 'refused' });
    });

    it('lasts longer once it was renewed', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      await epochOf(shard, { owner: 'a', lease: 10 });
      await epochOf(shard, { owner: 'a', limit: 0, lease: MINUTE });
      await pass(11);
      expect(await shard.claim({ owner: 'b' })).toEqual({ status: 'refused' });
    });

    it('may be renewed by its owner alone, with what he has got before, also when its time is over', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      const renew = { limit: 0 };
      expect(await shard.claim({ owner: 'a', ...renew })).toEqual({ status: 'refused' });
      await epochOf(shard, { owner: 'a', lease: 10 });
      await pass(11);
      expect(await shard.claim({ owner: 'b', ...renew })).toEqual({ status: 'refused' });
      expect(await epochOf(shard, { owner: 'a', ...renew, epochAtLeast: FAR })).toBe(FAR);
      expect(await shard.claim({ owner: 'b' })).toMatchObject({ status: 'refused' });
    });

    it('is not renewed for who had it once, if anybody had it since', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      await epochOf(shard, { owner: 'a', lease: 5 });
      await pass(6);
      await epochOf(shard, { owner: 'b', lease: 5 });
      await pass(6);
      const renew = { owner: 'a', limit: 0 };
      expect(await shard.claim(renew)).toEqual({ status: 'refused' });
      await shard.buffer.release(0, 'b');
      expect(await shard.claim(renew)).toEqual({ status: 'refused' });
      await epochOf(shard, { owner: 'a' });
      await shard.buffer.release(0, 'a');
      expect(await shard.claim(renew)).toEqual({ status: 'refused' });
    });

    it('may be made shorter by its owner', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      await epochOf(shard, { owner: 'a', lease: MINUTE });
      await epochOf(shard, { owner: 'a', lease: 10 });
      await eventually(shard, pass, 'b');
    });

    it('goes to somebody else when its time is over, with a higher epoch', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      const epoch = await epochOf(shard, { owner: 'a', lease: 10 });
      expect(await eventually(shard, pass, 'b')).toBeGreaterThan(epoch);
      expect(await shard.claim({ owner: 'a' })).toMatchObject({ status: 'refused' });
    });

    it('has a higher epoch, too, when the same owner takes it after its time was over', async () => {
      const { buffer, pass } = await open();
      const shard = new Shard(buffer);
      const epoch = await epochOf(shard, { owner: 'a', lease: 10 });
      await pass(11);
      expect(await epochOf(shard, { owner: 'a' })).toBeGreaterThan(epoch);
    });

    it('is free once it is given back, and the next one has a higher epoch, whoever it is', async () => {
      const shard = new Shard((await open()).buffer);
      const epochs: number[] = [];
      for (const owner of ['a', 'b', 'b', 'a']) {
        epochs.push(await epochOf(shard, { owner }));
        await shard.buffer.release(0, owner);
      }
      expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
    });

    it('has an epoch that grows with time, also where nobody claimed', async () => {
      const [{ buffer, pass }, later] = [await open(), await open()];
      const first = await epochOf(new Shard(buffer), { owner: 'a' });
      await pass(3);
      await later.pass(3);
      // In microseconds, so that it is ahead of all that was given in the meantime.
      expect(await epochOf(new Shard(later.buffer), { owner: 'b' })).toBeGreaterThanOrEqual(first + 2_000);
    });

    it('is not given back by somebody who does not have it', async () => {
      const shard = new Shard((await open()).buffer);
      const epoch = await epochOf(shard, { owner: 'a' });
      await shard.buffer.release(0, 'b', MINUTE);
      expect(await shard.claim({ owner: 'b' })).toMatchObject({ status: 'refused' });
      expect(await epochOf(shard, { owner: 'a' })).toBe(epoch);
    });

    it('has at least the epoch that the database knows, and epochs go on from there', async () => {
      const shard = new Shard((await open()).buffer);
      expect(await epochOf(shard, { owner: 'a', epochAtLeast: FAR + 7 })).toBe(FAR + 7);
      expect(await epochOf(shard, { owner: 'a', epochAtLeast: 5 })).toBe(FAR + 7);
      await shard.buffer.release(0, 'a');
      expect(await epochOf(shard, { owner: 'b', epochAtLeast: 5 })).toBe(FAR + 8);
    });

    it('of one shard says nothing about another', async () => {
      const { buffer } = await open();
      await epochOf(new Shard(buffer, 0), { owner: 'a' });
      await epochOf(new Shard(buffer, 1), { owner: 'b' });
    });

    it('is given at once to whoever asks, although the one before comes back later only', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1', { urgent: true });
      await epochOf(shard, { owner: 'a' });
      await shard.buffer.release(0, 'a', MINUTE);
      expect(await shard.take({ owner: 'b' })).toMatchObject([{ key: 'k' }]);
      await shard.buffer.release(0, 'b', MINUTE);
      await epochOf(shard, { owner: 'a' });
    });

    it('is no condition for an answer of the database that comes late', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      const writes = await shard.takeAll({ owner: 'a' });
      await shard.buffer.release(0, 'a');
      await shard.takeAll({ owner: 'b' });
      await shard.ack(...writes);
      await shard.buffer.release(0, 'b');
      await shard.expectEmpty();
    });
  });

  describe('who gives a claim back', () => {
    it('is told when the next write is due', async () => {
      const shard = new Shard((await open()).buffer);
      expect(await shard.buffer.release(0, 'a')).toBe(undefined);
      await shard.put('k', '1');
      await shard.take();
      const wait = await shard.buffer.release(0, 'a');
      expect(wait).toBeGreaterThan(MINUTE / 2);
      expect(wait).toBeLessThanOrEqual(MINUTE);
      await shard.put('k', '2', { urgent: true });
      expect(await shard.buffer.release(0, 'a')).toBe(0);
    });

    it('is told a time at which he can be there again, or a later one', async () => {
      const shard = new Shard((await open()).buffer);
      expect(await shard.buffer.release(0, 'a', 1_234)).toBe(undefined);
      await shard.put('k', '1');
      await shard.take();
      expect(await shard.buffer.release(0, 'a', 1_234)).toBeGreaterThan(MINUTE / 2);
      await shard.put('k', '2', { urgent: true });
      await shard.take();
      expect(await shard.buffer.release(0, 'a', 1_234)).toBe(1_234);
    });
  });
}

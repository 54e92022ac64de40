import { describe, expect, it } from '@jest/globals';
import { MINUTE, type Open, Shard } from './open-buffer.js';

/** What the database said: it has a write, or refused it. */
export function settlingContract(open: Open): void {
  describe('a write that the database has', () => {
    it('is not dirty any more, and its bytes are free', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await shard.put('a', '1');
      await shard.put('b', null);
      const [a, b] = await shard.takeAll();
      if (a && b) await shard.ack(a);
      expect([await shard.dirtyKeys(), (await shard.stats()).flushed]).toEqual([['b'], 1]);
      await check(0);
      if (a && b) await shard.ack(b);
      await shard.expectEmpty();
      expect(await shard.stats()).toMatchObject({ marked: 2, flushed: 2 });
    });

    it('may be acknowledged twice, or never have been there', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      const version = await shard.put('k', '1');
      await shard.ack({ key: 'k', version });
      await shard.ack({ key: 'k', version }, { key: 'unknown', version });
      await shard.ack();
      await check(0);
      await shard.expectEmpty();
    });

    it('stays dirty if it was written again meanwhile, and is due after the delay', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await shard.put('k', '1', { urgent: true });
      const taken = await shard.take();
      const version = await shard.put('k', '2');
      await shard.ack(...taken);
      expect(await shard.takeAll()).toEqual([{ key: 'k', version, operation: 'upsert', payload: '2' }]);
      expect(await shard.take()).toEqual([]);
      expect(await shard.dueIn()).toBeGreaterThan(MINUTE / 2);
      await check(0);
      await shard.flush();
      await shard.expectEmpty();
    });

    it('does not take the place of a delete and a new write that came while it was flushed', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      const first = await shard.takeAll();
      await shard.put('k', null);
      const second = await shard.takeAll();
      await shard.put('k', '3');
      await shard.ack(...second);
      await shard.ack(...first);
      expect([await shard.row('k'), await shard.dirtyKeys()]).toEqual(['3', ['k']]);
    });

    it('leaves an older dead letter of its key out of date: that is gone', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await shard.bury('k', await shard.put('k', '1'));
      await shard.put('k', '2');
      expect(await shard.letter('k')).toMatchObject({ payload: '1' });
      await shard.flush();
      expect(await shard.letter('k')).toBe(undefined);
      await check(0);
      await shard.expectEmpty();
    });

    it('leaves a dead letter alone that is newer', async () => {
      const { buffer, check } = await open();
      const shard = new Shard(buffer);
      await shard.put('k', '1');
      const taken = await shard.takeAll();
      await shard.bury('k', await shard.put('k', '2'));
      await shard.ack(...taken);
      expect(await shard.letter('k')).toMatchObject({ payload: '2' });
      await check(0);
    });

    it('is no dead letter, even if somebody else was told that the database refused it', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      const taken = await shard.takeAll();
      await shard.bury('k', taken[0]?.version ?? '');
      await shard.ack(...taken);
      expect(await shard.letter('k')).toBe(undefined);
      await shard.expectEmpty();
    });
  });

  describe('a write that the database refused', () => {
    it('is tried again, after a pause that doubles', async () => {
      const { buffer, dice } = await open({ rowAttempts: 100 });
      const shard = new Shard(buffer);
      const version = await shard.put('k', '1');
      const pauses = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
      for (const [i, pause] of pauses.entries()) {
        dice.share = 0;
        // Sent together: what passes between them is no time of ours.
        const [failed, wait] = await Promise.all([shard.fail('k', version), shard.dueIn()]);
        expect(failed).toEqual({ result: 'retry', attempts: i + 1 });
        expect(wait).toBeLessThanOrEqual(pause);
        expect(wait).toBeGreaterThan(pause - 100);
      }
      dice.share = 0.5;
      const [, shorter] = await Promise.all([shard.fail('k', version), shard.dueIn()]);
      expect(shorter).toBeLessThanOrEqual(22_500);
      expect(shorter).toBeGreaterThan(22_400);
      expect([await shard.row('k'), await shard.dirtyKeys()]).toEqual(['1', ['k']]);
    });

    it('is handed out again when its pause is over, and not before, whoever hastens it', async () => {
      const { buffer, pass } = await open({ rowAttempts: 100, flushDelay: 5 });
      const shard = new Shard(buffer);
      const version = await shard.put('k', '1');
      await shard.takeAll();
      await shard.fail('k', version);
      expect(await shard.take()).toEqual([]);
      await pass(250);
      expect(await shard.take()).toMatchObject([{ key: 'k', version }]);
      for (let i = 0; i < 8; i++) await shard.fail('k', version);
      await shard.put('other', '1');
      await buffer.hasten(0, ['k', 'other']);
      expect(await shard.take()).toMatchObject([{ key: 'other' }]);
      await buffer.hasten(0);
      expect(await shard.take()).toMatchObject([{ key: 'other' }]);
      // A newer one has not been refused.
      await shard.put('k', '2');
      await buffer.hasten(0, ['k']);
      expect(await shard.take()).toMatchObject([{ key: 'k', payload: '2' }, { key: 'other' }]);
    });

    it('becomes a dead letter when its attempts are used up', async () => {
      const { buffer, check } = await open({ rowAttempts: 3 });
      const shard = new Shard(buffer);
      const version = await shard.put('k', '{"n":1}');
      expect([await shard.fail('k', version, 'one'), await shard.fail('k', version, 'two')]).toEqual([
        { result: 'retry', attempts: 1 },
        { result: 'retry', attempts: 2 },
      ]);
      await check(0);
      expect(await shard.fail('k', version, 'three')).toEqual({ result: 'dead', attempts: 3 });
      const write = { key: 'k', version, operation: 'upsert', payload: '{"n":1}' };
      expect(await shard.letter('k')).toEqual({ ...write, error: 'three', attempts: 3, at: expect.any(Number) });
      expect([await shard.dirtyKeys(), await shard.dueIn(), await shard.takeAll()]).toEqual([[], undefined, []]);
      expect(await shard.stats()).toMatchObject({ dirty: 0, deadLetters: 1, marked: 1, flushed: 0 });
      await check(0);
    });

    it('is gone for who was refused, if a newer one took its place', async () => {
      const shard = new Shard((await open({ rowAttempts: 1 })).buffer);
      const old = await shard.put('k', '1');
      await shard.put('k', '2');
      expect(await shard.fail('k', old)).toEqual({ result: 'gone', attempts: 0 });
      expect(await shard.fail('unknown', old)).toEqual({ result: 'gone', attempts: 0 });
      await shard.flush();
      expect(await shard.fail('k', old)).toEqual({ result: 'gone', attempts: 0 });
      expect(await shard.buffer.letters(0)).toEqual([]);
      await shard.expectEmpty();
    });

    it('has all its attempts again when it is written again, and is due after the delay', async () => {
      const { buffer } = await open({ rowAttempts: 10, flushDelay: 1_000 });
      const shard = new Shard(buffer);
      const old = await shard.put('k', '1');
      for (let i = 0; i < 9; i++) await shard.fail('k', old);
      expect(await shard.dueIn()).toBeGreaterThan(10_000);
      const version = await shard.put('k', '2');
      expect(await shard.dueIn()).toBeLessThanOrEqual(1_000);
      expect(await shard.fail('k', version)).toEqual({ result: 'retry', attempts: 1 });
      const urgent = await shard.put('k', '3', { urgent: true });
      expect(await shard.take()).toMatchObject([{ payload: '3' }]);
      expect(await shard.fail('k', urgent)).toEqual({ result: 'retry', attempts: 1 });
    });

    it('has all its attempts again after the database had another write of the key', async () => {
      const shard = new Shard((await open({ rowAttempts: 2 })).buffer);
      await shard.fail('k', await shard.put('k', '1'));
      await shard.flush();
      expect(await shard.fail('k', await shard.put('k', '2'))).toEqual({ result: 'retry', attempts: 1 });
    });

    it('waits for another row until its time for that is over, not until its attempts are used up', async () => {
      const { buffer, pass } = await open({ rowAttempts: 1, constraintRetry: 20 });
      const shard = new Shard(buffer);
      const version = await shard.put('k', '1');
      const [first, second] = await Promise.all(['1', '2'].map((error) => shard.fail('k', version, error, 'order')));
      expect([first, second]).toEqual([
        { result: 'retry', attempts: 1 },
        { result: 'retry', attempts: 2 },
      ]);
      await pass(20);
      expect(await shard.fail('k', version, '3', 'order')).toEqual({ result: 'dead', attempts: 3 });
      expect(await shard.letter('k')).toMatchObject({ error: '3', attempts: 3 });
    });

    it('waits for another row for so long without what it was tried too late: the database may have been away', async () => {
      const { buffer, pass } = await open({ rowAttempts: 1, constraintRetry: 500 });
      const shard = new Shard(buffer);
      const version = await shard.put('k', '1');
      await shard.fail('k', version, 'no', 'order'); // due in 250 ms
      await pass(1_000);
      expect(await shard.fail('k', version, 'no', 'order')).toEqual({ result: 'retry', attempts: 2 }); // due in 500 ms
      await pass(500);
      expect(await shard.fail('k', version, 'no', 'order')).toEqual({ result: 'dead', attempts: 3 });
    });

    it('waits for another row anew when it is written again', async () => {
      const { buffer, pass } = await open({ constraintRetry: 500, rowAttempts: 1 });
      const shard = new Shard(buffer);
      await shard.fail('k', await shard.put('k', '1'), 'no', 'order');
      await pass(500);
      const version = await shard.put('k', '2');
      expect(await shard.fail('k', version, 'no', 'order')).toEqual({ result: 'retry', attempts: 1 });
    });

    it('is judged for itself, among others of one call', async () => {
      const { buffer, check } = await open({ rowAttempts: 2 });
      const shard = new Shard(buffer);
      const [a, b, c] = [await shard.put('a', '1'), await shard.put('b', '1'), await shard.put('c', '1')];
      await shard.fail('b', b);
      await shard.put('c', '2');
      const failures = Object.entries({ a, b, c }).map(([key, version]) => ({
        key,
        version,
        kind: 'data' as const,
        error: key,
      }));
      expect(await buffer.fail(0, failures)).toEqual([
        { result: 'retry', attempts: 1 },
        { result: 'dead', attempts: 2 },
        { result: 'gone', attempts: 0 },
      ]);
      expect(await buffer.fail(0, [])).toEqual([]);
      await check(0);
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import type { WriteBuffer } from '../../../src/write-behind/write-buffer.js';
import { MINUTE, type Open, Shard, wakeOf, write } from './open-buffer.js';

/** When writes are due, and who is told to flush them. */
export function wakingContract(open: Open): void {
  describe('a wake-up', () => {
    const wake = async (buffer: WriteBuffer, ...keys: string[]) =>
      wakeOf(
        await buffer.write(
          0,
          keys.map((key) => write(key, '1')),
        ),
      );
    const hurry = async (buffer: WriteBuffer, key: string) =>
      wakeOf(await buffer.write(0, [write(key, '1', { urgent: true })]));

    it('is asked for once, however many writes follow', async () => {
      const { buffer } = await open();
      expect([await wake(buffer, 'a'), await wake(buffer, 'b', 'a'), await wake(buffer, 'a')]).toEqual([
        'later',
        'no',
        'no',
      ]);
    });

    it('is asked for once by the writes of one call', async () => {
      const { buffer } = await open();
      const answers = await buffer.write(0, [write('a', '1'), write('b', '1'), write('a', '2')]);
      expect(answers.map((answer) => answer.status === 'marked' && answer.wake)).toEqual(['later', 'no', 'no']);
    });

    it('is asked for in each shard', async () => {
      const { buffer } = await open();
      expect(await wake(buffer, 'a')).toBe('later');
      expect(wakeOf(await buffer.write(1, [write('a', '1')]))).toBe('later');
    });

    it('that never came is asked for again, once delay and grace are over', async () => {
      const { buffer, pass } = await open({ flushDelay: 10, grace: 10 });
      expect(await wake(buffer, 'a')).toBe('later');
      await pass(21);
      expect(await wake(buffer, 'a')).toBe('later');
    });

    it('is asked for now by what is urgent, each time', async () => {
      const { buffer } = await open();
      expect([await wake(buffer, 'a'), await hurry(buffer, 'a'), await hurry(buffer, 'b')]).toEqual([
        'later',
        'now',
        'now',
      ]);
      expect(await wake(buffer, 'c')).toBe('no');
    });

    it('that was urgent and never came is asked for again after the grace', async () => {
      const { buffer, pass } = await open({ grace: 10 });
      await hurry(buffer, 'a');
      await pass(11);
      expect(await wake(buffer, 'a')).toBe('later');
    });

    it('is asked for now when a batch is full, once', async () => {
      const { buffer } = await open({ batchSize: 3 });
      const wakes: string[] = [];
      for (const key of ['a', 'b', 'b', 'c', 'c', 'd', 'e']) wakes.push(await wake(buffer, key));
      expect(wakes).toEqual(['later', 'no', 'no', 'now', 'no', 'no', 'no']);
      await new Shard(buffer).flush();
      expect(await wake(buffer, 'a', 'b', 'c', 'd')).toBe('now');
    });

    it('is asked for by the first write that is taken, not by refused ones', async () => {
      const { buffer } = await open({ maxEntries: 1 });
      const refused = write('a', '1', { expected: 'c0000000000000000' });
      const answers = await buffer.write(0, [refused, write('a', '1'), write('b', '1', { urgent: true })]);
      expect(answers).toMatchObject([{ status: 'conflict' }, { status: 'marked', wake: 'later' }, { status: 'full' }]);
    });

    it('is asked for again after a flush that left nothing', async () => {
      const { buffer } = await open();
      const shard = new Shard(buffer);
      await wake(buffer, 'a');
      await shard.flush();
      expect([await buffer.release(0, 'a'), await wake(buffer, 'a')]).toEqual([undefined, 'later']);
    });

    it('is the business of who flushed, when something is left', async () => {
      const { buffer } = await open();
      const shard = new Shard(buffer);
      await wake(buffer, 'a', 'b');
      await shard.ack(...(await shard.takeAll({ limit: 1 })));
      expect(await buffer.release(0, 'a')).toBeGreaterThan(0);
      expect(await wake(buffer, 'c')).toBe('no');
    });

    it('is asked for when the next one, for a refused row, comes too late for the write', async () => {
      const { buffer } = await open({ flushDelay: 10, rowAttempts: 100 });
      const shard = new Shard(buffer);
      const version = await shard.put('bad', '1');
      await shard.takeAll();
      for (let attempt = 1; attempt <= 8; attempt++) await shard.fail('bad', version);
      expect(await buffer.release(0, 'a')).toBeGreaterThan(10_000);
      expect([await wake(buffer, 'a'), await wake(buffer, 'b')]).toEqual(['later', 'no']);
    });

    it('is asked for when who flushed last comes back too late for the write', async () => {
      const { buffer } = await open({ flushDelay: 10 });
      const shard = new Shard(buffer);
      await shard.put('k', '1');
      await shard.takeAll();
      expect(await buffer.release(0, 'a', MINUTE)).toBe(MINUTE);
      expect([await wake(buffer, 'a'), await wake(buffer, 'b'), await hurry(buffer, 'c')]).toEqual([
        'later',
        'no',
        'now',
      ]);
    });

    it('is not asked for when who flushed last comes back in time', async () => {
      const { buffer } = await open({ flushDelay: MINUTE });
      const shard = new Shard(buffer);
      await shard.put('k', '1', { urgent: true });
      await shard.take();
      expect(await buffer.release(0, 'a', MINUTE / 2)).toBe(MINUTE / 2);
      expect([await wake(buffer, 'a'), await hurry(buffer, 'b')]).toEqual(['no', 'now']);
    });
  });

  describe('a write is due', () => {
    it('after the flush delay', async () => {
      const { buffer, pass } = await open({ flushDelay: 20 });
      const shard = new Shard(buffer);
      expect(await shard.dueIn()).toBe(undefined);
      await shard.put('k', '1');
      expect(await shard.dueIn()).toBeLessThanOrEqual(20);
      await pass(25);
      expect(await shard.dueIn()).toBeLessThanOrEqual(-5);
      expect(await shard.stats()).toMatchObject({ lag: expect.any(Number) });
      expect((await shard.stats()).lag).toBeGreaterThanOrEqual(5);
    });

    it('not before the flush delay', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('k', '1');
      expect(await shard.dueIn()).toBeGreaterThan(MINUTE / 2);
      expect([await shard.take(), (await shard.stats()).lag]).toEqual([[], 0]);
    });

    it('in time, however often the key is written again', async () => {
      const { buffer, pass } = await open({ flushDelay: 30 });
      const shard = new Shard(buffer);
      await shard.put('hot', '0');
      for (let i = 1; i <= 10; i++) {
        await pass(4);
        await shard.put('hot', `${i}`);
      }
      expect(await shard.take()).toMatchObject([{ key: 'hot', payload: '10' }]);
    });

    it('at once when it is urgent, also where the key waits already', async () => {
      const shard = new Shard((await open()).buffer);
      await shard.put('a', '1', { urgent: true });
      await shard.put('b', '1');
      expect((await shard.take()).map(({ key }) => key)).toEqual(['a']);
      await shard.put('b', '2', { urgent: true });
      await shard.put('b', '3');
      expect((await shard.take()).map(({ key }) => key)).toEqual(['a', 'b']);
    });

    it('at once when somebody hastens it: these keys or all, and no others', async () => {
      const shard = new Shard((await open()).buffer);
      for (const key of ['a', 'b', 'c']) await shard.put(key, '1');
      await shard.buffer.hasten(0, ['b', 'unknown']);
      await shard.buffer.hasten(0, []);
      expect((await shard.take()).map(({ key }) => key)).toEqual(['b']);
      await shard.buffer.hasten(0);
      expect((await shard.take()).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
      expect(await shard.dirtyKeys()).toEqual(['a', 'b', 'c']);
    });

    it('no later because somebody hastens it', async () => {
      const { buffer, pass } = await open({ flushDelay: 5 });
      const shard = new Shard(buffer);
      await shard.put('k', '1');
      await pass(20);
      await buffer.hasten(0);
      await buffer.hasten(0, ['k']);
      await shard.put('k', '2', { urgent: true });
      expect(await shard.dueIn()).toBeLessThanOrEqual(-15);
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Lane } from '../../../../src/tiers/redis/cluster/lane.js';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};

describe('calls to a slot that moves', () => {
  it('take effect in the order in which they were called, whenever it moves and however long answers take', async () => {
    const call = fc.record({ before: fc.nat(4), trip: fc.nat(12), again: fc.nat(12) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), fc.nat(60), async (calls, movesAt) => {
        const lane = new Lane();
        const done: number[] = [];
        let time = 0;
        const moved = (): boolean => time >= movesAt;
        const answers: Promise<unknown>[] = [];
        // The connection keeps its order: a call reaches the server after those before it.
        let reached = Promise.resolve();
        for (const [i, { before, trip, again }] of calls.entries()) {
          await turns(before);
          time += before;
          const send = async (): Promise<void> => {
            reached = reached.then(() => turns(trip));
            await reached;
            time += trip;
            if (moved()) throw new Error('MOVED');
            done.push(i);
          };
          const elsewhere = async (): Promise<void> => {
            await turns(again);
            done.push(i);
          };
          answers.push(lane.run(send, elsewhere, () => true));
        }
        await Promise.all(answers);
        expect(done).toEqual(calls.map((_call, i) => i));
        expect(lane.idle).toBe(true);
      }),
    );
  });

  it('fail by themselves, and do not hold up the others', async () => {
    const lane = new Lane();
    const moved = (): Promise<never> => Promise.reject(new Error('MOVED'));
    const lost = lane.run(
      moved,
      () => Promise.reject(new Error('no master')),
      () => true,
    );
    const next = lane.run(
      moved,
      async () => 'done',
      () => true,
    );
    const broken = lane.run(
      () => Promise.reject(new Error('no connection')),
      async () => 'again',
      () => false,
    );
    await expect(lost).rejects.toThrow('no master');
    expect(await next).toBe('done');
    await expect(broken).rejects.toThrow('no connection');
  });
});

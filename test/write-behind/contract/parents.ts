import { describe, expect, it } from '@jest/globals';
import { Parents } from '../../../src/write-behind/parents.js';
import { MINUTE, type Open, type OpenBuffer, Shard } from './open-buffer.js';

/** Whether rows that others refer to have had their turn is seen by when the next write is due. */
export function parentsContract(open: Open): void {
  describe('those who refer to pending rows', () => {
    /** Waits for a buffer whose shards are flushed by `flush`. Answers whether it waited, and which shards were flushed. */
    async function waitFor(
      { buffer, clock, pass }: OpenBuffer,
      flush: (shard: Shard, tries: number) => Promise<void>,
      { patience = 10_000, flushDelay = MINUTE } = {},
    ): Promise<[boolean, number[]]> {
      const flushed: number[] = [];
      const parent = {
        ...{ shards: 4, flushDelay, buffer },
        paused: () => undefined,
        async flush(shard: number): Promise<undefined> {
          flushed.push(shard);
          await flush(new Shard(buffer, shard), flushed.length);
        },
        wake: () => undefined,
      };
      let waited: boolean | undefined;
      const written = new Parents([parent], patience, 4, clock).written().then((answer) => {
        waited = answer;
      });
      while (waited === undefined) await pass(5);
      await written;
      return [waited, flushed];
    }

    it('wait until they have left the buffer, in the shards where something is pending', async () => {
      const opened = await open();
      const { buffer } = opened;
      expect(await waitFor(opened, async () => undefined)).toEqual([false, []]);
      await new Shard(buffer, 1).put('a', '{}');
      await new Shard(buffer, 3).put('b', '{}');
      const [waited, flushed] = await waitFor(opened, (shard) => shard.flush());
      expect([waited, flushed.sort()]).toEqual([true, [1, 3]]);
    });

    it('wait until a flush has taken them, however often others have it', async () => {
      const opened = await open();
      const { buffer } = opened;
      await new Shard(buffer).put('a', '{}');
      const [, flushed] = await waitFor(opened, async (shard, tries) => {
        if (tries === 3) await shard.flush();
      });
      expect(flushed).toEqual([0, 0, 0]);
    });

    it('do not wait for what is written again while it is flushed, nor for what was refused', async () => {
      const flushDelay = 100; // shorter than the pause after a refusal
      const opened = await open({ flushDelay });
      const { buffer } = opened;
      await new Shard(buffer).put('hot', '{"n":1}');
      await new Shard(buffer).put('bad', '{}');
      const flush = async (shard: Shard): Promise<void> => {
        for (const write of await shard.take({ ahead: flushDelay })) {
          if (write.key === 'bad') await shard.fail('bad', write.version, 'no', 'order');
          else await shard.put('hot', '{"n":2}').then(() => shard.ack(write));
        }
      };
      const [, flushed] = await waitFor(opened, flush, { flushDelay });
      // A second time where all of it took no time: it could have been pending at the beginning.
      expect(flushed.length).toBeLessThanOrEqual(2);
      expect(await new Shard(buffer).dirtyKeys()).toEqual(['bad', 'hot']);
    });

    it('wait only so long', async () => {
      const opened = await open();
      const { buffer } = opened;
      await new Shard(buffer).put('a', '{}');
      const [waited, flushed] = await waitFor(opened, async () => undefined, { patience: 50 });
      expect([waited, flushed.length > 0, await new Shard(buffer).dirtyKeys()]).toEqual([true, true, ['a']]);
    });
  });
}

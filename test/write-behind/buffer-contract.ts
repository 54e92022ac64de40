import { describe, expect, it } from '@jest/globals';
import { claimingContract } from './contract/claiming.js';
import { deadLetterContract } from './contract/dead-letters.js';
import { type ModelRuns, modelContract } from './contract/model.js';
import { type Open, Shard, write } from './contract/open-buffer.js';
import { parentsContract } from './contract/parents.js';
import { readingContract } from './contract/reading.js';
import { settlingContract } from './contract/settling.js';
import { versionsContract } from './contract/versions.js';
import { wakingContract } from './contract/waking.js';
import { writingContract } from './contract/writing.js';

/** What every write buffer must keep, whatever it keeps it in. `open` answers an empty one, of options like `usual`. */
export function bufferContract(name: string, open: Open, runs: ModelRuns): void {
  describe(name, () => {
    readingContract(open);
    writingContract(open);
    wakingContract(open);
    claimingContract(open);
    settlingContract(open);
    deadLetterContract(open);
    versionsContract(open);
    parentsContract(open);
    modelContract(open, runs);

    it('is ready more than once, keeping what it has', async () => {
      const { buffer } = await open();
      await buffer.write(0, [write('k', '1')]);
      await buffer.start();
      expect(await new Shard(buffer).row('k')).toBe('1');
    });

    it('knows of no replicas where there are none', async () => {
      const { buffer } = await open();
      await buffer.write(0, [write('k', '1')]);
      expect(await buffer.replicated(0, 1, 1)).toBe(0);
    });

    it('refuses shards that it does not have', async () => {
      const { buffer } = await open({ shards: 4 });
      await expect((async () => buffer.write(4, [write('k', '1')]))()).rejects.toThrow('There is no shard 4 of');
    });
  });
}

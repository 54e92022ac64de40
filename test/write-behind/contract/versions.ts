import { describe, expect, it } from '@jest/globals';
import { labelOf, withVersion } from '../../../src/write-behind/row-version.js';
import { type Open, Shard, versionOf, write } from './open-buffer.js';

/** Rows that have the version of their write. */
export function versionsContract(open: Open): void {
  describe('a row with a version', () => {
    const label = labelOf('the "version"');
    const labelled = (key: string, payload: string | null) => ({ ...write(key, payload), label });

    it('has that of its write in the copy for readers; what is pending stays as it was written', async () => {
      const shard = new Shard((await open()).buffer);
      const payload = '{"id":"k","note":"ä}"}';
      const [marked] = await shard.buffer.write(0, [labelled('k', payload)]);
      const version = versionOf(marked);
      expect(await shard.row('k')).toBe(payload);
      expect((await shard.takeAll()).map((taken) => taken.payload)).toEqual([payload]);
      await shard.flush();
      const copy = await shard.row('k');
      expect(copy).toBe(withVersion(payload, label, version));
      expect(JSON.parse(copy as string)).toEqual({ id: 'k', note: 'ä}', 'the "version"': version });
    });

    it('has the newest one, whichever of several writes was flushed; a delete has none', async () => {
      const shard = new Shard((await open()).buffer);
      const writes = [labelled('k', '{"n":1}'), labelled('k', '{"n":2}'), labelled('gone', '{"n":1}')];
      const [, second] = await shard.buffer.write(0, writes);
      await shard.flush();
      expect(await shard.row('k')).toBe(withVersion('{"n":2}', label, versionOf(second)));
      await shard.buffer.write(0, [labelled('gone', null)]);
      await shard.flush();
      expect(await shard.row('gone')).toBeNull();
    });
  });
}

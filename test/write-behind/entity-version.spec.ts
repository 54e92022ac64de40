import { describe, expect, it } from '@jest/globals';
import { labelOf } from '../../src/write-behind/row-version.js';
import { checkedBuffer } from './checked-buffer.js';
import { Rig } from './rig.js';

function rigWithVersions(options: ConstructorParameters<typeof Rig>[0] = {}): Rig {
  const rig = new Rig(options);
  rig.table.versionLabel = labelOf('version');
  return rig;
}

describe('readers of rows with versions', () => {
  it('get the version of the last write: pending, as a copy, from a patch, in a dead letter', async () => {
    const rig = rigWithVersions({ buffer: { rowAttempts: 1 } });
    const process = rig.process();
    const { entity } = process;
    const { version } = await entity.put({ id: 'a', n: 1 });
    const row = { id: 'a', n: 1, version: `${version}` };
    expect([await entity.get('a'), await process.pending('a')]).toEqual([row, row]);
    await process.flusher.flush(0, true);
    expect([await entity.get('a'), rig.table.loads]).toEqual([row, []]);
    const patched = (await entity.patch('a', (old) => ({ ...old, n: 2 }))) as object as typeof row;
    expect([patched, Number(patched.version) > Number(version)]).toEqual([
      { ...row, n: 2, version: patched.version },
      true,
    ]);
    expect(await entity.get('a')).toEqual(patched);
    rig.table.refuse('data', 'a');
    await process.flusher.flush(0, true);
    expect(await entity.deadLetters.list()).toMatchObject([{ row: patched, version: BigInt(patched.version) }]);
  });

  it('get what the database has once it turned out that a write came too late', async () => {
    const rig = rigWithVersions();
    const process = rig.process();
    const theirs = '{"id":"a","n":9,"version":"99"}';
    await process.entity.put({ id: 'a', n: 1 });
    await process.entity.put({ id: 'b', n: 1 });
    rig.table.rows.set('a', theirs);
    rig.table.newer.add('a');
    await process.flusher.flush(0, true);
    expect(await rig.dirtyKeys()).toEqual([]);
    expect(await process.entity.get('a')).toEqual(JSON.parse(theirs));
    expect(await process.entity.get('b')).toMatchObject({ n: 1 });
    expect(rig.table.loads).toEqual([['a']]);
    expect([process.reports.late, process.reports.batches]).toEqual([1, [1]]);
    expect(await process.entity.stats()).toMatchObject({ outdated: 1, dirty: 0 });
  });

  it('get no row that the database does not have, also if the owner of the shard ends before the ACK', async () => {
    const checked = checkedBuffer(() => rig.table);
    const rig = rigWithVersions({ through: checked.through });
    const process = rig.process();
    await process.entity.put({ id: 'a', n: 1 });
    rig.table.rows.set('a', '{"id":"a","n":9}');
    rig.table.newer.add('a');
    checked.cut('ack', true);
    await expect(process.flusher.flush(0, true)).rejects.toThrow();
    // The ACK took effect, and nobody was told: the copy must have been gone before.
    expect([await rig.dirtyKeys(), await process.entity.get('a')]).toEqual([[], { id: 'a', n: 9 }]);
  });

  it('get a write that came while an older one turned out to be too late', async () => {
    const rig = rigWithVersions();
    const process = rig.process();
    await process.entity.put({ id: 'a', n: 1 });
    rig.table.newer.add('a');
    const stall = rig.table.stall('committed');
    const flushing = process.flusher.flush(0, true);
    await stall.reached;
    await process.entity.put({ id: 'a', n: 2 });
    stall.go();
    await flushing;
    expect([await rig.dirtyKeys(), await process.entity.get('a')]).toMatchObject([['a'], { n: 2 }]);
  });
});

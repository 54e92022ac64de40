import { describe, expect, it } from '@jest/globals';
import { Rig } from './rig.js';

/** Rows that the database refuses at their first attempt. */
async function withLetters(...keys: string[]) {
  const rig = new Rig({ buffer: { rowAttempts: 1, shards: 4 } });
  const process = rig.process().start();
  rig.table.refuse('data', ...keys);
  for (const id of keys) {
    await process.entity.put({ id, n: 1 });
    await rig.pass(101);
  }
  expect((await process.entity.stats()).deadLetters).toBe(keys.length);
  return { rig, process, entity: process.entity, letters: process.entity.deadLetters };
}

describe('dead letters', () => {
  it('are listed over all shards, oldest first, with what would have been written and why it was not', async () => {
    const { letters, rig, process } = await withLetters('d', 'a', 'c', 'b');
    const all = await letters.list();
    expect(all.map(({ id }) => id)).toEqual(['d', 'a', 'c', 'b']);
    expect(all[0]).toEqual({
      ...{ id: 'd', operation: 'put', row: { id: 'd', n: 1 }, error: 'bad row d', attempts: 1 },
      ...{ version: expect.any(BigInt), at: expect.any(Date) },
    });
    rig.table.refuse('data', 'e');
    await process.entity.delete('e');
    await rig.pass(101);
    const last = (await letters.list()).at(-1);
    expect([last, last && 'row' in last]).toMatchObject([{ id: 'e', operation: 'delete' }, false]);
  });

  it('are no longer what readers get: they get what the database has', async () => {
    const { rig, entity } = await withLetters('a');
    expect(await entity.get('a')).toBeNull();
    await entity.forget(['a']);
    rig.table.rows.set('a', '{"id":"a","n":5}');
    expect(await entity.get('a')).toEqual({ id: 'a', n: 5 });
  });

  it('are all replayed at once, and written if the cause is corrected', async () => {
    const { rig, letters, entity } = await withLetters('a', 'b', 'c');
    rig.table.objection = () => undefined;
    expect(await letters.replay()).toBe(3);
    expect((await entity.stats()).deadLetters).toBe(0);
    await rig.pass(1);
    expect([[...rig.table.rows.keys()].sort(), await letters.list()]).toEqual([['a', 'b', 'c'], []]);
    expect(await letters.replay()).toBe(0);
  });

  it('are replayed by id, and are dead letters again if the cause is not corrected', async () => {
    const { rig, letters } = await withLetters('a', 'b', 'c');
    rig.table.refuse('data', 'b');
    expect(await letters.replay(['a', 'b', 'unknown'])).toBe(2);
    expect(await letters.replay([])).toBe(0);
    await rig.pass(200);
    expect([[...rig.table.rows.keys()], (await letters.list()).map(({ id }) => id)]).toEqual([['a'], ['c', 'b']]);
  });

  it('are seen by readers while they are replayed', async () => {
    const { letters, entity } = await withLetters('a');
    expect(await entity.get('a')).toBeNull();
    await letters.replay(['a']);
    expect(await entity.get('a')).toEqual({ id: 'a', n: 1 });
  });

  it('never replace what was written after them', async () => {
    const { rig, letters, entity } = await withLetters('a', 'b');
    rig.table.objection = () => undefined;
    await entity.put({ id: 'a', n: 2 });
    expect(await letters.replay()).toBe(1);
    await rig.pass(101);
    expect([rig.table.row('a')?.n, rig.table.row('b')?.n, await letters.list()]).toEqual([2, 1, []]);
  });

  it('are gone once a newer write of the row is in the database', async () => {
    const { rig, letters, entity } = await withLetters('a');
    rig.table.objection = () => undefined;
    await entity.delete('a');
    await rig.pass(101);
    expect([await letters.list(), await letters.replay()]).toEqual([[], 0]);
  });

  it('are discarded by id only', async () => {
    const { rig, letters, entity } = await withLetters('a', 'b');
    rig.table.objection = () => undefined;
    expect([await letters.discard(['a', 'unknown']), await letters.discard(['a']), await letters.discard([])]).toEqual([
      1, 0, 0,
    ]);
    expect((await letters.list()).map(({ id }) => id)).toEqual(['b']);
    await rig.pass(1_000);
    expect([rig.table.rows.size, (await entity.stats()).dirty]).toEqual([0, 0]);
  });

  it('refuse ids that are none', async () => {
    const { letters } = await withLetters('a');
    const wrong = { code: 'WRITE_BEHIND_ROW' };
    await expect(letters.replay([7 as never])).rejects.toMatchObject(wrong);
    await expect(letters.discard([7 as never])).rejects.toMatchObject(wrong);
  });
});

describe('stats', () => {
  it('add up all shards, and tell how many writes became one row', async () => {
    const rig = new Rig({ buffer: { shards: 4, rowAttempts: 1 } });
    const process = rig.process().start();
    rig.table.refuse('data', 'bad');
    for (let n = 0; n < 5; n++) for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await process.entity.put({ id, n });
    const pending = await process.entity.stats();
    expect(pending).toMatchObject({ dirty: 6, deadLetters: 0, lag: 0, writes: 30, rows: 0, batches: 0 });
    await rig.pass(100);
    await process.entity.put({ id: 'bad', n: 1 });
    await rig.pass(100);
    const after = await process.entity.stats();
    expect(after).toMatchObject({ dirty: 0, deadLetters: 1, lag: 0, writes: 31, rows: 6, retries: 0 });
    expect([pending.bytes > after.bytes, after.bytes > 0, after.batches > 0, 'paused' in after]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('tell how long the longest waiting row is overdue', async () => {
    const rig = new Rig({ buffer: { shards: 4 } });
    const { entity } = rig.process();
    await entity.put({ id: 'a', n: 1 });
    await rig.pass(90);
    expect((await entity.stats()).lag).toBe(0);
    await rig.pass(5_010);
    await entity.put({ id: 'b', n: 1 });
    expect((await entity.stats()).lag).toBe(5_000);
  });
});

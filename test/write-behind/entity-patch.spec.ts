import { describe, expect, it, jest } from '@jest/globals';
import type { Write } from '../../src/write-behind/write-buffer.js';
import type { Item } from './fake-table.js';
import { Rig, stateOf } from './rig.js';

const increment = (row: Item): Item => ({ ...row, n: row.n + 1 });

function withRow(n = 1, options: ConstructorParameters<typeof Rig>[0] = {}) {
  const rig = new Rig(options);
  rig.table.rows.set('a', `{"id":"a","n":${n}}`);
  return { rig, process: rig.process().start() };
}

describe('patch', () => {
  it.each<[string, (rig: Rig, entity: ReturnType<Rig['process']>['entity']) => Promise<unknown>]>([
    ['in the database only', async () => undefined],
    ['cached', (_, entity) => entity.get('a')],
    ['pending', (_, entity) => entity.put({ id: 'a', n: 1 })],
  ])('changes a row that is %s, and answers what was written', async (_, prepare) => {
    const { rig, process } = withRow();
    await prepare(rig, process.entity);
    const patched = await process.entity.patch('a', increment);
    expect([patched, await process.entity.get('a')]).toEqual([
      { id: 'a', n: 2 },
      { id: 'a', n: 2 },
    ]);
    expect(await process.entity.get('a')).not.toBe(patched);
    await rig.pass(100);
    expect(rig.table.row('a')).toEqual({ id: 'a', n: 2 });
  });

  it('may take its time, and may change the row that it was given', async () => {
    const { process } = withRow();
    const patched = await process.entity.patch('a', async (row) => {
      await new Promise((resolve) => setImmediate(resolve));
      row.n = 7;
      return row;
    });
    expect([patched.n, (await process.entity.get('a'))?.n]).toEqual([7, 7]);
  });

  it('is made anew from the newer row if that was written meanwhile', async () => {
    const { process } = withRow();
    const seen: number[] = [];
    const patched = await process.entity.patch('a', async (row) => {
      seen.push(row.n);
      if (seen.length < 3) await process.entity.put({ id: 'a', n: 10 * seen.length });
      return increment(row);
    });
    expect([seen, patched.n]).toEqual([[1, 10, 20], 21]);
  });

  it('is made anew if the newer row has reached the database meanwhile and left the buffer', async () => {
    const { rig, process } = withRow(1, { buffer: { cacheTtl: 0 } });
    const seen: number[] = [];
    const patched = await process.entity.patch('a', async (row) => {
      seen.push(row.n);
      if (seen.length === 1) {
        await process.entity.put({ id: 'a', n: 10 });
        await rig.pass(100);
        expect(await rig.dirtyKeys()).toEqual([]);
      }
      return increment(row);
    });
    expect([seen, patched.n]).toEqual([[1, 10], 11]);
  });

  it('is made anew if the row came back from a delete meanwhile', async () => {
    const { process } = withRow();
    const seen: number[] = [];
    const patched = await process.entity.patch('a', async (row) => {
      seen.push(row.n);
      if (seen.length === 1) {
        await process.entity.delete('a');
        await process.entity.put({ id: 'a', n: 5 });
      }
      return increment(row);
    });
    expect([seen, patched.n]).toEqual([[1, 5], 6]);
  });

  it('is refused if there is no such row, or it was deleted, also meanwhile', async () => {
    const { process } = withRow();
    const none = { code: 'WRITE_BEHIND_CONFLICT', message: expect.stringContaining('no such row') };
    await expect(process.entity.patch('none', increment)).rejects.toMatchObject(none);
    const patch = process.entity.patch('a', async (row) => {
      await process.entity.delete('a');
      return increment(row);
    });
    await expect(patch).rejects.toMatchObject(none);
    await expect(process.entity.patch('a', increment)).rejects.toMatchObject(none);
    expect(await process.entity.get('a')).toBeNull();
  });

  it('writes nothing if its change throws', async () => {
    const { rig, process } = withRow();
    const write = jest.spyOn(rig.buffer, 'write');
    const broken = new Error('not enough stock');
    const throws = (): Item => {
      throw broken;
    };
    await expect(process.entity.patch('a', throws)).rejects.toBe(broken);
    await expect(process.entity.patch('a', () => Promise.reject(broken))).rejects.toBe(broken);
    expect([write.mock.calls, await process.entity.get('a')]).toEqual([[], { id: 'a', n: 1 }]);
  });

  it('refuses a row that cannot be written, or with another id, and writes nothing', async () => {
    const { rig, process } = withRow();
    const write = jest.spyOn(rig.buffer, 'write');
    const other = process.entity.patch('a', (row) => ({ ...row, id: 'b' }));
    await expect(other).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW', problems: [{ option: 'id' }] });
    const wrong = process.entity.patch('a', (row) => ({ ...row, n: 'seven' as never }));
    await expect(wrong).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW', problems: [{ option: 'n' }] });
    expect(write).not.toHaveBeenCalled();
  });

  it('counts every one of 20 increments at the same time, in two processes', async () => {
    const { rig, process } = withRow(0);
    const other = rig.process().start();
    const patches = Array.from({ length: 20 }, (_, i) => (i % 2 ? process : other).entity.patch('a', increment));
    const answers = (await Promise.all(patches)).map(({ n }) => n);
    expect(answers.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    await rig.pass(100);
    expect(rig.table.row('a')?.n).toBe(20);
  });

  it('gives up after some tries if the row never stands still', async () => {
    const { process } = withRow();
    let calls = 0;
    const patch = process.entity.patch('a', async (row) => {
      calls++;
      await process.entity.put({ id: 'a', n: calls });
      return increment(row);
    });
    await expect(patch).rejects.toMatchObject({
      code: 'WRITE_BEHIND_CONFLICT',
      message: expect.stringContaining('20'),
    });
    expect([calls, (await process.entity.get('a'))?.n]).toEqual([20, 20]);
  });

  it.each(['block', 'sync'] as const)(
    "waits for room to remember what it was made from, and is refused when none comes in time (overflow '%s')",
    async (overflow) => {
      const { rig, process } = withRow(1, { entity: { overflow, writeTimeout: 1_000 } });
      jest.spyOn(rig.buffer, 'read').mockResolvedValue([{ kind: 'absent', state: undefined }]);
      const patched = process.entity.patch('a', increment).catch((error: unknown) => error);
      await rig.pass(980);
      expect(await stateOf(patched)).toBe('waiting');
      await rig.pass(40);
      expect(await patched).toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
    },
  );

  it('goes on as soon as there is room again to remember what it was made from', async () => {
    const { rig, process } = withRow();
    const read = jest.spyOn(rig.buffer, 'read').mockResolvedValue([{ kind: 'absent', state: undefined }]);
    const patched = process.entity.patch('a', increment);
    await rig.pass(500);
    expect(await stateOf(patched)).toBe('waiting');
    read.mockRestore();
    await rig.pass(20);
    expect(await patched).toEqual({ id: 'a', n: 2 });
  });

  it("is refused at once when there is no room to remember what it was made from (overflow 'reject')", async () => {
    const { rig, process } = withRow(1, { entity: { overflow: 'reject' } });
    jest.spyOn(rig.buffer, 'read').mockResolvedValue([{ kind: 'absent', state: undefined }]);
    await expect(process.entity.patch('a', increment)).rejects.toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
  });

  it('is made from what the database has if the pending row became a dead letter meanwhile', async () => {
    const { rig, process } = withRow(1, { buffer: { rowAttempts: 1 } });
    await process.entity.put({ id: 'a', n: 50 });
    const seen: number[] = [];
    const patched = await process.entity.patch('a', async (row) => {
      seen.push(row.n);
      rig.table.refuse('data', 'a');
      if (seen.length === 1) await process.flusher.flush(0);
      return increment(row);
    });
    expect([seen, patched.n]).toEqual([[50, 1], 2]);
  });

  it('expects of the row what it was made from, and nothing else', async () => {
    const { rig, process } = withRow();
    const writes: Write[] = [];
    const write = rig.buffer.write.bind(rig.buffer);
    jest.spyOn(rig.buffer, 'write').mockImplementation((shard, all) => {
      writes.push(...all);
      return write(shard, all);
    });
    await process.entity.patch('a', increment);
    await process.entity.put({ id: 'a', n: 9 });
    expect(writes.map(({ expected }) => typeof expected)).toEqual(['string', 'undefined']);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { CacheUnavailableError } from '../../src/cache.errors.js';
import type { WriteBuffer } from '../../src/write-behind/write-buffer.js';
import { DatabaseError } from './fake-table.js';
import { ids, Rig } from './rig.js';

describe('get', () => {
  it('asks the database for a row once, and remembers it, also that there is none', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process();
    for (let i = 0; i < 3; i++)
      expect([await entity.get('a'), await entity.get('none')]).toEqual([{ id: 'a', n: 1 }, null]);
    expect(rig.table.loads).toEqual([['a'], ['none']]);
  });

  it('gives each caller a copy of its own', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    const row = { id: 'a', n: 1 };
    await entity.put(row);
    row.n = 2;
    const one = await entity.get('a');
    if (one) one.n = 3;
    expect(await entity.get('a')).toEqual({ id: 'a', n: 1 });
  });

  it('sees a write as soon as it is acknowledged, in each process, while it is written, and after', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const [one, other] = [rig.process().start(), rig.process()];
    expect(await other.entity.get('a')).toEqual({ id: 'a', n: 1 });
    await one.entity.put({ id: 'a', n: 2 });
    const stalls = [rig.table.stall('inside'), rig.table.stall('committed')] as const;
    const see2 = async (): Promise<void> => {
      expect([await one.entity.get('a'), await other.entity.get('a')]).toEqual([
        { id: 'a', n: 2 },
        { id: 'a', n: 2 },
      ]);
    };
    await see2();
    await rig.pass(100);
    for (const stall of stalls) {
      await stall.reached;
      await see2();
      stall.go();
    }
    await rig.pass(1);
    expect([await rig.dirtyKeys(), rig.table.row('a')?.n]).toEqual([[], 2]);
    await see2();
    expect(rig.table.loads).toEqual([['a']]);
  });

  it('sees its own writes without asking the database, also if no rows are cached', async () => {
    const rig = new Rig({ buffer: { cacheTtl: 0 } });
    const { entity } = rig.process();
    await entity.put({ id: 'a', n: 1 });
    await entity.put({ id: 'a', n: 2 });
    expect([await entity.get('a'), rig.table.loads]).toEqual([{ id: 'a', n: 2 }, []]);
  });

  it('knows that a deleted row is not there without asking the database, before and after that knows it', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process().start();
    await entity.delete('a');
    expect([await entity.get('a'), rig.table.rows.size]).toEqual([null, 1]);
    await rig.pass(100);
    expect([await entity.get('a'), rig.table.rows.size, rig.table.loads]).toEqual([null, 0, []]);
  });

  it('never remembers what it read before a write', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process();
    rig.table.loadHook = async () => {
      await entity.put({ id: 'a', n: 2 });
    };
    expect(await entity.get('a')).toEqual({ id: 'a', n: 1 }); // it was asked before the write
    expect(await entity.get('a')).toEqual({ id: 'a', n: 2 });
  });

  it('fails with what the database says, and asks again the next time', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process();
    rig.table.loadHook = () => Promise.reject(new DatabaseError('outage', 'no database'));
    await expect(entity.get('a')).rejects.toThrow('no database');
    rig.table.loadHook = () => undefined;
    expect(await entity.get('a')).toEqual({ id: 'a', n: 1 });
  });

  it('works although the answer cannot be remembered', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process();
    jest.spyOn(rig.buffer, 'fill').mockRejectedValue(new Error('OOM'));
    expect(await entity.get('a')).toEqual({ id: 'a', n: 1 });
  });

  it('asks the database again when its copies were forgotten, but for no pending row', async () => {
    const rig = new Rig();
    for (const id of ['a', 'b']) rig.table.rows.set(id, `{"id":"${id}","n":1}`);
    const { entity } = rig.process();
    await entity.getMany(['a', 'b']);
    await entity.put({ id: 'b', n: 2 });
    for (const id of ['a', 'b']) rig.table.rows.set(id, `{"id":"${id}","n":9}`);
    await entity.forget(['a', 'b']);
    expect(await entity.getMany(['a', 'b'])).toEqual([
      { id: 'a', n: 9 },
      { id: 'b', n: 2 },
    ]);
  });
});

describe('getMany', () => {
  it('answers in the order of the ids, from everywhere, with one query for what is in the database only', async () => {
    const rig = new Rig({ buffer: { shards: 4 } });
    for (const id of ['a', 'b', 'c', 'd']) rig.table.rows.set(id, `{"id":"${id}","n":0}`);
    const { entity } = rig.process();
    await entity.get('a');
    await entity.put({ id: 'new', n: 1 });
    await entity.delete('d');
    rig.table.loads.length = 0;
    const rows = await entity.getMany(['d', 'c', 'new', 'none', 'a', 'b', 'c']);
    expect(rows.map((row) => row?.id ?? null)).toEqual([null, 'c', 'new', null, 'a', 'b', 'c']);
    expect(rig.table.loads).toEqual([['c', 'none', 'b', 'c']]);
    expect(rows[1]).not.toBe(rows[6]);
  });

  it('asks for at most 500 rows at once', async () => {
    const rig = new Rig({ buffer: { shards: 4 } });
    const { entity } = rig.process();
    expect(await entity.getMany(ids(1_100))).toEqual(ids(1_100).map(() => null));
    expect(rig.table.loads.map(({ length }) => length)).toEqual([500, 500, 100]);
    expect(await entity.getMany([])).toEqual([]);
  });

  it('asks nobody when one of the ids is none', async () => {
    const rig = new Rig();
    const read = jest.spyOn(rig.buffer, 'read').mockRejectedValue(new Error('nobody hears this'));
    const { entity } = rig.process();
    await expect(entity.getMany(['a', 7 as never])).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW' });
    expect(read).not.toHaveBeenCalled();
  });
});

describe('a pending row', () => {
  it('is told to those who read the database themselves: the row, null for a delete, undefined for none', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    await process.entity.put({ id: 'a', n: 1 });
    await process.entity.delete('b');
    expect([await process.pending('a'), await process.pending('b'), await process.pending('c')]).toEqual([
      { id: 'a', n: 1 },
      null,
      undefined,
    ]);
    await rig.pass(100);
    expect([await process.pending('a'), await process.pending('b'), rig.table.loads]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });
});

describe('without the buffer', () => {
  it.each<[string, keyof WriteBuffer, (entity: ReturnType<Rig['process']>['entity']) => Promise<unknown>]>([
    ['get', 'read', (entity) => entity.get('a')],
    ['getMany', 'read', (entity) => entity.getMany(['a', 'b'])],
    ['put', 'write', (entity) => entity.put({ id: 'a', n: 1 })],
    ['delete', 'write', (entity) => entity.delete('a')],
    ['patch', 'read', (entity) => entity.patch('a', (row) => row)],
    ['flush', 'dirty', (entity) => entity.flush()],
    ['forget', 'forget', (entity) => entity.forget(['a'])],
    ['stats', 'stats', (entity) => entity.stats()],
    ['deadLetters.list', 'letters', (entity) => entity.deadLetters.list()],
    ['deadLetters.replay', 'replay', (entity) => entity.deadLetters.replay()],
    ['deadLetters.discard', 'discard', (entity) => entity.deadLetters.discard(['a'])],
  ])('%s says that it is not available, and why', async (_, method, call) => {
    const rig = new Rig();
    const { entity } = rig.process();
    const cause = new CacheUnavailableError('script', new Error('connection lost'));
    jest.spyOn(rig.buffer, method).mockImplementation((() => Promise.reject(cause)) as never);
    const error: unknown = await call(entity).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE', cause });
  });
});

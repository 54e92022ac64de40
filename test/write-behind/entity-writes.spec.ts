import { describe, expect, it, jest } from '@jest/globals';
import { CacheUnavailableError } from '../../src/cache.errors.js';
import { deferred, settled } from '../engine/embedded-cache.js';
import { DatabaseError } from './fake-table.js';
import { ids, Rig, stateOf } from './rig.js';

describe('put and delete', () => {
  it('write to the buffer at once, and to the database in batches', async () => {
    const rig = new Rig();
    const { entity } = rig.process().start();
    for (const id of ids(5)) await entity.put({ id, n: 1 });
    for (const id of ids(5)) await entity.put({ id, n: 2 });
    await entity.delete('k0000');
    expect(rig.table.transactions).toEqual([]);
    await rig.pass(100);
    expect([rig.table.batches.length, [...rig.table.rows.keys()]]).toEqual([1, ids(5).slice(1)]);
    expect(rig.table.row('k0001')).toEqual({ id: 'k0001', n: 2 });
  });

  it('answer versions that grow with every write of the row', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    const versions = [
      await entity.put({ id: 'a', n: 1 }),
      await entity.delete('a'),
      await entity.put({ id: 'a', n: 2 }),
    ].map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => Number(a - b)));
    expect([new Set(versions).size, typeof versions[0]]).toEqual([3, 'bigint']);
  });

  it('wake somebody once for all writes of the flush delay', async () => {
    const rig = new Rig();
    const process = rig.process();
    for (const id of ids(5)) await process.entity.put({ id, n: 1 });
    expect(process.wakes).toEqual(['later']);
  });

  it('wake somebody at once when a batch is full', async () => {
    const rig = new Rig({ buffer: { batchSize: 5 } });
    const process = rig.process().start();
    for (const id of ids(5)) await process.entity.put({ id, n: 1 });
    expect(process.wakes).toEqual(['later', 'now']);
    await rig.pass(1);
    expect(rig.table.batches.length).toBe(1);
  });

  it('refuse a row or id that cannot be written, and take nothing', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    await expect(entity.put({ id: 'a' } as never)).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW' });
    await expect(entity.delete(7 as never)).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW' });
    expect((await entity.stats()).dirty).toBe(0);
  });

  it('let the last one of the same tick count', async () => {
    const rig = new Rig();
    const { entity } = rig.process().start();
    await Promise.all([entity.put({ id: 'a', n: 1 }), entity.delete('a'), entity.put({ id: 'a', n: 3 })]);
    await rig.pass(100);
    expect([rig.table.row('a'), rig.table.batches]).toEqual([{ id: 'a', n: 3 }, [['a']]]);
  });

  it('take nothing more once it is closed, but reads go on', async () => {
    const rig = new Rig();
    const process = rig.process();
    await process.entity.put({ id: 'a', n: 1 });
    process.close();
    const closed = { code: 'WRITE_BEHIND_UNAVAILABLE', message: expect.stringContaining('shutting down') };
    await expect(process.entity.put({ id: 'a', n: 2 })).rejects.toMatchObject(closed);
    await expect(process.entity.delete('a')).rejects.toMatchObject(closed);
    await expect(process.entity.patch('a', (row) => row)).rejects.toMatchObject(closed);
    expect(await process.entity.get('a')).toEqual({ id: 'a', n: 1 });
  });
});

describe("durability 'persisted'", () => {
  it('resolves when the database has the write, without waiting for the flush delay', async () => {
    const rig = new Rig({ buffer: { flushDelay: 5_000 } });
    const { entity } = rig.process();
    const stall = rig.table.stall('inside');
    const put = entity.put({ id: 'a', n: 1 }, { durability: 'persisted' });
    await stall.reached;
    await rig.pass(100);
    expect(await stateOf(put)).toBe('waiting');
    stall.go();
    await rig.pass(100);
    expect([(await put).version, rig.table.row('a')]).toEqual([expect.any(BigInt), { id: 'a', n: 1 }]);
  });

  it('rejects with what the database said if it refuses the row for good', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 1 } });
    const { entity } = rig.process();
    rig.table.refuse('data', 'a');
    const put = entity.put({ id: 'a', n: 1 }, { durability: 'persisted' }).catch((error: unknown) => error);
    await rig.pass(100);
    expect(await put).toMatchObject({ code: 'WRITE_BEHIND_DEAD_LETTER', reason: 'bad row a' });
  });

  it('rejects when it takes too long; the write is acknowledged all the same', async () => {
    const rig = new Rig();
    const { entity } = rig.process().start();
    rig.table.objection = () => new DatabaseError('transient');
    const writes = [
      entity.put({ id: 'a', n: 1 }, { durability: 'persisted', timeout: '300ms' }),
      entity.put({ id: 'b', n: 1 }, { durability: 'persisted' }),
    ].map((put) => put.catch((error: unknown) => error));
    await rig.pass(300);
    expect(await writes[0]).toMatchObject({ code: 'WRITE_BEHIND_TIMEOUT' });
    await rig.pass(4_699);
    expect(await stateOf(writes[1] as Promise<unknown>)).toBe('waiting');
    await rig.pass(1);
    expect(await writes[1]).toMatchObject({
      code: 'WRITE_BEHIND_TIMEOUT',
      message: expect.stringContaining('5000 ms'),
    });
    rig.table.objection = () => undefined;
    await rig.pass('1m');
    expect([...rig.table.rows.keys()]).toEqual(['a', 'b']);
  });

  it('goes for deletes and patches, too', async () => {
    const rig = new Rig();
    rig.table.rows.set('a', '{"id":"a","n":1}');
    const { entity } = rig.process();
    const patched = entity.patch('a', (row) => ({ ...row, n: row.n + 1 }), { durability: 'persisted' });
    await rig.pass(100);
    expect([await patched, rig.table.row('a')?.n]).toEqual([{ id: 'a', n: 2 }, 2]);
    const deleted = entity.delete('a', { durability: 'persisted' });
    await rig.pass(100);
    await deleted;
    expect(rig.table.rows.size).toBe(0);
  });

  it('resolves right after a run that was under way already, not only after the flush delay', async () => {
    const rig = new Rig({ buffer: { flushDelay: 60_000 } });
    const process = rig.process();
    await rig.put('before', 1);
    const stall = rig.table.stall('inside');
    const run = process.flush('Item', 0);
    await stall.reached;
    const puts = ['a', 'b', 'c'].map((id) => process.entity.put({ id, n: 1 }, { durability: 'persisted' }));
    await rig.pass(10);
    expect(rig.table.transactions.length).toBe(1);
    // In its last step: what became due meanwhile is not claimed by it any more.
    const release = rig.buffer.release.bind(rig.buffer);
    const end = deferred<void>();
    jest.spyOn(rig.buffer, 'release').mockImplementationOnce(async (...args) => {
      await end.promise;
      return release(...args);
    });
    stall.go();
    await settled();
    puts.push(process.entity.put({ id: 'd', n: 1 }, { durability: 'persisted' }));
    await settled();
    end.resolve();
    await run;
    await rig.pass(50);
    await Promise.all(puts);
    expect([...rig.table.rows.keys()]).toEqual(['before', 'a', 'b', 'c', 'd']);
    // All who asked meanwhile share one more run.
    expect(rig.table.batches.length).toBeLessThanOrEqual(3);
  });

  it('of many writes at once costs few transactions', async () => {
    const rig = new Rig({ buffer: { batchSize: 100 } });
    const { entity } = rig.process();
    const puts = ids(100).map((id) => entity.put({ id, n: 1 }, { durability: 'persisted' }));
    await rig.pass(1_000);
    await Promise.all(puts);
    expect(rig.table.transactions.length).toBeLessThan(5);
  });
});

describe("durability 'replicated'", () => {
  it('resolves when so many replicas have the write', async () => {
    const rig = new Rig({ entity: { replicas: 2 } });
    const replicated = jest.spyOn(rig.buffer, 'replicated').mockResolvedValue(2);
    await rig.process().entity.put({ id: 'a', n: 1 }, { durability: 'replicated', timeout: 70 });
    expect(replicated).toHaveBeenCalledWith(expect.any(Number), 2, 70);
  });

  it('rejects when too few do in time, or the buffer cannot be asked; the write is acknowledged all the same', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    const replicated = jest.spyOn(rig.buffer, 'replicated').mockResolvedValueOnce(0);
    const put = (): Promise<unknown> => entity.put({ id: 'a', n: 1 }, { durability: 'replicated' });
    await expect(put()).rejects.toMatchObject({ code: 'WRITE_BEHIND_TIMEOUT' });
    replicated.mockRejectedValueOnce(new CacheUnavailableError('WAIT'));
    await expect(put()).rejects.toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE' });
    expect(await rig.dirtyKeys()).toEqual(['a']);
  });
});

describe('flush', () => {
  it('resolves when what is pending is in the database, without waiting for the flush delay', async () => {
    const rig = new Rig({ buffer: { shards: 4, flushDelay: 60_000 } });
    const { entity } = rig.process();
    await Promise.all(ids(50).map((id) => entity.put({ id, n: 1 })));
    const flush = entity.flush();
    await rig.pass(100);
    await flush;
    expect([rig.table.rows.size, (await entity.stats()).dirty]).toEqual([50, 0]);
  });

  it('of ids flushes these and waits for no others', async () => {
    const rig = new Rig({ buffer: { flushDelay: 60_000, batchSize: 1 } });
    const { entity } = rig.process();
    for (const id of ['a', 'b', 'c']) await entity.put({ id, n: 1 });
    await rig.pass(10);
    rig.table.refuse('transient', 'a');
    const claim = rig.buffer.claim.bind(rig.buffer);
    // Nothing that is due later is taken along.
    jest.spyOn(rig.buffer, 'claim').mockImplementation((shard, options) => claim(shard, { ...options, ahead: 0 }));
    const flush = entity.flush({ ids: ['c', 'unknown'] });
    await rig.pass(100);
    await flush;
    expect(rig.table.batches).toEqual([['c']]);
  });

  it('resolves at once when nothing is pending, and asks the database nothing', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    await entity.flush();
    await entity.flush({ ids: [] });
    await entity.flush({ ids: ['a'] });
    expect(rig.table.transactions).toEqual([]);
  });

  it('resolves when a row became a dead letter: it is pending no more', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 1 } });
    const { entity } = rig.process();
    rig.table.refuse('data', 'a');
    await entity.put({ id: 'a', n: 1 });
    const flush = entity.flush();
    await rig.pass(100);
    await flush;
    expect((await entity.deadLetters.list()).length).toBe(1);
  });

  it('does not wait for what is written after it was called', async () => {
    const rig = new Rig();
    const { entity } = rig.process();
    await entity.put({ id: 'a', n: 1 });
    const flush = entity.flush();
    const stall = rig.table.stall('committed');
    await stall.reached;
    await entity.put({ id: 'a', n: 2 });
    await entity.put({ id: 'b', n: 1 });
    stall.go();
    await rig.pass(50);
    await flush;
    expect(await rig.dirtyKeys()).toEqual(['a', 'b']);
  });

  it('rejects when it takes longer than its own timeout, or 30 s; nothing is lost', async () => {
    const rig = new Rig();
    const { entity } = rig.process().start();
    rig.table.objection = () => new DatabaseError('transient');
    await entity.put({ id: 'a', n: 1 });
    const [short, usual] = [entity.flush({ timeout: '1s' }), entity.flush()].map((flush) =>
      flush.catch((error: unknown) => error),
    ) as [Promise<unknown>, Promise<unknown>];
    await rig.pass(1_000);
    expect([await short, await stateOf(usual)]).toMatchObject([{ code: 'WRITE_BEHIND_TIMEOUT' }, 'waiting']);
    await rig.pass(29_000);
    expect([await usual, await rig.dirtyKeys()]).toMatchObject([{ code: 'WRITE_BEHIND_TIMEOUT' }, ['a']]);
  });

  it('works while the shard rests after trouble', async () => {
    const rig = new Rig();
    const process = rig.process();
    await process.entity.put({ id: 'a', n: 1 });
    rig.table.fail(new DatabaseError('transient'));
    await process.flusher.flush(0);
    const flush = process.entity.flush();
    await rig.pass(5);
    await flush;
    expect(rig.table.row('a')?.n).toBe(1);
  });
});

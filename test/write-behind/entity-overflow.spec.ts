import { describe, expect, it, jest } from '@jest/globals';
import { CacheUnavailableError } from '../../src/cache.errors.js';
import type { WriteBehind } from '../../src/write-behind/write-behind.js';
import type { WriteBuffer } from '../../src/write-behind/write-buffer.js';
import { settled } from '../engine/embedded-cache.js';
import { DatabaseError, type Item } from './fake-table.js';
import { ids, type Process, Rig, type RigOptions, stateOf } from './rig.js';

type Overflow = 'block' | 'reject' | 'sync';

/** An entity whose only shard is full; nobody flushes it until the process is started. */
async function full(overflow: Overflow, maxEntries = 2, options: RigOptions = {}) {
  const rig = new Rig({ ...options, buffer: { maxEntries, ...options.buffer }, entity: { overflow } });
  const process = rig.process();
  for (const id of ids(maxEntries)) await process.entity.put({ id, n: 1 });
  return { rig, process, entity: process.entity };
}

/** In the order in which they were taken. */
function puts(entity: WriteBehind<Item, string>, keys: readonly string[], done: string[] = []): string[] {
  for (const id of keys) {
    entity.put({ id, n: 1 }).then(
      () => done.push(id),
      () => done.push(`${id}: refused`),
    );
  }
  return done;
}

/** The database takes one more row of those that are pending. */
async function free(rig: Rig): Promise<void> {
  const [[key, version] = ['', '']] = await rig.buffer.dirty(0);
  await rig.buffer.ack(0, [{ key, version }]);
}

const outOfMemory = (): Error =>
  new CacheUnavailableError('script', new Error("OOM command not allowed when used memory > 'maxmemory'."));

describe('a full buffer', () => {
  it.each<Overflow>(['block', 'reject', 'sync'])(
    'takes newer writes of rows that are pending (%s)',
    async (overflow) => {
      const { entity, rig } = await full(overflow);
      await entity.put({ id: 'k0000', n: 2 });
      await entity.delete('k0001');
      expect([await entity.get('k0000'), await entity.get('k0001')]).toEqual([{ id: 'k0000', n: 2 }, null]);
      expect(rig.table.transactions).toEqual([]);
    },
  );

  it.each<Overflow>(['block', 'reject', 'sync'])(
    'loses nothing and takes nothing of what it refuses (%s)',
    async (overflow) => {
      const { entity, rig, process } = await full(overflow);
      rig.table.objection = () => new DatabaseError('transient');
      const put = entity.put({ id: 'x', n: 1 }, { timeout: 200 }).catch((error: unknown) => error);
      await rig.pass('1s');
      expect(await put).toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW', entity: 'Item' });
      expect([await rig.dirtyKeys(), await entity.get('x')]).toEqual([['k0000', 'k0001'], null]);
      rig.table.objection = () => undefined;
      process.start();
      await process.sweep(true);
      await rig.pass('1m');
      expect([...rig.table.rows.keys()]).toEqual(['k0000', 'k0001']);
    },
  );
});

describe("overflow 'reject'", () => {
  it('refuses a row at once', async () => {
    const { entity, rig } = await full('reject');
    await expect(entity.put({ id: 'x', n: 1 })).rejects.toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
    await expect(entity.patch('x', (row) => row)).rejects.toMatchObject({ code: 'WRITE_BEHIND_CONFLICT' });
    expect(rig.table.transactions).toEqual([]);
  });

  it('counts a Redis without memory as full', async () => {
    const { entity, rig } = await full('reject');
    jest.spyOn(rig.buffer, 'write').mockRejectedValueOnce(outOfMemory());
    await expect(entity.put({ id: 'k0000', n: 2 })).rejects.toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
  });
});

describe("overflow 'block'", () => {
  it('waits for room, has the shard flushed, and then takes the row', async () => {
    const { entity, rig, process } = await full('block');
    process.start();
    const put = entity.put({ id: 'x', n: 1 });
    expect(await stateOf(put)).toBe('waiting');
    await rig.pass(40);
    expect((await put).version).toEqual(expect.any(BigInt));
    await rig.pass(200);
    expect([...rig.table.rows.keys()]).toEqual(['k0000', 'k0001', 'x']);
  });

  it('waits as long as writeTimeout, or as this write says', async () => {
    const { entity, rig } = await full('block');
    const [usual, short] = [entity.put({ id: 'x', n: 1 }), entity.delete('y', { timeout: '300ms' })].map((write) =>
      write.catch((error: Error) => error.message),
    ) as [Promise<unknown>, Promise<unknown>];
    await rig.pass(300);
    expect([await short, await stateOf(usual)]).toEqual([expect.stringContaining('after 300 ms'), 'waiting']);
    await rig.pass(4_700);
    expect(await usual).toContain('after 5000 ms');
  });

  it('takes a thousand writers in the order in which they came, and all of them end in the table', async () => {
    const { entity, rig, process } = await full('block', 100, { buffer: { batchSize: 100 } });
    rig.table.objection = () => new DatabaseError('outage');
    process.start();
    const keys = ids(1_100).slice(100);
    const done = puts(entity, keys);
    await rig.pass(2_000);
    expect([done, rig.table.rows.size]).toEqual([[], 0]);
    rig.table.objection = () => undefined;
    await rig.pass(2_900);
    expect(done).toEqual(keys);
    expect([...rig.table.rows.keys()].sort()).toEqual(ids(1_100));
  });

  it('lets nobody who comes later take the room that others wait for', async () => {
    const { entity, rig } = await full('block');
    const done = puts(entity, ['a', 'b']);
    await rig.pass(10);
    await free(rig);
    await free(rig);
    puts(entity, ['c'], done);
    await rig.pass(10);
    expect(done).toEqual(['a']);
    await rig.pass(20);
    expect(done).toEqual(['a', 'b']);
    await free(rig);
    await rig.pass(20);
    expect(done).toEqual(['a', 'b', 'c']);
  });

  it('takes newer writes of pending rows at once also while others wait', async () => {
    const { entity, rig } = await full('block');
    const done = puts(entity, ['a']);
    await rig.pass(10);
    await entity.put({ id: 'k0000', n: 2 });
    expect([done, (await entity.get('k0000'))?.n]).toEqual([[], 2]);
  });

  it('keeps the order of the writes of a row that waits', async () => {
    const { entity, rig } = await full('block');
    const writes = [entity.put({ id: 'a', n: 1 }), entity.delete('a')];
    await rig.pass(30); // between two tries
    writes.push(entity.put({ id: 'a', n: 3 }));
    await settled();
    await free(rig);
    await rig.pass(100);
    await Promise.all(writes);
    expect(await entity.get('a')).toEqual({ id: 'a', n: 3 });
  });

  it('waits also if Redis has no memory, and if it still has none at the next try', async () => {
    const { entity, rig } = await full('block', 10);
    await entity.delete('k0000');
    jest
      .spyOn(rig.buffer, 'write')
      .mockRejectedValueOnce(outOfMemory())
      .mockRejectedValueOnce(outOfMemory())
      .mockRejectedValueOnce(outOfMemory());
    const put = entity.put({ id: 'k0001', n: 2 });
    await rig.pass(30);
    expect(await stateOf(put)).toBe('waiting');
    await rig.pass(40);
    await put;
    expect((await entity.get('k0001'))?.n).toBe(2);
  });

  it('tells who waits when the buffer is not available', async () => {
    const { entity, rig } = await full('block');
    const put = entity.put({ id: 'x', n: 1 }).catch((error: unknown) => error);
    await settled();
    jest.spyOn(rig.buffer, 'write').mockRejectedValueOnce(new CacheUnavailableError('script'));
    await rig.pass(20);
    expect(await put).toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE' });
  });

  it('tells all who wait when the app shuts down, also those whose try was under way', async () => {
    const { entity, rig, process } = await full('block');
    const waiting = entity.put({ id: 'x', n: 1 }).catch((error: unknown) => error);
    await settled();
    const trying = entity.put({ id: 'y', n: 1 }).catch((error: unknown) => error);
    process.close();
    await rig.pass(20);
    const closed = { code: 'WRITE_BEHIND_UNAVAILABLE', message: expect.stringContaining('shutting down') };
    expect([await waiting, await trying]).toMatchObject([closed, closed]);
  });

  it('of a patch: the row may have changed when there is room at last, then it is patched anew', async () => {
    const { entity, rig } = await full('block');
    rig.table.rows.set('x', '{"id":"x","n":1}');
    const patch = entity.patch('x', (row) => ({ ...row, n: row.n + 1 }));
    await rig.pass(20);
    expect(await stateOf(patch)).toBe('waiting');
    await free(rig);
    const version = await rig.put('x', 10);
    await rig.pass(100);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await rig.pass(100);
    expect([await patch, BigInt(version) > 0n]).toEqual([{ id: 'x', n: 11 }, true]);
  });
});

describe("overflow 'sync'", () => {
  it('flushes the shard itself and then takes the row', async () => {
    const { entity, rig } = await full('sync', 2, { buffer: { flushDelay: 60_000 } });
    await entity.put({ id: 'x', n: 1 });
    expect([[...rig.table.rows.keys()], await rig.dirtyKeys()]).toEqual([['k0000', 'k0001'], ['x']]);
  });

  it.each<[string, (rig: Rig, process: Process) => void]>([
    ['the database is away', (_, { gate }) => gate.shut()],
    ['somebody else flushes', (rig) => void rig.buffer.claim(0, { owner: 'other', lease: 60_000, limit: 0, ahead: 0 })],
    ['the table has changed', ({ table }) => Object.assign(table, { objection: () => new DatabaseError('schema') })],
  ])('tries again now and then, not all the time, when there is nothing it can do: %s', async (_, happen) => {
    const rig = new Rig({ buffer: { maxEntries: 2 }, entity: { overflow: 'sync', writeTimeout: 1_000 } });
    rig.table.ping = () => Promise.reject(new DatabaseError('outage'));
    const process = rig.process();
    for (const id of ids(2)) await process.entity.put({ id, n: 1 });
    await rig.buffer.claim(0, { owner: 'other', lease: 1, limit: 1, ahead: 0 });
    happen(rig, process);
    const write = jest.spyOn(rig.buffer, 'write' satisfies keyof WriteBuffer);
    let tries = 0;
    const real = rig.buffer.hasten.bind(rig.buffer);
    // It must not spin: that would let nothing else happen in this process.
    jest.spyOn(rig.buffer, 'hasten').mockImplementation(async (...args) => {
      if (++tries > 1_000) throw new Error('It spins.');
      return real(...args);
    });
    const put = process.entity.put({ id: 'x', n: 1 }).catch((error: unknown) => error);
    await rig.pass(1_100);
    expect(await put).toMatchObject({ code: 'WRITE_BEHIND_OVERFLOW' });
    expect(write.mock.calls.length).toBeLessThan(100);
  });

  it('takes the row as soon as somebody made room', async () => {
    const { entity, rig, process } = await full('sync');
    process.gate.shut();
    const put = entity.put({ id: 'x', n: 1 });
    await rig.pass(40);
    await free(rig);
    await rig.pass(20);
    expect(await stateOf(put)).toBe('resolved');
  });

  it('says so when the buffer is not available', async () => {
    const { entity, rig } = await full('sync');
    jest.spyOn(rig.buffer, 'hasten').mockRejectedValueOnce(new CacheUnavailableError('script'));
    await expect(entity.put({ id: 'x', n: 1 })).rejects.toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE' });
  });

  it('ends when the app shuts down', async () => {
    const { entity, rig, process } = await full('sync');
    process.gate.shut();
    rig.table.ping = () => Promise.reject(new DatabaseError('outage'));
    const put = entity.put({ id: 'x', n: 1 }).catch((error: unknown) => error);
    await settled();
    process.close();
    await rig.pass(20);
    expect(await put).toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE' });
  });
});

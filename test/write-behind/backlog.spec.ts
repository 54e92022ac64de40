import { describe, expect, it, jest } from '@jest/globals';
import { Backlog } from '../../src/write-behind/backlog.js';
import type { Marked, Write } from '../../src/write-behind/write-buffer.js';
import { deferred, settled } from '../engine/embedded-cache.js';
import { ids, Rig, stateOf } from './rig.js';

const late = (): Error => new Error('too late');

function upsert(key: string, n = 0): Write {
  return { key, operation: 'upsert', payload: JSON.stringify({ id: key, n }) };
}

/** A shard with room for so many keys, all of it taken by k0000, k0001, ... */
async function fullShard(maxEntries = 2) {
  const rig = new Rig({ buffer: { maxEntries } });
  const backlog = new Backlog(rig.buffer, 0, rig.clock);
  const versions = new Map<string, string>();
  for (const id of ids(maxEntries)) versions.set(id, await rig.put(id));
  const tries = jest.spyOn(rig.buffer, 'write');
  /** In the order in which they were taken or refused. */
  const done: string[] = [];
  const add = (key: string, { n = 0, timeout = 60_000 } = {}): Promise<Marked> => {
    const marked = backlog.add(upsert(key, n), timeout, late);
    marked.then(
      () => done.push(`${key}=${n}`),
      (error: Error) => done.push(`${key}: ${error.message}`),
    );
    return marked;
  };
  /** Makes room for one key. */
  const free = async (): Promise<void> => {
    const [[key, version] = ['', '']] = await rig.buffer.dirty(0);
    await rig.buffer.ack(0, [{ key, version }]);
  };
  return { rig, backlog, tries, done, add, free };
}

/** A full shard that has just had room for one: the next two are tried at once. */
async function tryingTwo() {
  const shard = await fullShard();
  const { rig, tries, done, add, free } = shard;
  const first = add('first');
  await free();
  await rig.clock.advance(20);
  await first;
  done.length = 0;
  tries.mockClear();
  return shard;
}

describe('writers that wait for room', () => {
  it('are taken as soon as there is some', async () => {
    const { rig, backlog, add, free } = await fullShard();
    const waiting = add('x');
    await rig.clock.advance(1_000);
    expect([await stateOf(waiting), backlog.size]).toEqual(['waiting', 1]);
    await free();
    await rig.clock.advance(20);
    expect(await waiting).toMatchObject({ status: 'marked' });
    expect([backlog.size, (await rig.dirtyKeys()).includes('x')]).toEqual([0, true]);
  });

  it('are taken in the order in which they came, one for each place', async () => {
    const { rig, done, add, free } = await fullShard();
    const keys = ['e', 'a', 'd', 'c', 'b'];
    for (const key of keys) add(key).catch(() => undefined);
    for (let count = 1; count <= keys.length; count++) {
      await free();
      await rig.clock.advance(100);
      expect(done).toEqual(keys.slice(0, count).map((key) => `${key}=0`));
    }
  });

  it('keep their place when their try fails, before those who came during it', async () => {
    const { rig, tries, done, add, free } = await fullShard();
    const answer = deferred<Marked[]>();
    tries.mockReturnValueOnce(answer.promise);
    const waiting = [add('a'), add('b')];
    await rig.clock.advance(20);
    waiting.push(add('c'));
    answer.resolve([{ status: 'full' }, { status: 'full' }]);
    await settled();
    await free();
    await rig.clock.advance(20);
    expect(done).toEqual(['a=0']);
    await free();
    await free();
    await rig.clock.advance(20);
    await Promise.all(waiting);
    expect(done).toEqual(['a=0', 'b=0', 'c=0']);
  });

  it('share one timer and few commands, also when they are a thousand', async () => {
    const { rig, backlog, tries, done, add } = await fullShard(1_000);
    const after = jest.spyOn(rig.clock, 'after');
    const waiting = ids(2_000)
      .slice(1_000)
      .map((key) => add(key));
    // Each has its deadline, and one timer is for all.
    expect([after.mock.calls.length, after.mock.calls.filter(([delay]) => delay === 20).length]).toEqual([1_001, 1]);
    await rig.clock.advance(1_000);
    // One of them finds out whether there is room.
    expect(tries.mock.calls.map(([, writes]) => writes.length)).toEqual(Array(50).fill(1));
    const dirty = await rig.buffer.dirty(0);
    await rig.buffer.ack(
      0,
      [...dirty].map(([key, version]) => ({ key, version })),
    );
    tries.mockClear();
    await rig.clock.advance(440);
    await Promise.all(waiting);
    const sizes = tries.mock.calls.map(([, writes]) => writes.length);
    expect(sizes.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 64, 64]);
    expect(Math.max(...sizes)).toBe(64);
    expect([done, backlog.size]).toEqual([
      ids(2_000)
        .slice(1_000)
        .map((key) => `${key}=0`),
      0,
    ]);
    after.mockClear();
    await rig.clock.advance('1m');
    expect(after).not.toHaveBeenCalled();
  });

  it('hear that there was no room in time, each at its own time', async () => {
    const { rig, backlog, done, add, free } = await fullShard();
    for (const [key, timeout] of [
      ['a', 300],
      ['b', 100],
      ['c', 5_000],
    ] as const)
      add(key, { timeout }).catch(() => undefined);
    await rig.clock.advance(300);
    expect([done, backlog.size]).toEqual([['b: too late', 'a: too late'], 1]);
    await free();
    await rig.clock.advance(20);
    expect(done).toEqual(['b: too late', 'a: too late', 'c=0']);
    expect(await rig.dirtyKeys()).toEqual(['c', 'k0001']);
  });

  it('whose time ends during a try are taken if there was room, and too late if there was none', async () => {
    const { rig, tries, done, add } = await tryingTwo();
    const answer = deferred<Marked[]>();
    tries.mockReturnValueOnce(answer.promise);
    const [taken, refused] = [add('a', { timeout: 50 }), add('b', { timeout: 50 })];
    refused.catch(() => undefined);
    await rig.clock.advance(100);
    expect(done).toEqual([]);
    answer.resolve([{ status: 'marked', version: '7', wake: 'no' }, { status: 'full' }]);
    expect(await taken).toMatchObject({ version: '7' });
    await expect(refused).rejects.toThrow('too late');
    await rig.clock.advance('1m');
    expect([done.length, tries.mock.calls.length]).toEqual([2, 1]);
  });

  it('hear of a conflict at once, instead of waiting for room', async () => {
    const { rig, backlog } = await fullShard();
    const marked = backlog.add({ ...upsert('x'), expected: 'v1' }, 60_000, late);
    await rig.clock.advance(20);
    expect(await marked).toEqual({ status: 'conflict' });
  });

  it('hear it when the buffer cannot be asked, and those behind them go on', async () => {
    const { rig, tries, add, done, free } = await fullShard();
    tries.mockRejectedValueOnce(new Error('no Redis'));
    for (const key of ['a', 'b', 'c']) add(key).catch(() => undefined);
    await rig.clock.advance(20);
    expect(done).toEqual(['a: no Redis']);
    await free();
    await rig.clock.advance(20);
    expect(done).toEqual(['a: no Redis', 'b=0']);
  });
});

describe('writers to one key that wait', () => {
  it('are taken in their order, and the last one counts', async () => {
    const { rig, done, add, free } = await fullShard();
    const waiting = [1, 2, 3].map((n) => add('x', { n }));
    await free();
    await rig.clock.advance(200);
    await Promise.all(waiting);
    expect(done).toEqual(['x=1', 'x=2', 'x=3']);
    expect(await rig.buffer.read(0, ['x'])).toMatchObject([{ write: { payload: '{"id":"x","n":3}' } }]);
  });

  it('never overtake each other, also if the first one needs more room than there is', async () => {
    const rig = new Rig({ buffer: { maxBytes: 1_000 } });
    const backlog = new Backlog(rig.buffer, 0, rig.clock);
    const version = await rig.put('k');
    const first = backlog.add({ ...upsert('x'), payload: 'x'.repeat(850) }, 60_000, late);
    const second = backlog.add({ ...upsert('x'), payload: 'small' }, 60_000, late);
    await rig.clock.advance(100);
    expect([await stateOf(first), await stateOf(second)]).toEqual(['waiting', 'waiting']);
    await rig.buffer.ack(0, [{ key: 'k', version }]);
    await rig.clock.advance(100);
    await Promise.all([first, second]);
    expect(await rig.buffer.read(0, ['x'])).toMatchObject([{ write: { payload: 'small' } }]);
  });

  it('are known, also while they are being tried', async () => {
    const { rig, backlog, tries, add } = await fullShard();
    const answer = deferred<Marked[]>();
    tries.mockReturnValueOnce(answer.promise);
    add('x').catch(() => undefined);
    expect([backlog.has('x'), backlog.has('y')]).toEqual([true, false]);
    await rig.clock.advance(20);
    expect([backlog.has('x'), backlog.size]).toEqual([true, 1]);
    answer.resolve([{ status: 'marked', version: '7', wake: 'no' }]);
    await settled();
    expect([backlog.has('x'), backlog.size]).toEqual([false, 0]);
  });
});

describe('closing', () => {
  it('tells all who wait, at once, and tries no more', async () => {
    const { rig, backlog, tries, done, add } = await fullShard();
    for (const key of ['a', 'b']) add(key).catch(() => undefined);
    backlog.close(() => new Error('closed'));
    await settled();
    expect(done).toEqual(['a: closed', 'b: closed']);
    await rig.clock.advance('1m');
    expect(tries).not.toHaveBeenCalled();
  });

  it('tells those who are being tried as soon as that is known, and takes nobody after them', async () => {
    const { rig, backlog, tries, done, add } = await tryingTwo();
    const answer = deferred<Marked[]>();
    tries.mockReturnValueOnce(answer.promise);
    for (const key of ['a', 'b']) add(key).catch(() => undefined);
    await rig.clock.advance(20);
    backlog.close(() => new Error('closed'));
    answer.resolve([{ status: 'marked', version: '7', wake: 'no' }, { status: 'full' }]);
    await settled();
    expect(done).toEqual(['a=0', 'b: closed']);
    await expect(backlog.add(upsert('c'), 60_000, late)).rejects.toThrow('closed');
    await rig.clock.advance('1m');
    expect(tries).toHaveBeenCalledTimes(1);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Parents } from '../../src/write-behind/parents.js';
import { settled } from '../engine/embedded-cache.js';
import { DatabaseError } from './fake-table.js';
import { LEASE, type Process, Rig, type RigOptions, stateOf } from './rig.js';

const PATIENCE = 2_500;

/** A parent of which one process flushes as the children's process would, and what the children do. */
function family(options: RigOptions = {}) {
  const rig = new Rig(options);
  const process = rig.process();
  const wakes: [number, number][] = [];
  const flushed: number[] = [];
  const of = (flushes: Process) => ({
    shards: rig.bufferOptions.shards,
    flushDelay: rig.bufferOptions.flushDelay,
    buffer: rig.buffer,
    paused: () => flushes.flusher.paused,
    flush: (shard: number) => {
      flushed.push(shard);
      return flushes.flusher.flush(shard);
    },
    wake: (shard: number, delay: number) => void wakes.push([shard, delay]),
  });
  return { rig, process, wakes, flushed, parents: new Parents([of(process)], PATIENCE, 2, rig.clock) };
}

describe('who refers to rows that are pending', () => {
  it('does not wait where nothing is pending', async () => {
    const { rig, parents } = family();
    expect(await parents.written()).toBe(false);
    expect(rig.table.transactions).toEqual([]);
  });

  it('has them written at once, before they are due, in all shards', async () => {
    const { rig, parents } = family({ buffer: { shards: 4, flushDelay: 60_000 } });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await rig.putAll(keys);
    expect(await parents.written()).toBe(true);
    expect([...rig.table.rows.keys()].sort()).toEqual(keys.sort());
    expect(rig.table.transactions).toHaveLength(4);
  });

  it('waits for another process that writes them', async () => {
    const { rig, parents } = family();
    await rig.put('a');
    const stall = rig.table.stall('inside');
    const other = rig.process().flusher.flush(0);
    await stall.reached;
    const written = parents.written();
    await rig.pass(500);
    expect(await stateOf(written)).toBe('waiting');
    stall.go();
    await other;
    await rig.pass(20);
    expect(await written).toBe(true);
    expect(rig.table.batches).toEqual([['a']]);
  });

  it('waits for what was pending then, not for what is written again and again', async () => {
    const { rig, parents } = family();
    await rig.put('a', 1);
    let n = 1;
    rig.table.hook = async (point) => {
      if (point === 'inside') await rig.put('a', ++n);
    };
    const written = parents.written();
    await rig.pass(20);
    expect(await written).toBe(true);
    expect([rig.table.row('a')?.n, await rig.dirtyKeys()]).toEqual([n - 1, ['a']]);
  });

  it('waits for a new row that is written again before its first flush', async () => {
    const { rig, parents } = family();
    await rig.put('a', 1);
    const other = await rig.claim('other', { lease: 100 });
    const written = parents.written();
    await rig.pass(20);
    await rig.put('a', 2);
    expect([other.status, await stateOf(written)]).toEqual(['claimed', 'waiting']);
    await rig.pass(100);
    expect([await written, rig.table.row('a')?.n]).toEqual([true, 2]);
  });

  it('does not wait for rows that were refused, nor for dead letters', async () => {
    const { rig, process, parents } = family({ buffer: { rowAttempts: 2 } });
    await rig.put('bad');
    await rig.put('good');
    rig.table.refuse('data', 'bad');
    expect(await parents.written()).toBe(true);
    expect([rig.table.row('good')?.id, await rig.dirtyKeys()]).toEqual(['good', ['bad']]);
    expect(await parents.written()).toBe(false);
    await rig.clock.advance(60_000);
    await process.flusher.flush(0, true);
    expect([await rig.dirtyKeys(), process.reports.letters.length, await parents.written()]).toEqual([[], 1, false]);
  });

  it('does not wait for an entity whose table is not what it was', async () => {
    const { rig, process, parents } = family();
    await rig.put('a');
    process.flusher.paused = 'column gone';
    expect(await parents.written()).toBe(false);
  });

  it.each(['outage', 'transient'] as const)('waits only so long when the database is in trouble: %s', async (kind) => {
    const { rig, flushed, parents } = family();
    await rig.put('a');
    rig.table.hook = () => {
      throw new DatabaseError(kind);
    };
    const written = parents.written();
    await rig.pass(PATIENCE - 1);
    expect(await stateOf(written)).toBe('waiting');
    await rig.clock.advance(1);
    expect([await written, await rig.dirtyKeys()]).toEqual([true, ['a']]);
    const tries = flushed.length;
    await rig.clock.advance(10_000);
    expect(flushed).toHaveLength(tries);
  });

  it('waits only so long for a shard whose owner has stopped', async () => {
    const { rig, parents } = family();
    await rig.put('a');
    await rig.claim('stopped');
    const written = parents.written();
    await rig.pass(PATIENCE);
    expect([await written, await rig.dirtyKeys()]).toEqual([true, ['a']]);
  });

  it('leaves what is left over to a wake-up', async () => {
    const { rig, wakes, parents } = family();
    await rig.put('a', 1);
    rig.table.hook = async (point) => {
      if (point === 'inside') await rig.put('a', 2);
    };
    const written = parents.written();
    await rig.pass(20);
    await written;
    expect(wakes).toEqual([[0, rig.bufferOptions.flushDelay]]);
  });

  it('flushes only a few shards at the same time', async () => {
    const { rig, parents } = family({ buffer: { shards: 8 } });
    await rig.putAll(Array.from({ length: 40 }, (_, i) => `k${i}`));
    let [now, most] = [0, 0];
    rig.table.hook = async (point) => {
      if (point === 'begin') most = Math.max(most, ++now);
      await settled();
      if (point === 'committed') now--;
    };
    const all = [parents.written(), parents.written()];
    await rig.pass(1_000);
    await Promise.all(all);
    expect([most, rig.table.rows.size]).toEqual([2, 40]);
  });

  it('flushes nothing more for those who have waited long enough', async () => {
    const { rig, flushed, parents } = family({ buffer: { shards: 8 } });
    await rig.putAll(Array.from({ length: 40 }, (_, i) => `k${i}`));
    const stalls = [rig.table.stall('begin'), rig.table.stall('begin')];
    const written = parents.written();
    await rig.pass(PATIENCE);
    expect([await written, flushed.length]).toEqual([true, 2]);
    for (const stall of stalls) stall.go();
    await rig.pass(100);
    expect(flushed).toHaveLength(2);
  });
});

describe('a batch of rows that refer to others', () => {
  /** `asked` counts how often it waits; a wait takes what `wait` takes. */
  function child(wait: () => Promise<boolean>) {
    let asked = 0;
    const rig = new Rig();
    const parents = {
      written: () => {
        asked++;
        return wait();
      },
    };
    return { rig, process: rig.process(rig.table, parents), asked: () => asked };
  }

  it('is written after them', async () => {
    let go = (): void => undefined;
    const { rig, process } = child(() => new Promise((resolve) => (go = () => resolve(true))));
    await rig.put('a');
    const flushing = process.flusher.flush(0, true);
    await settled();
    expect(rig.table.transactions).toEqual([]);
    go();
    await flushing;
    expect([rig.table.row('a')?.id, await rig.dirtyKeys()]).toEqual(['a', []]);
  });

  it('asks once for each batch, and not for one of deletes alone', async () => {
    const { rig, process, asked } = child(async () => false);
    await rig.putAll(Array.from({ length: 25 }, (_, i) => `k${i}`));
    await rig.clock.advance(rig.bufferOptions.flushDelay);
    await process.flusher.flush(0, true);
    expect(asked()).toBe(3);
    await rig.remove('k1');
    await process.flusher.flush(0, true);
    expect([asked(), rig.table.row('k1')]).toEqual([3, null]);
  });

  it('is left to another process that has taken the shard while it waited', async () => {
    const { rig, process } = child(async () => {
      await rig.clock.advance(LEASE + 1);
      await rig.claim('other');
      return true;
    });
    await rig.put('a');
    await process.flusher.flush(0, true);
    expect([rig.table.transactions, await rig.dirtyKeys()]).toEqual([[], ['a']]);
  });

  it('has a whole lease for its statement after a wait', async () => {
    const { rig, process } = child(async () => {
      await rig.clock.advance(LEASE - 1);
      return true;
    });
    await rig.put('a');
    const stall = rig.table.stall('inside');
    const flushing = process.flusher.flush(0, true);
    await stall.reached;
    await rig.clock.advance(LEASE - 1);
    expect((await rig.claim('other')).status).toBe('refused');
    stall.go();
    await flushing;
    expect(rig.table.batches).toEqual([['a']]);
  });
});

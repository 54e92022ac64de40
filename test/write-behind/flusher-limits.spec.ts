import { describe, expect, it } from '@jest/globals';
import { settled } from '../engine/embedded-cache.js';
import { DatabaseError, FakeTable } from './fake-table.js';
import { ids, type Process, Rig } from './rig.js';

/** The database takes no transaction of more rows than that. */
function takeAtMost(rig: Rig, rows: number, kind: 'transient' | 'outage' = 'transient'): void {
  rig.table.hook = (point, { keys }) => {
    if (point === 'inside' && keys.length > rows) throw new DatabaseError(kind, 'canceling statement due to timeout');
  };
}

/** How many rows each transaction since then had. */
function sizesOf(rig: Rig, since = 0): number[] {
  return rig.table.transactions.slice(since).map(({ keys }) => keys.length);
}

/** A table as a process sees it that has no connection to the database, while others have. */
function withoutConnection(table: FakeTable): FakeTable {
  const write = () => Promise.reject(new DatabaseError('transient', 'timeout while waiting for a connection'));
  return Object.assign(Object.create(table) as FakeTable, { write });
}

describe('a batch that takes the database too long', () => {
  it.each(['transient', 'outage'] as const)('is halved until it goes through (%s)', async (kind) => {
    const rig = new Rig({ buffer: { batchSize: 100 } });
    await rig.putAll(ids(250));
    await rig.clock.advance(200);
    takeAtMost(rig, 10, kind);
    void rig.process().start().flush('Item', 0);
    await rig.pass('2s');
    expect(sizesOf(rig).slice(0, 5)).toEqual([100, 50, 25, 12, 6]);
    expect(rig.table.committed[0]?.keys).toEqual(ids(6));
    await rig.pass('1m');
    expect([await rig.dirtyKeys(), rig.table.rows.size]).toEqual([[], 250]);
  });

  it('grows again with each success, up to the batch size', async () => {
    const rig = new Rig({ buffer: { batchSize: 50 } });
    await rig.putAll(ids(600));
    await rig.clock.advance(200);
    const { flusher } = rig.process();
    takeAtMost(rig, 0);
    for (let i = 0; i < 8; i++) await flusher.flush(0, true);
    expect(sizesOf(rig)).toEqual([50, 25, 12, 6, 3, 1, 1, 1]);
    takeAtMost(rig, 1_000);
    await flusher.flush(0, true);
    const sizes = sizesOf(rig, 8).slice(0, -1);
    expect(sizes[0]).toBe(1);
    expect(sizes.indexOf(50)).toBeGreaterThan(0);
    // Each success makes the next one greater, but not by more than twice.
    const growth = sizes.slice(1).map((size, i) => size / (sizes[i] as number));
    expect(growth.every((factor, i) => (factor > 1 || sizes[i] === 50) && factor <= 2)).toBe(true);
  });

  it('is written in the end, whatever number of rows the database takes at once', async () => {
    const rig = new Rig({ buffer: { batchSize: 64 } });
    await rig.putAll(ids(200));
    takeAtMost(rig, 5);
    const process = rig.process().start();
    void process.flush('Item', 0);
    await rig.pass('1m');
    expect([await rig.dirtyKeys(), rig.table.rows.size, process.reports.letters]).toEqual([[], 200, []]);
  });

  it('says nothing about the batches of other shards, or of other processes', async () => {
    const rig = new Rig({ buffer: { shards: 2, batchSize: 10 } });
    await rig.putAll(ids(60));
    await rig.clock.advance(200);
    const [one, other] = [rig.process(), rig.process()];
    rig.table.fail(new DatabaseError('transient'));
    await one.flusher.flush(0);
    await one.flusher.flush(1);
    await other.flusher.flush(0);
    expect([rig.table.transactions[0]?.outcome, rig.table.rows.size]).toEqual(['failed', 60]);
    expect(sizesOf(rig).filter((size) => size === 5)).toEqual([]);
  });
});

describe('a search for bad rows', () => {
  it('makes room for other shards after the budget of a run, and leaves the rest due', async () => {
    const rig = new Rig({ buffer: { batchSize: 64, rowAttempts: 1 } });
    await rig.putAll(ids(64));
    await rig.clock.advance(100);
    rig.table.refuse('data', ...ids(64));
    rig.table.hook = (point) => (point === 'inside' ? rig.clock.advance(500) : undefined);
    const process = rig.process();
    expect(await process.flusher.flush(0)).toBe(0);
    // Down to one row, so that each run settles something.
    expect(sizesOf(rig)).toEqual([64, 32, 16, 8, 4, 2, 1]);
    expect([await rig.dirtyKeys(), process.reports.letters]).toEqual([ids(64).slice(1), ['k0000: bad row k0000']]);
    expect((await rig.claim('other')).status).toBe('claimed');
  });
});

describe('a process without a free connection to the database', () => {
  const stuck = (rig: Rig): Process => rig.process(withoutConnection(rig.table));

  it('does not keep another one from flushing the shard', async () => {
    const rig = new Rig();
    const [one, other] = [stuck(rig), rig.process()];
    for (const id of ids(50)) {
      await rig.put(id, 1);
      await rig.clock.advance(100);
      await one.flusher.flush(0);
      await other.flusher.flush(0);
      expect(rig.table.row(id)?.n).toBe(1);
    }
    expect(one.reports.retries.length).toBeGreaterThan(1);
  });

  it('does not keep writers of another one waiting until they are in the database', async () => {
    const rig = new Rig({ buffer: { flushDelay: 60_000 } });
    const [one, other] = [stuck(rig).start(), rig.process().start()];
    for (const id of ids(20)) {
      void one.entity.put({ id: `${id} of one`, n: 1 }, { durability: 'persisted' });
      await settled();
      const put = other.entity.put({ id, n: 1 }, { durability: 'persisted' });
      await rig.pass(20);
      await put;
    }
    expect([other.reports.retries, one.reports.batches]).toEqual([[], []]);
  });

  it('asks less and less often itself', async () => {
    const rig = new Rig();
    const one = stuck(rig).start();
    await one.entity.put({ id: 'a', n: 1 });
    await rig.pass('5m');
    expect(one.reports.retries.length).toBeLessThan(30);
    expect(await rig.dirtyKeys()).toEqual(['a']);
  });
});

describe('a database that answers a question, but refuses every batch as if it were away', () => {
  it('is asked less and less often, and has all rows soon after it is well again', async () => {
    const rig = new Rig();
    const times: number[] = [];
    rig.table.hook = (point) => {
      if (point !== 'begin') return;
      times.push(rig.clock.now());
      throw new DatabaseError('outage', 'the database system is in recovery mode');
    };
    const process = rig.process().start();
    await process.entity.put({ id: 'a', n: 1 });
    await rig.pass('10m');
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    expect(gaps.slice(0, 5)).toEqual([100, 200, 400, 800, 1_600]);
    expect(gaps.slice(-10).every((gap) => gap >= 29_000)).toBe(true);
    rig.table.hook = () => undefined;
    await rig.pass(31_000);
    expect([rig.table.row('a')?.n, process.gate.open]).toEqual([1, true]);
  });

  it('is asked by one shard after the other, not by each of them in its own time', async () => {
    const rig = new Rig({ buffer: { shards: 16 } });
    await rig.putAll(ids(200));
    const process = rig.process().start();
    rig.table.hook = (point) => {
      if (point === 'begin') throw new DatabaseError('outage');
    };
    for (let shard = 0; shard < 16; shard++) process.wakeUps.wake('Item', shard, 100);
    await rig.pass(10_000);
    // At 100, then with each opening of the gate: 200, 400, ... 2,000 later.
    expect(rig.table.transactions.length).toBeLessThan(16 + 10);
    rig.table.hook = () => undefined;
    await rig.pass('1m');
    expect(rig.table.rows.size).toBe(200);
  });

  it('is asked soon again by the next outage, once a batch was written', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    await rig.put('a');
    rig.table.fail(...Array.from({ length: 4 }, () => new DatabaseError('outage')));
    await process.flush('Item', 0);
    await rig.pass(10_000);
    expect(await rig.dirtyKeys()).toEqual([]);
    await rig.put('b');
    await rig.clock.advance(200);
    rig.table.fail(new DatabaseError('outage'));
    expect(await process.flusher.flush(0)).toBe(50);
    expect(process.gate.retryIn).toBe(100);
  });
});

describe('a row that was refused', () => {
  it('keeps its attempts, however often others have the shard flushed at once', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 3, flushDelay: 60_000 } });
    const { entity, reports } = rig.process();
    rig.table.refuse('data', 'bad');
    void entity.put({ id: 'bad', n: 1 }, { durability: 'persisted' }).catch(() => undefined);
    await settled();
    const tries = () => rig.table.transactions.filter(({ keys }) => keys.includes('bad')).length;
    expect(tries()).toBe(1);
    const waiting: Promise<unknown>[] = [];
    // Less than its first wait, of 250 ms.
    for (const id of ids(40)) {
      await entity.put({ id, n: 1 });
      waiting.push(entity.flush({ timeout: 1_000 }), entity.flush({ ids: ['bad'], timeout: 1_000 }));
      await rig.pass(6);
      expect(rig.table.row(id)?.n).toBe(1);
    }
    expect([tries(), reports.letters]).toEqual([1, []]);
    void Promise.allSettled(waiting);
  });
});

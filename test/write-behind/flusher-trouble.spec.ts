import { describe, expect, it } from '@jest/globals';
import { DatabaseError, type FakeTable } from './fake-table.js';
import { ids, type Process, Rig } from './rig.js';

/** Flushes when the rest of the shard is over, and not before, which is to last so long each time. */
async function expectRests(rig: Rig, { flusher }: Process, rests: readonly number[]): Promise<void> {
  await flusher.flush(0, true);
  for (const rest of rests) {
    const { length } = rig.table.transactions;
    await rig.clock.advance(rest - 1);
    expect([rest, await flusher.flush(0), rig.table.transactions.length]).toEqual([rest, 1, length]);
    await rig.clock.advance(1);
    await flusher.flush(0);
    expect(rig.table.transactions.length).toBe(length + 1);
  }
}

function failAlways(table: FakeTable, kind: DatabaseError['kind']): void {
  table.objection = () => new DatabaseError(kind);
}

function heal(table: FakeTable): void {
  table.objection = () => undefined;
}

describe('a batch that the database does not take for reasons of its own', () => {
  it('stays dirty, and charges no row an attempt', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 2 } });
    await rig.putAll(['a', 'b']);
    const process = rig.process();
    rig.table.fail(...Array.from({ length: 20 }, () => new DatabaseError('transient')));
    for (let i = 0; i < 20; i++) await process.flusher.flush(0, true);
    expect(await rig.dirtyKeys()).toEqual(['a', 'b']);
    expect(process.reports).toMatchObject({ letters: [], batches: [], retries: Array(20).fill('transient') });
    rig.table.refuse('data', 'a');
    await rig.clock.advance(200);
    await process.flusher.flush(0, true);
    // The first attempt of two.
    expect([await rig.dirtyKeys(), await rig.buffer.letters(0)]).toEqual([['a'], []]);
  });

  it('lets the shard rest for longer each time, up to 30 s', async () => {
    const rig = new Rig();
    await rig.put('a');
    failAlways(rig.table, 'transient');
    const rests = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, ...Array<number>(40).fill(30_000)];
    await expectRests(rig, rig.process(), rests);
    expect(await rig.dirtyKeys()).toEqual(['a']);
  });

  it('spreads these pauses between half and all of their length', async () => {
    for (const [share, expected] of [
      [0, [50, 100, 200]],
      [0.5, [38, 75, 150]],
      [1, [25, 50, 100]],
    ] as const) {
      const rig = new Rig();
      await rig.put('a');
      const process = rig.process();
      process.share = share;
      failAlways(rig.table, 'transient');
      await expectRests(rig, process, expected);
    }
  });

  it('is written with care until batches of all their size go through again', async () => {
    const rig = new Rig({ buffer: { batchSize: 4 } });
    const { flusher } = rig.process();
    const careOf = async (): Promise<boolean | undefined> => {
      await rig.put('a');
      await flusher.flush(0, true);
      return rig.table.transactions.at(-1)?.careful;
    };
    expect(await careOf()).toBe(false);
    rig.table.fail(new DatabaseError('transient'));
    expect([await careOf(), await careOf(), await careOf(), await careOf()]).toEqual([false, true, true, false]);
  });

  it('hands the shard on soon, however long it rests: others may have no trouble', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.clock.advance(200);
    failAlways(rig.table, 'transient');
    const { flusher } = rig.process();
    const answers: (number | undefined)[] = [];
    for (let i = 0; i < 6; i++) answers.push(await flusher.flush(0, true));
    expect(answers).toEqual([50, 100, 200, 400, 500, 500]);
    expect(await flusher.flush(0)).toBe(500);
    await rig.clock.advance(1_500);
    expect(await flusher.flush(0)).toBe(100);
    expect(rig.table.transactions.length).toBe(6);
  });

  it('does not keep another process from flushing the shard, or anybody from claiming it', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.clock.advance(200);
    const [one, other] = [rig.process(), rig.process()];
    rig.table.fail(new DatabaseError('transient'));
    expect(await one.flusher.flush(0)).toBe(50);
    expect(rig.table.transactions.length).toBe(1);
    await other.flusher.flush(0);
    expect(rig.table.batches).toEqual([['a']]);
  });

  it('is written as soon as the trouble is over, and the next trouble begins with a short pause', async () => {
    const rig = new Rig();
    await rig.put('a');
    const process = rig.process().start();
    failAlways(rig.table, 'transient');
    await process.flush('Item', 0);
    await rig.clock.advance(1_000);
    expect(process.reports.retries.length).toBe(5); // at 0, 100 (the rest of the delay), then 100, 200, 400 later
    heal(rig.table);
    await rig.clock.advance(1_000);
    expect([await rig.dirtyKeys(), rig.table.row('a')?.id]).toEqual([[], 'a']);
    await rig.put('b');
    await rig.clock.advance(200);
    rig.table.fail(new DatabaseError('transient'));
    expect(await process.flusher.flush(0)).toBe(50);
  });

  it('is written right after the rest of the shard, also if it is asked for during the rest', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    await process.entity.put({ id: 'a', n: 1 });
    rig.table.fail(...Array.from({ length: 4 }, () => new DatabaseError('transient')));
    process.wakeUps.wake('Item', 0, 0);
    await process.flush('Item', 0, true);
    await rig.clock.advance(10);
    process.wakeUps.wake('Item', 0, 0);
    await rig.clock.advance(50 + 100 + 200 + 400);
    expect([rig.table.batches, process.reports.retries.length]).toEqual([[['a']], 4]);
  });

  it('keeps what was written of it before, when the trouble comes while bad rows are looked for', async () => {
    const rig = new Rig({ buffer: { batchSize: 4, rowAttempts: 1, flushDelay: 1_000 } });
    await rig.putAll(['a', 'b', 'c', 'd']);
    await rig.clock.advance(1_000);
    rig.table.refuse('data', 'd');
    rig.table.hook = (point, { keys }) => {
      if (point === 'inside' && keys.join() === 'c,d') throw new DatabaseError('transient');
    };
    const process = rig.process();
    await process.flusher.flush(0);
    expect([rig.table.batches, await rig.dirtyKeys()]).toEqual([[['a', 'b']], ['c', 'd']]);
    rig.table.hook = () => undefined;
    await process.flusher.flush(0, true);
    expect([rig.table.row('c')?.id, process.reports.letters]).toEqual(['c', ['d: bad row d']]);
  });

  it('does not end the rest of other shards', async () => {
    const rig = new Rig({ buffer: { shards: 2 } });
    const keys = [0, 1].map((shard) => ids(20).find((id) => rig.shardOf(id) === shard) as string);
    await rig.putAll(keys);
    await rig.clock.advance(200);
    const { flusher } = rig.process();
    rig.table.objection = ({ key }) => (key === keys[0] ? new DatabaseError('transient') : undefined);
    expect([await flusher.flush(0), await flusher.flush(1), await flusher.flush(0, true)]).toEqual([
      50,
      undefined,
      100,
    ]);
  });
});

describe('a database that does not answer', () => {
  it('shuts the gate: nothing is claimed by this process, for no shard, also not by force', async () => {
    const rig = new Rig({ buffer: { shards: 4 } });
    await rig.putAll(ids(20));
    const process = rig.process();
    rig.table.fail(new DatabaseError('outage'));
    expect(await process.flusher.flush(0)).toBeDefined();
    expect(process.gate.open).toBe(false);
    for (const shard of [0, 1, 2, 3]) {
      expect(await process.flusher.flush(shard, true)).toBe(100);
      // Not claimed: another process gets it at once.
      const claim = await rig.buffer.claim(shard, { owner: 'other', lease: 10_000, limit: 1, ahead: 0 });
      expect(claim.status).toBe('claimed');
    }
    expect([rig.table.transactions.length, process.reports.retries]).toEqual([1, ['outage']]);
  });

  it('is asked by one small question, and all shards are flushed once it is back', async () => {
    const rig = new Rig({ buffer: { shards: 4, rowAttempts: 1 } });
    const keys = ids(20);
    await rig.putAll(keys);
    const process = rig.process().start();
    const ping = rig.table.ping.bind(rig.table);
    rig.table.ping = () => ping().then(() => Promise.reject(new DatabaseError('outage')));
    failAlways(rig.table, 'outage');
    await Promise.all([0, 1, 2, 3].map((shard) => process.flush('Item', shard)));
    const before = rig.table.transactions.length;
    expect(before).toBeLessThanOrEqual(4);
    await rig.clock.advance(10_000);
    expect(rig.table.transactions.length).toBe(before);
    expect(rig.table.pings).toBeLessThan(12);
    heal(rig.table);
    rig.table.ping = ping;
    await rig.clock.advance(2_000);
    expect([process.gate.open, rig.table.rows.size]).toEqual([true, keys.length]);
    expect(process.reports.letters).toEqual([]);
  });

  it('makes no shard rest for longer than the first question takes, so that all of it is written then', async () => {
    const rig = new Rig();
    await rig.put('a');
    const process = rig.process();
    rig.table.fail(new DatabaseError('outage'));
    await process.flusher.flush(0);
    await rig.clock.advance(100);
    expect([process.gate.open, rig.table.batches]).toEqual([true, [['a']]]);
  });
});

describe('a table that is not what it was', () => {
  it('pauses the entity: nothing is claimed or refused until somebody looked at it again', async () => {
    const rig = new Rig({ buffer: { shards: 4, rowAttempts: 1 } });
    await rig.putAll(ids(20));
    const process = rig.process();
    rig.table.fail(new DatabaseError('schema', 'column "n" does not exist'));
    await process.flusher.flush(0);
    expect(process.flusher.paused).toBe('column "n" does not exist');
    for (const shard of [0, 1, 2, 3]) expect(await process.flusher.flush(shard, true)).toBe(undefined);
    expect([rig.table.transactions.length, process.reports]).toMatchObject([1, { retries: ['schema'], letters: [] }]);
    expect((await process.entity.stats()).paused).toBe('column "n" does not exist');

    await process.sweep(true);
    expect([rig.table.refreshes, process.flusher.paused, rig.table.rows.size]).toEqual([1, undefined, 20]);
  });

  it('lets others flush at once, and itself as soon as it was looked at', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.clock.advance(200);
    const [one, other] = [rig.process(), rig.process()];
    rig.table.fail(new DatabaseError('schema'), new DatabaseError('schema'));
    await one.flusher.flush(0);
    await other.flusher.flush(0);
    expect(rig.table.transactions.length).toBe(2);
    one.flusher.paused = undefined;
    await one.flusher.flush(0);
    expect([rig.table.batches, await rig.dirtyKeys()]).toEqual([[['a']], []]);
  });
});

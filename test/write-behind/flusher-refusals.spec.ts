import { describe, expect, it } from '@jest/globals';
import { DatabaseError } from './fake-table.js';
import { ids, type Process, Rig, type RigOptions } from './rig.js';

const SIZE = 500;

/** A full batch of rows, of which some are bad. */
async function batchWith(bad: readonly string[], options: RigOptions['buffer'] = {}) {
  const rig = new Rig({ buffer: { batchSize: SIZE, rowAttempts: 1, ...options } });
  const keys = ids(SIZE);
  await rig.putAll(keys, 1);
  rig.table.refuse('data', ...bad);
  return { rig, keys, process: rig.process() };
}

async function letterKeys(rig: Rig): Promise<string[]> {
  return (await rig.buffer.letters(0)).map(({ key }) => key).sort();
}

/** Flushes and waits, so long as it takes until nothing is dirty. */
async function drain(rig: Rig, process: Process, step = 60_000): Promise<void> {
  for (let rounds = 0; rounds < 20 && (await rig.dirtyKeys()).length > 0; rounds++) {
    await process.flusher.flush(0, true);
    await rig.clock.advance(step);
  }
}

describe('a batch that the database refuses for its rows', () => {
  it.each([
    ['the first', [0]],
    ['the last', [SIZE - 1]],
    ['one in the middle', [217]],
    ['two neighbours', [249, 250]],
    ['fifty', Array.from({ length: 50 }, (_, i) => (i * 37) % SIZE)],
  ])('is halved until the bad rows are alone (%s): they are refused, and all others written', async (_, places) => {
    const keys = ids(SIZE);
    const bad = places.map((place) => keys[place] as string).sort();
    const { rig, process } = await batchWith(bad);
    await process.flusher.flush(0);
    expect(await letterKeys(rig)).toEqual(bad);
    expect([...rig.table.rows.keys()].sort()).toEqual(keys.filter((key) => !bad.includes(key)));
    expect([await rig.dirtyKeys(), process.reports.letters.length]).toEqual([[], bad.length]);
  });

  it('becomes dead letters as a whole if all of its rows are bad', async () => {
    const { rig, keys, process } = await batchWith(ids(SIZE));
    await process.flusher.flush(0);
    expect([await letterKeys(rig), rig.table.rows.size, await rig.dirtyKeys()]).toEqual([keys, 0, []]);
    // Each half, down to single rows: not one transaction per row and round.
    expect(rig.table.transactions.length).toBe(2 * SIZE - 1);
  });

  it('costs about two transactions per halving for one bad row', async () => {
    const { rig, process } = await batchWith(['k0217']);
    await process.flusher.flush(0);
    expect(rig.table.transactions.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(SIZE)));
  });

  it('leaves the next batches alone', async () => {
    const rig = new Rig({ buffer: { batchSize: 2, rowAttempts: 2 } });
    await rig.putAll(['a', 'b', 'c', 'd']);
    await rig.clock.advance(100);
    rig.table.refuse('data', 'a');
    expect(await rig.process().flusher.flush(0)).toBe(250);
    expect(rig.table.batches).toEqual([['b'], ['c', 'd']]);
    expect(await rig.dirtyKeys()).toEqual(['a']);
  });
});

describe('a row with a data error', () => {
  it('is tried again until its attempts are used up, then it is a dead letter with what the database said', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 3 } });
    const version = await rig.put('bad', 7);
    rig.table.refuse('data', 'bad');
    const process = rig.process().start();
    await process.flush('Item', 0);
    expect([await rig.dirtyKeys(), process.reports.retries]).toEqual([['bad'], ['data']]);
    await rig.clock.advance(10_000);
    expect(process.reports).toMatchObject({ retries: ['data', 'data'], letters: ['bad: bad row bad'], batches: [] });
    expect(rig.table.transactions.length).toBe(3);
    expect(await rig.buffer.letters(0)).toEqual([
      expect.objectContaining({
        ...{ key: 'bad', version, operation: 'upsert', payload: '{"id":"bad","n":7}', attempts: 3 },
        error: 'bad row bad',
      }),
    ]);
  });

  it('is written like any other once it is put right, however often it was refused before', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 2 } });
    await rig.put('bad', 1);
    rig.table.objection = ({ payload }) => (payload.includes('"n":1') ? new DatabaseError('data') : undefined);
    const { flusher, reports } = rig.process();
    await flusher.flush(0);
    await rig.put('bad', 2);
    await rig.clock.advance(100);
    await flusher.flush(0);
    expect([rig.table.row('bad')?.n, await letterKeys(rig), reports.letters]).toEqual([2, [], []]);
  });

  it('is not refused in the place of a newer write that came during the transaction', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 1 } });
    await rig.put('a', 1);
    const process = rig.process();
    const stall = rig.table.stall('inside');
    const flush = process.flusher.flush(0);
    await stall.reached;
    await rig.put('a', 2);
    stall.go(new DatabaseError('data'));
    await flush;
    expect([await letterKeys(rig), process.reports.letters, process.reports.retries]).toEqual([[], [], []]);
    await drain(rig, process);
    expect([rig.table.row('a')?.n, await letterKeys(rig)]).toEqual([2, []]);
  });

  it('does not keep rows waiting that are written meanwhile', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 100 } });
    await rig.put('bad');
    rig.table.refuse('data', 'bad');
    const process = rig.process().start();
    await process.flush('Item', 0);
    for (const id of ids(5)) {
      await rig.put(id);
      process.wakeUps.wake('Item', 0, 100);
      await rig.clock.advance(100);
      expect(rig.table.row(id)).not.toBeNull();
    }
    expect(await rig.dirtyKeys()).toEqual(['bad']);
  });
});

describe('a row that came before another one it needs', () => {
  it('waits, and is written once the other one is there', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 2 } });
    rig.table.objection = ({ key }) =>
      key === 'child' && !rig.table.rows.has('p') ? new DatabaseError('order') : undefined;
    await rig.putAll(['child', 'a']);
    const process = rig.process().start();
    await process.flush('Item', 0);
    await rig.clock.advance(20_000);
    expect(process.reports.retries.length).toBeGreaterThan(2);
    expect([await rig.dirtyKeys(), await letterKeys(rig)]).toEqual([['child'], []]);
    await rig.put('p');
    process.wakeUps.wake('Item', 0, 100);
    await rig.clock.advance(30_000);
    expect([await rig.dirtyKeys(), rig.table.row('child')?.id]).toEqual([[], 'child']);
  });

  it('is a dead letter when the other one does not come in time', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 1, constraintRetry: 60_000 } });
    rig.table.refuse('order', 'child');
    await rig.put('child');
    const process = rig.process().start();
    await process.flush('Item', 0);
    await rig.clock.advance(59_000);
    expect(await letterKeys(rig)).toEqual([]);
    await rig.clock.advance(40_000);
    expect([await letterKeys(rig), process.reports.letters]).toEqual([['child'], ['child: bad row child']]);
  });
});

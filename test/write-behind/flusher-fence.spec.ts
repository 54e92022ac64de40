import { describe, expect, it, jest } from '@jest/globals';
import { DatabaseError } from './fake-table.js';
import { ids, LEASE, Rig } from './rig.js';

/** A time in µs that no clock here comes to. */
const FAR = 8_000_000_000_000_000;

/** The successor: claims the shard, writes all that is due, acknowledges. Answers its epoch. */
async function succeed(rig: Rig, { release = false } = {}): Promise<number> {
  const claim = await rig.claim('successor');
  if (claim.status === 'refused') throw new Error('The shard is not free.');
  await rig.table.write(0, claim.epoch, claim.writes);
  await rig.buffer.ack(0, claim.writes);
  if (release) await rig.buffer.release(0, 'successor');
  return claim.epoch;
}

describe('a worker whose lease ended', () => {
  it.each([
    ['still has the shard', false],
    ['has given it back', true],
  ])('writes and acknowledges nothing once somebody else owned the shard, who %s', async (_, release) => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher, reports } = rig.process();
    const stall = rig.table.stall('begin');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(LEASE);
    await rig.put('a', 2);
    await rig.put('b', 2);
    const epoch = await succeed(rig, { release });
    const claim = jest.spyOn(rig.buffer, 'claim');
    const ack = jest.spyOn(rig.buffer, 'ack');
    await rig.put('a', 3);
    stall.go();
    await flush;
    expect(ack).not.toHaveBeenCalled();
    expect([rig.table.row('a')?.n, rig.table.row('b')?.n, await rig.dirtyKeys()]).toEqual([2, 2, ['a']]);
    expect([rig.table.epochs.get(0), claim.mock.calls.length, reports.batches]).toEqual([epoch, 1, []]);
  });

  it.each([
    ['still has the shard', false],
    ['has given it back', true],
  ])('does not bring back a row that was deleted by its successor, who %s', async (_, release) => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher } = rig.process();
    const stall = rig.table.stall('begin');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(LEASE);
    await rig.remove('a');
    await succeed(rig, { release });
    stall.go();
    await flush;
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([null, []]);
    const epochs = rig.table.transactions.filter(({ outcome }) => outcome === 'committed').map(({ epoch }) => epoch);
    expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  });

  it('is waited for by its successor if its transaction is open, and what it wrote is written over', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher } = rig.process();
    const stall = rig.table.stall('inside');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(LEASE);
    await rig.remove('a');
    const successor = succeed(rig);
    stall.go();
    await Promise.all([flush, successor]);
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([null, []]);
    const [first, second, ...more] = rig.table.transactions;
    expect([first?.outcome, second?.outcome, more]).toEqual(['committed', 'committed', []]);
    expect(second?.epoch).toBeGreaterThan(first?.epoch as number);
  });

  it('acknowledges nothing that is newer, when it learns late that its transaction was committed', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher } = rig.process();
    const stall = rig.table.stall('committed');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(LEASE);
    await rig.put('a', 2);
    await succeed(rig);
    await rig.put('a', 3);
    stall.go();
    await flush;
    expect([rig.table.row('a')?.n, await rig.dirtyKeys()]).toEqual([2, ['a']]);
  });

  it('goes on if nobody came meanwhile', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher } = rig.process();
    const stall = rig.table.stall('begin');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(3 * LEASE);
    stall.go();
    await flush;
    expect([rig.table.row('a')?.n, await rig.dirtyKeys()]).toEqual([1, []]);
  });

  it('stops in the middle of a search for bad rows when somebody else came, and writes nothing more', async () => {
    const rig = new Rig({ buffer: { batchSize: 8, rowAttempts: 1 } });
    await rig.putAll(ids(8), 1);
    rig.table.refuse('data', 'k0007');
    const { flusher, reports } = rig.process();
    const stall = rig.table.stall('committed'); // the first half
    const flush = flusher.flush(0);
    await stall.reached;
    rig.table.objection = () => undefined;
    await rig.clock.advance(LEASE);
    await rig.putAll(ids(8), 2);
    const epoch = await succeed(rig, { release: true });
    const before = rig.table.transactions.length;
    stall.go();
    await flush;
    expect([rig.table.transactions.length, reports.letters]).toEqual([before, []]);
    expect(ids(8).map((id) => rig.table.row(id)?.n)).toEqual(Array(8).fill(2));
    expect(rig.table.epochs.get(0)).toBe(epoch);
  });
});

describe('a buffer that has lost its epochs', () => {
  it('gives the owner a higher one than the database knows, and the run goes on', async () => {
    const rig = new Rig({ buffer: { batchSize: 1 } });
    await rig.putAll(['a', 'b']);
    await rig.clock.advance(100);
    rig.table.epochs.set(0, FAR);
    const { flusher, reports } = rig.process();
    await flusher.flush(0);
    expect([await rig.dirtyKeys(), rig.table.batches, reports.retries]).toEqual([[], [['a'], ['b']], []]);
    expect(rig.table.transactions.map(({ epoch, outcome }) => [epoch, outcome])).toEqual([
      [rig.clock.now() * 1_000, 'fenced'],
      [FAR + 1, 'committed'],
      [FAR + 1, 'committed'],
    ]);
    await rig.put('c');
    await flusher.flush(0);
    expect(rig.table.epochs.get(0)).toBe(FAR + 2);
  });

  it('goes on in the middle of a search for bad rows, too', async () => {
    const rig = new Rig({ buffer: { batchSize: 2, rowAttempts: 1 } });
    await rig.putAll(['a', 'bad']);
    rig.table.refuse('data', 'bad');
    rig.table.hook = (point, { keys }) => {
      if (point === 'begin' && keys.join() === 'bad')
        rig.table.epochs.set(0, Math.max(FAR, rig.table.epochs.get(0) ?? 0));
    };
    const { flusher, reports } = rig.process();
    await flusher.flush(0);
    expect([rig.table.row('a')?.id, reports.letters, await rig.dirtyKeys()]).toEqual(['a', ['bad: bad row bad'], []]);
  });

  it('ends the run if the database refuses the higher one, too: somebody else is at work', async () => {
    const rig = new Rig();
    await rig.put('a');
    rig.table.hook = (point, { epoch }) => {
      if (point === 'begin') rig.table.epochs.set(0, epoch + 100);
    };
    const { flusher, reports } = rig.process();
    await flusher.flush(0);
    expect(rig.table.transactions.map(({ outcome }) => outcome)).toEqual(['fenced', 'fenced']);
    expect([await rig.dirtyKeys(), reports.retries]).toEqual([['a'], []]);
    rig.table.hook = () => undefined;
    await flusher.flush(0);
    expect(await rig.dirtyKeys()).toEqual([]);
  });

  it('takes other errors of the second try as what they are', async () => {
    const rig = new Rig({ buffer: { rowAttempts: 1 } });
    await rig.putAll(['a', 'bad']);
    rig.table.epochs.set(0, FAR);
    rig.table.refuse('data', 'bad');
    const { flusher, reports } = rig.process();
    await flusher.flush(0);
    expect([rig.table.row('a')?.id, reports.letters]).toEqual(['a', ['bad: bad row bad']]);
  });
});

describe('a buffer that has lost its memory', () => {
  it.each([
    ['still has the shard', false],
    ['has given it back', true],
  ])('never gives two owners the same epoch: the first one is fenced by the second, who %s', async (_, release) => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher, reports } = rig.process();
    const stall = rig.table.stall('begin');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.clock.advance(1);
    rig.loseMemory();
    await rig.put('a', 2);
    const epoch = await succeed(rig, { release });
    expect(epoch).toBeGreaterThan(rig.table.transactions[0]?.epoch as number);
    stall.go();
    await flush;
    expect(rig.table.transactions.map(({ outcome }) => outcome)).toEqual(['fenced', 'committed']);
    expect([rig.table.row('a')?.n, rig.table.epochs.get(0), reports.batches]).toEqual([2, epoch, []]);
  });

  it('lets nobody renew what it does not know, so that a run ends there', async () => {
    const rig = new Rig({ buffer: { batchSize: 2, rowAttempts: 1 } });
    await rig.putAll(['a', 'bad']);
    rig.table.refuse('data', 'bad');
    const { flusher } = rig.process();
    rig.table.hook = (point, { keys }) => {
      if (point === 'inside' && keys.length === 2) rig.loseMemory();
    };
    await flusher.flush(0);
    expect(rig.table.transactions.map(({ keys }) => keys)).toEqual([['a', 'bad']]);
    expect(await rig.buffer.letters(0)).toEqual([]);
  });
});

describe('two flushers', () => {
  it('never both write to a shard: the second one leaves it to the first', async () => {
    const rig = new Rig();
    await rig.putAll(['a', 'b']);
    const [one, other] = [rig.process(), rig.process()];
    const stall = rig.table.stall('inside');
    const first = one.flusher.flush(0);
    await stall.reached;
    expect([await other.flusher.flush(0), await other.flusher.flush(0, true)]).toEqual([undefined, undefined]);
    expect(rig.table.transactions.length).toBe(1);
    stall.go();
    await first;
    expect(rig.table.batches).toEqual([['a', 'b']]);
  });

  it('never have two runs of one process take each other for the owner', async () => {
    const rig = new Rig();
    await rig.put('a');
    const { flusher } = rig.process();
    const owners = new Set<string>();
    const claim = rig.buffer.claim.bind(rig.buffer);
    jest.spyOn(rig.buffer, 'claim').mockImplementation((shard, options) => {
      owners.add(options.owner);
      return claim(shard, options);
    });
    await flusher.flush(0);
    await flusher.flush(0);
    expect(owners.size).toBe(2);
  });

  it('write each row once when they share the work', async () => {
    const rig = new Rig({ buffer: { batchSize: 3 } });
    await rig.putAll(ids(30));
    await rig.clock.advance(100);
    const processes = [rig.process(), rig.process(), rig.process()];
    for (let round = 0; round < 3; round++) await Promise.all(processes.map(({ flusher }) => flusher.flush(0)));
    expect(rig.table.batches.flat()).toEqual(ids(30));
  });

  it('take turns after trouble, each with a higher epoch', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.clock.advance(200);
    rig.table.fail(new DatabaseError('transient'));
    const [one, other] = [rig.process(), rig.process()];
    await one.flusher.flush(0);
    await other.flusher.flush(0);
    const [first, second] = rig.table.transactions;
    expect([rig.table.batches, first?.outcome]).toEqual([[['a']], 'failed']);
    expect(second?.epoch).toBeGreaterThan(first?.epoch as number);
  });
});

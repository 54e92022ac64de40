import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DatabaseError } from './fake-table.js';
import { ids, Rig, stateOf } from './rig.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a flush', () => {
  it('writes what is due in batches of at most the batch size, in the order of the claim', async () => {
    const rig = new Rig({ buffer: { batchSize: 4 } });
    await rig.putAll(['d', 'a', 'c', 'b', 'h', 'e', 'g', 'f', 'i']);
    await rig.clock.advance(100);
    expect(await rig.process().flusher.flush(0)).toBeUndefined();
    expect(rig.table.batches).toEqual([['d', 'a', 'c', 'b'], ['h', 'e', 'g', 'f'], ['i']]);
    expect(await rig.dirtyKeys()).toEqual([]);
  });

  it('writes upserts and deletes of a batch in one transaction', async () => {
    const rig = new Rig();
    rig.table.rows.set('b', '{"id":"b","n":0}');
    await rig.put('a', 1);
    await rig.remove('b');
    await rig.process().flusher.flush(0);
    expect(rig.table.batches).toEqual([['a', 'b']]);
    expect([...rig.table.rows]).toEqual([['a', '{"id":"a","n":1}']]);
  });

  it('takes along what is due within the flush delay, but only in its first batch', async () => {
    const rig = new Rig({ buffer: { batchSize: 2 } });
    await rig.putAll(['a', 'b', 'c']);
    expect(await rig.process().flusher.flush(0)).toBe(100);
    expect(rig.table.batches).toEqual([['a', 'b']]);
    expect(await rig.dirtyKeys()).toEqual(['c']);
  });

  it('leaves what is due later, and answers when to come again', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.clock.advance(30);
    const { flusher } = rig.process();
    const stall = rig.table.stall('inside');
    const flush = flusher.flush(0);
    await stall.reached;
    await rig.put('b');
    await rig.clock.advance(10);
    stall.go();
    expect(await flush).toBe(90);
    expect(rig.table.batches).toEqual([['a']]);
  });

  it('asks the database for nothing when nothing is due', async () => {
    const rig = new Rig();
    const { flusher, reports } = rig.process();
    expect(await flusher.flush(0)).toBeUndefined();
    expect([rig.table.transactions, reports.batches]).toEqual([[], []]);
  });

  it('acknowledges only what the database has', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher, reports } = rig.process();
    const stall = rig.table.stall('inside');
    const flush = flusher.flush(0);
    await stall.reached;
    expect(await rig.dirtyKeys()).toEqual(['a']);
    stall.go();
    await flush;
    expect([await rig.dirtyKeys(), rig.table.row('a'), reports.batches]).toEqual([[], { id: 'a', n: 1 }, [1]]);
  });

  it('keeps what was committed by a transaction whose outcome nobody knows, and writes it again', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const { flusher } = rig.process();
    const stall = rig.table.stall('committed');
    stall.go(new DatabaseError('transient', 'connection lost'));
    await flusher.flush(0);
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([{ id: 'a', n: 1 }, ['a']]);
    await flusher.flush(0, true);
    expect([rig.table.batches, await rig.dirtyKeys()]).toEqual([[['a'], ['a']], []]);
  });

  it('leaves a key dirty that is written again during the transaction, and its newest value ends in the table', async () => {
    const rig = new Rig();
    await rig.putAll(['a', 'b'], 1);
    const process = rig.process().start();
    const stall = rig.table.stall('inside');
    const flush = process.flush('Item', 0);
    await stall.reached;
    await rig.put('a', 2);
    stall.go();
    await flush;
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([{ id: 'a', n: 1 }, ['a']]);
    await rig.clock.advance(100);
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([{ id: 'a', n: 2 }, []]);
    expect(rig.table.batches).toEqual([['a', 'b'], ['a']]);
  });

  it('leaves a key dirty that is deleted during the transaction, and the row is gone in the end', async () => {
    const rig = new Rig();
    await rig.put('a', 1);
    const process = rig.process().start();
    const stall = rig.table.stall('committed');
    const flush = process.flush('Item', 0);
    await stall.reached;
    await rig.remove('a');
    stall.go();
    await flush;
    await rig.clock.advance(100);
    expect([rig.table.row('a'), await rig.dirtyKeys()]).toEqual([null, []]);
  });

  it('writes a key that is rewritten without pause once in each flush delay, not again and again', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    rig.table.hook = async (point, { keys }) => {
      if (point === 'inside' && keys.includes('hot')) await rig.put('hot', rig.table.transactions.length);
    };
    await rig.put('hot', 0);
    process.wakeUps.wake('Item', 0, 100);
    await rig.clock.advance(1_050);
    expect(rig.table.batches.length).toBe(10);
    expect(rig.table.row('hot')).toEqual({ id: 'hot', n: 9 });
  });

  it('ends after its budget of time, so that other shards get their turn, and asks to be called again at once', async () => {
    const rig = new Rig({ buffer: { batchSize: 1 } });
    await rig.putAll(['a', 'b', 'c', 'd', 'e']);
    await rig.clock.advance(100);
    rig.table.hook = (point) => (point === 'inside' ? rig.clock.advance(900) : undefined);
    const { flusher } = rig.process();
    expect(await flusher.flush(0)).toBe(0);
    expect(rig.table.batches).toEqual([['a'], ['b'], ['c']]);
    expect((await rig.claim('other')).status).toBe('claimed');
  });

  it('gives the shard back, so that others need not wait for the end of its lease', async () => {
    const rig = new Rig();
    await rig.put('a');
    await rig.process().flusher.flush(0);
    const epoch = (rig.table.epochs.get(0) as number) + 1;
    expect(await rig.claim('other')).toMatchObject({ status: 'claimed', epoch });
  });

  it('rejects if the buffer cannot be asked, and the next one works', async () => {
    const rig = new Rig();
    await rig.put('a');
    const { flusher } = rig.process();
    const ack = jest.spyOn(rig.buffer, 'ack').mockRejectedValueOnce(new Error('no Redis'));
    await expect(flusher.flush(0)).rejects.toThrow('no Redis');
    expect(await rig.dirtyKeys()).toEqual(['a']);
    ack.mockRestore();
    await rig.clock.advance(10_000);
    await flusher.flush(0);
    expect([await rig.dirtyKeys(), rig.table.batches.length]).toEqual([[], 2]);
  });
});

describe('a flusher', () => {
  it('runs once for all who ask for a shard at the same time', async () => {
    const rig = new Rig();
    await rig.put('a');
    const { flusher } = rig.process();
    const stall = rig.table.stall('inside');
    const flushes = [flusher.flush(0), flusher.flush(0), flusher.flush(0)];
    await stall.reached;
    stall.go();
    expect(await Promise.all(flushes)).toEqual([undefined, undefined, undefined]);
    expect(rig.table.transactions.length).toBe(1);
  });

  it('runs once more for all who need what became due during a run, and tells them when that one has ended', async () => {
    const rig = new Rig();
    await rig.put('a');
    const { flusher } = rig.process();
    const claim = jest.spyOn(rig.buffer, 'claim');
    const [first, second] = [rig.table.stall('inside'), rig.table.stall('inside')];
    const run = flusher.flush(0);
    await first.reached;
    await rig.put('b', 1, { urgent: true });
    const forced = [flusher.flush(0, true), flusher.flush(0, true), flusher.flush(0, true)];
    first.go();
    await second.reached; // by whichever run: it has b
    second.go();
    expect(await Promise.all([run, ...forced])).toEqual([undefined, undefined, undefined, undefined]);
    expect(rig.table.batches).toEqual([['a'], ['b']]);
    expect(new Set(claim.mock.calls.map(([, { owner }]) => owner)).size).toBe(2);
  });

  it('runs once more, too, when the run under way cannot ask the buffer', async () => {
    const rig = new Rig();
    await rig.put('a');
    const { flusher } = rig.process();
    jest.spyOn(rig.buffer, 'release').mockRejectedValueOnce(new Error('no Redis'));
    const stall = rig.table.stall('inside');
    const run = flusher.flush(0);
    await stall.reached;
    const forced = flusher.flush(0, true);
    stall.go();
    await expect(run).rejects.toThrow('no Redis');
    expect(await stateOf(forced)).toBe('resolved');
  });

  it('runs its shards side by side', async () => {
    const rig = new Rig({ buffer: { shards: 8 } });
    const [one, other] = [ids(100).find((id) => rig.shardOf(id) === 1), ids(100).find((id) => rig.shardOf(id) === 2)];
    await rig.putAll([one as string, other as string]);
    const { flusher } = rig.process();
    const stall = rig.table.stall('inside');
    const first = flusher.flush(1);
    await stall.reached;
    await flusher.flush(2);
    expect([...rig.table.rows.keys()]).toEqual([other]);
    stall.go();
    await first;
    expect([...rig.table.rows.keys()]).toEqual([other, one]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Rig, stateOf } from './rig.js';

describe('wake-ups by timers', () => {
  it('come at the earliest time that somebody asked for, once for each shard', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    for (const delay of [200, 50, 100]) process.wakeUps.wake('Item', 0, delay);
    await rig.pass(49);
    expect(process.flushes).toBe(0);
    await rig.pass(1);
    expect(process.flushes).toBe(1);
    await rig.pass('1m');
    expect(process.flushes).toBe(1);
  });

  it('of one shard do not delay those of another', async () => {
    const rig = new Rig({ buffer: { shards: 2 } });
    const process = rig.process().start();
    process.wakeUps.wake('Item', 0, 200);
    process.wakeUps.wake('Item', 1, 100);
    await rig.pass(100);
    expect(process.flushes).toBe(1);
    await rig.pass(100);
    expect(process.flushes).toBe(2);
  });

  it('of a process that does not flush do nothing', async () => {
    const rig = new Rig();
    const process = rig.process();
    await process.wakeUps.start(undefined);
    process.wakeUps.wake('Item', 0, 0);
    await rig.pass(100);
    expect(process.flushes).toBe(0);
    await process.wakeUps.close(1_000);
  });

  it('under way are not waited for longer than the limit', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    await process.entity.put({ id: 'a', n: 1 });
    const stall = rig.table.stall('inside');
    await rig.pass(100);
    await stall.reached;
    await process.wakeUps.close(1);
    expect(rig.table.rows.size).toBe(0);
    stall.go();
  });

  it('come no more once they are closed, which waits for those under way', async () => {
    const rig = new Rig();
    const process = rig.process().start();
    await process.entity.put({ id: 'a', n: 1 });
    const stall = rig.table.stall('inside');
    await rig.pass(100);
    await stall.reached;
    const closed = process.wakeUps.close(60_000);
    process.wakeUps.wake('Item', 0, 0);
    expect(await stateOf(closed)).toBe('waiting');
    stall.go();
    await closed;
    await rig.pass('1m');
    expect([process.flushes, rig.table.row('a')?.n]).toEqual([1, 1]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { DatabaseGate } from '../../src/write-behind/database-gate.js';
import { type Deferred, deferred, settled } from '../engine/embedded-cache.js';

/** A gate before a database that is down, and what was asked and told, with the time. */
function setUp() {
  const clock = new FakeClock(0);
  const probes: number[] = [];
  const backs: number[] = [];
  const database = { up: false, slow: undefined as Deferred<void> | undefined };
  const gate = new DatabaseGate(
    clock,
    async () => {
      probes.push(clock.now());
      await database.slow?.promise;
      if (!database.up) throw new Error('down');
    },
    () => {
      backs.push(clock.now());
    },
  );
  return { clock, probes, backs, database, gate };
}

describe('the gate before the database', () => {
  it('is open until somebody shuts it, and asks nothing', async () => {
    const { clock, gate, probes } = setUp();
    await clock.advance('1h');
    expect([gate.open, gate.retryIn, probes]).toEqual([true, 0, []]);
  });

  it('stays shut until the database answers a small question, and then says so once', async () => {
    const { clock, gate, probes, backs, database } = setUp();
    gate.shut();
    expect([gate.open, gate.retryIn]).toEqual([false, 100]);
    await clock.advance(100);
    expect([gate.open, probes, backs]).toEqual([false, [100], []]);
    database.up = true;
    await clock.advance(200);
    expect([gate.open, gate.retryIn, probes, backs]).toEqual([true, 0, [100, 300], [300]]);
    await clock.advance('1h');
    expect([probes.length, backs.length]).toEqual([2, 1]);
  });

  it('is open already when it says that the database is back', async () => {
    const clock = new FakeClock();
    const seen: boolean[] = [];
    const gate = new DatabaseGate(
      clock,
      async () => undefined,
      () => seen.push(gate.open),
    );
    gate.shut();
    await clock.advance(100);
    expect(seen).toEqual([true]);
  });

  it('asks less and less often, but at least every two seconds', async () => {
    const { clock, gate, probes } = setUp();
    gate.shut();
    await clock.advance(9_500);
    expect(probes).toEqual([100, 300, 700, 1_500, 3_100, 5_100, 7_100, 9_100]);
    expect(gate.retryIn).toBe(2_000);
  });

  it('asks one question at a time, however many find the database away', async () => {
    const { clock, gate, probes, backs, database } = setUp();
    for (let i = 0; i < 10; i++) gate.shut();
    database.slow = deferred<void>();
    await clock.advance(100);
    for (let i = 0; i < 10; i++) gate.shut();
    await clock.advance('1m');
    expect([probes.length, gate.open]).toEqual([1, false]);
    database.up = true;
    database.slow.resolve();
    await settled();
    expect([probes.length, gate.open, backs.length]).toEqual([1, true, 1]);
  });

  it('begins with short waits again after each outage, once a batch has succeeded', async () => {
    const { clock, gate, probes, database } = setUp();
    gate.shut();
    await clock.advance(1_600);
    database.up = true;
    await clock.advance(1_600);
    expect(gate.open).toBe(true);
    gate.worked();
    probes.length = 0;
    gate.shut();
    expect(gate.retryIn).toBe(100);
    await clock.advance(100);
    expect([probes.length, gate.open]).toEqual([1, true]);
  });

  it('asks less and less often while the database answers the question, but takes no batch', async () => {
    const { clock, gate, probes, backs, database } = setUp();
    database.up = true;
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      gate.shut();
      waits.push(gate.retryIn);
      await clock.advance(gate.retryIn);
      expect([gate.open, gate.retryIn]).toEqual([true, 0]);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
    expect([probes.length, backs.length]).toEqual([7, 7]);
  });

  it('asks and says nothing more once it is closed', async () => {
    const { clock, gate, probes, backs, database } = setUp();
    gate.shut();
    gate.close();
    database.up = true;
    await clock.advance('1m');
    gate.shut();
    await clock.advance('1m');
    expect([probes, backs]).toEqual([[], []]);
  });

  it.each([true, false])(
    'says nothing of a question that was under way when it was closed (answered: %s)',
    async (up) => {
      const { clock, gate, probes, backs, database } = setUp();
      database.slow = deferred<void>();
      gate.shut();
      await clock.advance(100);
      gate.close();
      database.up = up;
      database.slow.resolve();
      await clock.advance('1m');
      expect([probes.length, backs]).toEqual([1, []]);
    },
  );
});

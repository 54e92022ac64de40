import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Clock, SystemClock } from '../../../src/engine/clock.js';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { databaseUrl } from '../../support/services.js';
import { until } from '../../tiers/redis/rig.js';
import { itemOf, itemsOf } from './own-world.js';

const CALLERS = 1_000;
const ROOM = 100;

/** Counts the timers that run. */
class CountingClock implements Clock {
  running = 0;
  private readonly system = new SystemClock();

  now(): number {
    return this.system.now();
  }

  elapsed(): number {
    return this.system.elapsed();
  }

  after(delay: number, then: () => void): () => void {
    this.running++;
    let over = false;
    const end = (): void => {
      if (!over) this.running--;
      over = true;
    };
    const cancel = this.system.after(delay, () => {
      end();
      then();
    });
    return () => {
      end();
      cancel();
    };
  }
}

describe(`a full buffer for which ${CALLERS} callers wait`, () => {
  const world = useWriteBehind();
  const connections: pg.Client[] = [];
  afterEach(async () => {
    for (const connection of connections.splice(0)) await connection.end();
  });

  /** One shard, full; Postgres takes nothing as long as somebody holds the table. */
  async function full(writeTimeout: number) {
    const here = await world();
    const clock = new CountingClock();
    const writeBehind = {
      shards: 1,
      maxEntries: ROOM,
      batchSize: 50,
      flushDelay: 20,
      writeTimeout,
      lease: 60_000,
      sweep: '10s',
    } as const;
    const app = await here.app({ clock, writeBehind: { ...writeBehind, drainTimeout: 100 } });
    await app.items.put(itemOf('first', 0), { durability: 'persisted', timeout: '10s' });
    await eventually(() => clock.running < 10);
    const timers = clock.running;
    const holder = new pg.Client({ connectionString: databaseUrl() });
    connections.push(holder);
    await holder.connect();
    await holder.query(`BEGIN; LOCK TABLE ${here.schema}.item`);
    await Promise.all(itemsOf('k', ROOM, 1).map((row) => app.items.put(row)));
    const begin = performance.now();
    const calls = itemsOf('c', CALLERS, 1).map((row) => app.items.put(row));
    return { here, app, clock, timers, holder, begin, results: Promise.allSettled(calls) };
  }

  function codes(results: readonly PromiseSettledResult<unknown>[]): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const result of results) {
      const code = result.status === 'fulfilled' ? 'taken' : result.reason.code;
      counts[code] = (counts[code] ?? 0) + 1;
    }
    return counts;
  }

  it('tells all of them in time that there is no room, and keeps nothing of them', async () => {
    const { here, app, clock, timers, holder, begin, results } = await full(1_500);
    expect(codes(await results)).toEqual({ WRITE_BEHIND_OVERFLOW: CALLERS });
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect((await app.items.stats()).dirty).toBe(ROOM);
    await until('no timer is left', () => clock.running <= timers + 3); // of those that are refused none, a few of the flush
    await holder.query('COMMIT');
    await eventually(async () => (await app.items.stats()).dirty === 0);
    await app.items.put(itemOf('after', 1));
    await eventually(async () => (await here.rows()).length === ROOM + 2);
    await until('no timer is left', () => clock.running <= timers + 1);
  }, 60_000);

  it('takes all of them once there is room, and Postgres has them', async () => {
    const { here, app, clock, timers, holder, results } = await full(20_000);
    await eventually(() => clock.running > CALLERS); // each waits
    await holder.query('COMMIT');
    expect(codes(await results)).toEqual({ taken: CALLERS });
    await eventually(async () => (await app.items.stats()).dirty === 0);
    expect(await here.rows()).toHaveLength(ROOM + CALLERS + 1);
    await until('no timer is left', () => clock.running <= timers + 1);
  }, 60_000);

  it('tells all of them at once that the app ends', async () => {
    const { app, clock, holder, results } = await full(20_000);
    await eventually(() => clock.running > CALLERS);
    const begin = performance.now();
    const closing = app.close();
    expect(codes(await results)).toEqual({ WRITE_BEHIND_UNAVAILABLE: CALLERS });
    expect(performance.now() - begin).toBeLessThan(15_000);
    await holder.query('COMMIT');
    await closing;
    await until('no timer is left', () => clock.running === 0);
  }, 60_000);
});

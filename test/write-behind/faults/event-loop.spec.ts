import { afterEach, expect, it, jest } from '@jest/globals';
import type { Worker } from 'bullmq';
import { BullMqWakeUps } from '../../../src/write-behind/bullmq-wake-ups.js';
import type { PrismaClientLike } from '../../../src/write-behind/prisma/prisma-client-like.js';
import { eventually, useWriteBehind, type WriteBehindWorld } from '../../e2e/write-behind-world.js';
import { until } from '../../tiers/redis/rig.js';
import { itemOf, itemsOf } from './own-world.js';

const LOCK = 1_000;
const LEASE = 2_000;
const BLOCKED = 2_600;

const world = useWriteBehind();
const unhandled: unknown[] = [];
const note = (error: unknown): unknown => unhandled.push(error);
process.on('unhandledRejection', note);
afterEach(() => {
  jest.restoreAllMocks();
  process.off('unhandledRejection', note);
});

/** The time that BullMQ gives a job is 15 s; nobody wants to wait for so long. */
function shortLocks(): Worker[] {
  const workers: Worker[] = [];
  const start = BullMqWakeUps.prototype.start;
  jest.spyOn(BullMqWakeUps.prototype, 'start').mockImplementation(async function (this: BullMqWakeUps, work) {
    await start.call(this, work);
    const { worker } = this as unknown as { worker: Worker };
    Object.assign(worker.opts, { lockDuration: LOCK, lockRenewTime: LOCK / 2, stalledInterval: 100 });
    workers.push(worker);
  });
  return workers;
}

/** Stops the whole process where a flush stands: before the rows are written, without or inside a transaction. */
function blocking({ prisma }: WriteBehindWorld) {
  const state = { next: false, times: 0 };
  const block = (): void => {
    if (!state.next) return;
    state.next = false;
    state.times++;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED);
  };
  const client: PrismaClientLike = {
    $queryRawUnsafe: (query, ...values) => prisma.$queryRawUnsafe(query, ...values),
    $executeRawUnsafe: (query, ...values) => {
      block();
      return prisma.$executeRawUnsafe(query, ...values);
    },
    $transaction: (work, options) =>
      prisma.$transaction(async (tx) => {
        await tx.$queryRawUnsafe('SELECT 1');
        block();
        return work(tx);
      }, options),
  };
  return { client, state };
}

it('an event loop that stands still for longer than lease and job lock loses nothing, and jobs go on', async () => {
  const here = await world();
  const workers = shortLocks();
  const { client, state } = blocking(here);
  const writeBehind = { client, flushDelay: 20, lease: LEASE, sweep: '1m', commandTimeout: '1m' } as const;
  const apps = [await here.app({ writeBehind }), await here.app({ writeBehind })];
  const errors: string[] = [];
  for (const worker of workers) worker.on('error', ({ message }) => errors.push(message));
  for (let round = 1; round <= 2; round++) {
    state.next = true;
    const rows = itemsOf('k', 50, round);
    for (const [i, row] of rows.entries()) await apps[i % 2]?.items.put(row);
    await eventually(() => state.times === round); // it stood still, and woke up
    await apps[round % 2]?.items.put(itemOf('k0', 100 + round));
    // No sweep comes within this time.
    await until('all is flushed', async () => (await apps[0]?.items.stats())?.dirty === 0, 15_000);
    expect((await here.rows()).find(({ id }) => id === 'k0')?.n).toBe(100 + round);
    expect((await here.rows()).filter(({ n }) => n === round)).toHaveLength(49);
  }
  expect((await apps[0]?.items.stats())?.deadLetters).toBe(0);
  await apps[1]?.items.put(itemOf('later', 1));
  await until('it is flushed', async () => (await here.rows()).some(({ id }) => id === 'later'), 15_000);
  expect(errors.join()).toContain('lock'); // it was lost indeed
  expect(unhandled).toEqual([]);
}, 60_000);

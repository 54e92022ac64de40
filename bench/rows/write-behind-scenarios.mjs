/** The scenarios of the rows about write-behind. */
import { Redis } from 'ioredis';
import { check } from '../lib/check.mjs';
import { sleep } from '../lib/loops.mjs';
import { batchesOf, profile } from '../lib/profile.mjs';

/** Rows of the table, all there from the beginning: every write of row 10 is an update. */
const ROWS = 20_000;
/** Time that one pile of ROWS rows is reckoned with when the length of a measurement is turned into a number of piles. */
const PILE_MS = 1_000;
/** Below these Prisma is not compiled yet, and one by one is judged by too few rows: more than a quick run asks for. */
const LEAST_WARM_MS = 800;
const LEAST_MS = 400;
/** Rows 12 to 14. */
const CALLERS = 64;
const HOT_KEYS = 1_000;
const LEAST_WRITES = 3_000;
const WRITES_PER_MS = 4;
const WARM_WRITES = 1_000;
/** Long enough for many flushes and for more than one sweep. */
const PACED_SECONDS = 3;

/**
 * Row 10: rows per second into PostgreSQL, and the client's CPU time for one.
 * @param {any} handle @param {import('./scenarios.mjs').Context} context @returns {Promise<import('./scenarios.mjs').Figures>}
 */
export async function rowsPersisted(handle, context) {
  await handle.database.insert(batchesOf(ROWS, ROWS, 0)[0]);
  return handle.drain ? pilesDrained(handle, context) : batchesWritten(handle, context);
}

async function pilesDrained({ database, drain }, { ms }) {
  await drain(batchesOf(ROWS, ROWS, 1)[0]);
  const piles = Math.ceil(ms / PILE_MS);
  let took = 0;
  let cpu = 0;
  for (let pile = 0; pile < piles; pile++) {
    const rows = batchesOf(ROWS, ROWS, 2 + pile)[0];
    const drained = await drain(rows);
    took += drained.ms;
    cpu += drained.cpu;
    await database.checkRows(rows);
  }
  return { value: (piles * ROWS * 1000) / took, cpu: cpu / (piles * ROWS) };
}

async function batchesWritten({ database, batch, lanes = 1, prepare, write }, { ms, warmupMs }) {
  const rows = batchesOf(ROWS, batch, 1);
  const batches = prepare ? rows.map(prepare) : rows;
  let next = 0;
  const run = async (duration) => {
    const first = next;
    const used = process.cpuUsage();
    const started = performance.now();
    const lane = async () => {
      while (performance.now() < started + duration) await write(batches[next++ % batches.length]);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const elapsed = performance.now() - started;
    const { user, system } = process.cpuUsage(used);
    const count = (next - first) * batch;
    return { value: (count * 1000) / elapsed, cpu: (user + system) / count };
  };
  await run(Math.max(warmupMs, LEAST_WARM_MS));
  const figures = await run(Math.max(ms, LEAST_MS));
  await database.checkRows(rows.slice(0, next).flat());
  return figures;
}

/** What the writes of a row about the CPU of Redis are. @typedef {{ hot?: boolean, rate?: number }} Load */

/**
 * Rows 12 to 14: CPU time of the Redis server for a write, from the call until PostgreSQL has it and Redis knows. All of
 * the server's CPU time, so it has to be free of others.
 * @param {Load} load `rate`: so many writes a second instead of as many as the callers can
 */
export const redisCpu =
  ({ hot = false, rate }) =>
  /** @param {any} handle @param {import('./scenarios.mjs').Context} context @returns {Promise<import('./scenarios.mjs').Figures>} */
  async (handle, { ms, redisUrl }) => {
    const { database, put, settle, unordered } = handle;
    const redis = new Redis(redisUrl);
    const writes = rate ? rate * PACED_SECONDS : Math.max(LEAST_WRITES, WRITES_PER_MS * ms);
    const keys = hot ? HOT_KEYS : writes;
    const run = async (rows) => {
      if (rate) await atRate(rows, put, rate);
      else await asFastAsTheyCan(rows, put);
      await settle();
    };
    await run(Array.from({ length: rate ?? WARM_WRITES }, (_, i) => profile(i, 0)));
    const rows = Array.from({ length: writes }, (_, i) => profile(i % keys, 1 + Math.floor(i / keys)));
    const before = await cpuOf(redis);
    await run(rows);
    const used = (await cpuOf(redis)) - before;
    redis.disconnect();
    // Jobs of one row that overtook each other leave an older revision behind: not what is measured here.
    if (keys === writes || !unordered) await database.checkRows(rows.slice(-keys));
    check(used > 0, 'Redis reports no CPU time');
    return { value: used / writes };
  };

async function asFastAsTheyCan(rows, put) {
  const queue = rows[Symbol.iterator]();
  const caller = async () => {
    for (const row of queue) await put(row);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** One write after the other by the clock, whether those before are done or not: as requests come. */
async function atRate(rows, put, rate) {
  const started = performance.now();
  const calls = [];
  for (const row of rows) {
    const wait = started + (calls.length * 1000) / rate - performance.now();
    if (wait >= 1) await sleep(wait);
    calls.push(put(row));
  }
  await Promise.all(calls);
}

/** Microseconds, of all threads of the server. @param {Redis} redis */
async function cpuOf(redis) {
  const info = await redis.info('cpu');
  const seconds = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]);
  return 1e6 * (seconds('used_cpu_user') + seconds('used_cpu_sys'));
}

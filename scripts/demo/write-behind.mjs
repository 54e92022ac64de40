// The second part of the demo: many changes in a short time, acknowledged by Redis; a crash; and what Postgres has then.
import { setTimeout as sleep } from 'node:timers/promises';
import { Report, run } from './driver.mjs';
import { Buyer } from './write-traffic.mjs';

/**
 * @typedef {object} WriteMeasurement
 * @property {Report} report of the requests, all of which change something
 * @property {Report} last of those right before the kill
 * @property {number} writes rows changed and acknowledged
 * @property {number} rows written to Postgres, in so many batches, with so many statements
 * @property {number} batches
 * @property {number} statements
 * @property {number} lag by how much a row was overdue at most, as seen by looking now and then; ms
 * @property {number} drain from the last answer until Postgres had everything; ms
 * @property {import('./ledger.mjs').Proof} killed what Postgres had when the process had been killed
 * @property {number} recovery from the start of the next process until Postgres had everything; ms
 * @property {import('./ledger.mjs').Proof} proof what Postgres had then
 * @property {number} deadLetters
 */

/** A drain that takes longer than this has failed. */
const DEADLINE = 30_000;

/** Pauses between looks at the figures: while requests are sent, and while nothing else is to do. */
const SELDOM = 250;
const OFTEN = 20;

/** Changes per shopper before the kill: enough that some of them cannot be in Postgres yet. */
const LAST = 10;

const sum = (stats, name) => Object.values(stats.writeBehind).reduce((total, entity) => total + entity[name], 0);

const statsOf = (driver) => driver.json({ method: 'GET', path: '/stats' });

/** Waits until Postgres has all that was acknowledged. @param {import('./driver.mjs').Driver} driver */
export async function drained(driver) {
  for (const begin = performance.now(); performance.now() - begin < DEADLINE; await sleep(OFTEN)) {
    const stats = await statsOf(driver);
    if (sum(stats, 'dirty') === 0) return stats;
  }
  const { writeBehind } = await statsOf(driver);
  throw new Error(`Postgres did not get everything within ${DEADLINE / 1_000} s: ${JSON.stringify(writeBehind)}`);
}

/**
 * To be called when nothing is under way or waits for Postgres.
 * @param {object} options
 * @param {import('./driver.mjs').Driver} options.driver
 * @param {import('./ledger.mjs').Ledger} options.ledger
 * @param {string} options.databaseUrl
 * @param {number} options.seconds
 * @param {number} options.concurrency
 * @param {() => Promise<void>} options.killShop ends its process without warning
 * @param {() => Promise<void>} options.openShop
 * @param {import('./progress.mjs').Progress} options.progress
 * @returns {Promise<WriteMeasurement>}
 */
export async function measureWrites({
  driver,
  ledger,
  databaseUrl,
  seconds,
  concurrency,
  killShop,
  openShop,
  progress,
}) {
  const buyers = Array.from({ length: concurrency }, (_, index) => new Buyer(index, concurrency));
  const report = new Report();
  const before = await statsOf(driver);
  const begin = performance.now();
  const passed = () => performance.now() - begin;
  const share = () => passed() / (seconds * 1_000);

  let lag = 0;
  const watch = async () => {
    for (; share() < 1; await sleep(SELDOM)) {
      const { writeBehind } = await statsOf(driver);
      lag = Math.max(lag, ...Object.values(writeBehind).map((entity) => entity.lag));
    }
  };
  await progress.during(
    'Changing carts, orders and stock',
    () => ({ share: share(), requests: report.requests, time: passed() }),
    () => Promise.all([run(driver, buyers, report, () => share() >= 1), watch()]),
  );
  const end = performance.now();
  const after = await drained(driver);
  const drain = performance.now() - end;

  progress.say('Killing the shop right after an answer, and starting it again ...');
  const last = new Report();
  await run(driver, buyers, last, (_, sent) => sent >= LAST);
  await killShop();
  const killed = await ledger.compare(databaseUrl);
  await openShop();
  const started = performance.now();
  const { writeBehind } = await drained(driver);
  const recovery = performance.now() - started;
  const proof = await ledger.compare(databaseUrl);

  for (const [what, request] of last.touched) report.touched.set(what, request);
  return {
    report,
    last,
    writes: sum(after, 'writes') - sum(before, 'writes'),
    rows: sum(after, 'rows') - sum(before, 'rows'),
    batches: sum(after, 'batches') - sum(before, 'batches'),
    statements: after.database.writes - before.database.writes,
    lag,
    drain,
    killed,
    recovery,
    proof,
    deadLetters: sum({ writeBehind }, 'deadLetters'),
  };
}

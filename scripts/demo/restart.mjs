// npm run demo -- --restart: how soon a shop works at full strength again after a deploy that made the cache's values worthless,
// with warm-up learned from its traffic and without.
import { loadCatalogue } from '../../prisma/seed.mjs';
import { Driver, Report, run } from './driver.mjs';
import { environmentOf } from './environment.mjs';
import { startStorefront } from './storefront.mjs';
import { draw, percent, whole } from './table.mjs';
import { Shopper } from './traffic.mjs';

/** How long the shop is driven before the restart, and looked at after it, in seconds. */
const BEFORE = 30;
const AFTER = 10;
/** How long a shopper looks at a page, in milliseconds: a shop that is asked as fast as it can would be warm in a second by itself. */
const PAUSE = 50;
/** Least hit ratio of the time after the restart, as a share of the one before it. */
const TARGET = 0.9;

/**
 * @typedef {object} Look the shop in some seconds
 * @property {number} hitRatio
 * @property {number} memory share of look-ups that memory answered
 * @property {number} reads of the database
 * @property {number} loads
 * @property {number} p50 of all answers, in milliseconds
 * @property {number} p99
 * @property {number} failed
 *
 * @typedef {{ before: Look, start: number, first: Look[], after: Look }} Course `start`: milliseconds
 */

/**
 * @param {object} options
 * @param {{ databaseUrl: string, redisUrl: string, namespace: string }} options.services
 * @param {number} options.concurrency
 * @param {import('./progress.mjs').Progress} options.progress
 * @param {(stop: () => Promise<void>) => void} options.onStart
 * @returns {Promise<{ without: Course, learned: Course }>}
 */
export async function measureRestart(options) {
  const { services } = options;
  const without = await course({
    ...options,
    warm: 'off',
    services: { ...services, namespace: `${services.namespace}.cold` },
  });
  const learned = await course({
    ...options,
    warm: 'on',
    services: { ...services, namespace: `${services.namespace}.warm` },
  });
  return { without, learned };
}

async function course({ services, concurrency, progress, onStart, warm }) {
  await loadCatalogue(services.databaseUrl);
  const driver = new Driver(concurrency, () => {});
  const shoppers = Array.from({ length: concurrency }, (_, index) => readOnly(new Shopper(index, concurrency)));
  let shop;
  const open = async (schema) => {
    await shop?.stop();
    // The schema is what a deploy changes that makes values look different: all that Redis has is a miss then.
    const cache = { CACHE_SCHEMA: schema, CACHE_WARM: warm, STRATA_CACHE: 'on', PORT: '0' };
    shop = await startStorefront({ ...environmentOf(services), ...cache });
    onStart(shop.stop);
    driver.connect(shop.origin);
  };
  const title = warm === 'on' ? 'With warming' : 'Without warming';
  const drive = async (seconds, what) => {
    const report = new Report();
    const before = await driver.json({ method: 'GET', path: '/stats' });
    const begin = performance.now();
    const passed = () => performance.now() - begin;
    const look = () => ({ share: passed() / (seconds * 1_000), requests: report.requests, time: passed() });
    const over = () => passed() >= seconds * 1_000;
    await progress.during(`${title}: ${what}`, look, () => run(driver, shoppers, report, over, PAUSE));
    return lookOf(before, await driver.json({ method: 'GET', path: '/stats' }), report);
  };

  await open('1');
  await drive(BEFORE, 'learning');
  const before = await drive(AFTER, 'steady');
  const restarted = performance.now();
  await open('2');
  const start = performance.now() - restarted;
  const first = [];
  for (let second = 0; second < AFTER; second += 2) first.push(await drive(2, `restarted, second ${second}`));
  await shop.stop();
  driver.close();
  return { before, start, first, after: together(first) };
}

/** Shoppers that look around without signing in: sessions and carts are another demo. */
function readOnly(shopper) {
  const next = () => {
    let request = shopper.next();
    while (request.method !== 'GET' || request.customer !== undefined) request = shopper.next();
    return request;
  };
  return { next };
}

function lookOf(before, now, report) {
  const hits = {
    memory: now.cache.hits.memory - before.cache.hits.memory,
    redis: now.cache.hits.redis - before.cache.hits.redis,
  };
  const requests = now.cache.requests - before.cache.requests;
  const { all } = report.responses;
  return {
    requests,
    hits,
    hitRatio: (hits.memory + hits.redis) / requests,
    memory: hits.memory / requests,
    reads: now.database.reads - before.database.reads,
    p50: all.percentile(50) / 1_000,
    p99: all.percentile(99) / 1_000,
    failed: report.failed,
  };
}

function together(looks) {
  const sum = (pick) => looks.reduce((total, look) => total + pick(look), 0);
  const requests = sum((look) => look.requests);
  return {
    requests,
    hitRatio: sum((look) => look.hits.memory + look.hits.redis) / requests,
    memory: sum((look) => look.hits.memory) / requests,
    reads: sum((look) => look.reads),
    failed: sum((look) => look.failed),
  };
}

/** @param {{ without: Course, learned: Course }} courses */
export function restartTable({ without, learned }) {
  const row = (name, pick) => [name, ...[without, learned].map((course) => pick(course))];
  const ratio = (look) => percent(look.hitRatio);
  return draw(
    [
      ['', 'without warming', 'learned warming'],
      null,
      row('hit ratio before the restart', ({ before }) => ratio(before)),
      row('the restart took, its warm-up included', ({ start }) => `${(start / 1_000).toFixed(1)} s`),
      ...without.first.map((_, i) =>
        row(`  after it: second ${2 * i} to ${2 * i + 2}`, ({ first }) => ratio(first[i])),
      ),
      row(`first ${AFTER} s together`, ({ after }) => ratio(after)),
      row('  as a share of that before', ({ before, after }) => percent(after.hitRatio / before.hitRatio)),
      row('  from memory', ({ after }) => percent(after.memory)),
      null,
      row('database reads in that time', ({ after }) => whole(after.reads)),
      row('response p99 in the first 2 s', ({ first }) => `${first[0].p99.toFixed(1)} ms`),
      row('look-ups in that time', ({ after }) => whole(after.requests)),
    ],
    [1, 2],
  );
}

/** @param {{ without: Course, learned: Course }} courses */
export function judgeRestart({ without, learned }) {
  const share = learned.after.hitRatio / learned.before.hitRatio;
  const failed = [without, learned].reduce((sum, { before, after }) => sum + before.failed + after.failed, 0);
  return [
    { name: 'No request failed', ok: failed === 0, detail: `${failed}` },
    {
      name: `Hit ratio in the first ${AFTER} s is at least ${percent(TARGET)} of the steady one`,
      ok: share >= TARGET,
      detail: `${percent(share)} (without warming ${percent(without.after.hitRatio / without.before.hitRatio)})`,
    },
  ];
}

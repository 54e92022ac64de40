// The course of the demo: the same shop and the same requests, first without the cache, then with it; then only changes.
import { loadCatalogue } from '../../prisma/seed.mjs';
import { compareWithDatabase } from './checks.mjs';
import { Driver, Report, run } from './driver.mjs';
import { environmentOf } from './environment.mjs';
import { Ledger } from './ledger.mjs';
import { measureOutage } from './outage.mjs';
import { startStorefront } from './storefront.mjs';
import { everyPage, Shopper } from './traffic.mjs';
import { drained, measureWrites } from './write-behind.mjs';

/**
 * @typedef {object} Stats what the shop says of itself at /stats
 * @property {{ reads: number, writes: number, p50: number | null, p99: number | null }} database
 * @property {any} cache CacheStats, or null without the cache
 *
 * @typedef {object} Measurement
 * @property {{ report: Report, stats: Stats }} uncached
 * @property {{ report: Report, stats: Stats }} warmUp
 * @property {{ report: Report, stats: Stats }} cached
 * @property {{ requests: number, uncached: Stats['database'], cached: Stats['database'] }} same what the database was
 *   asked for one and the same sequence of requests
 * @property {import('./checks.mjs').Comparison} comparison
 * @property {import('./write-behind.mjs').WriteMeasurement} behind
 * @property {import('./outage.mjs').OutageMeasurement} outage
 */

/** The time without the cache, as a share of the time with it. */
const UNCACHED = 0.5;

/** How long things are only changed, in seconds. */
const CHANGING = 4;

/**
 * @param {object} options
 * @param {{ databaseUrl: string, redisUrl: string, namespace: string }} options.services
 * @param {number} options.seconds with the cache
 * @param {number} options.concurrency shoppers at the same time
 * @param {import('./progress.mjs').Progress} options.progress
 * @param {(stop: () => Promise<void>) => void} options.onStart is given the way to stop each process that is started
 * @returns {Promise<Measurement>}
 */
export async function measure({ services, seconds, concurrency, progress, onStart }) {
  const { databaseUrl } = services;
  let ledger = new Ledger();
  const driver = new Driver(concurrency, (request, text) => ledger.acknowledged(request, text));
  const stats = () => driver.json({ method: 'GET', path: '/stats' });
  const shoppers = () => Array.from({ length: concurrency }, (_, index) => new Shopper(index, concurrency));

  /** @type {import('./storefront.mjs').Shop | undefined} */
  let shop;
  /**
   * A new process, whose figures begin at zero. There is one at a time: of two, each would have a memory that the
   * changes made through the other one do not reach.
   */
  const openShop = async (cache, more = {}) => {
    await shop?.stop();
    shop = await startStorefront({ ...environmentOf(services), ...more, STRATA_CACHE: cache, PORT: '0' });
    onStart(shop.stop);
    driver.connect(shop.origin);
  };

  /** Shows how `work` fills the report; `share` says how much of it is done (0 to 1) after so many milliseconds. */
  const phase = async (title, share, work) => {
    const report = new Report();
    const begin = performance.now();
    const passed = () => performance.now() - begin;
    const look = () => ({ share: share(passed()), requests: report.requests, time: passed() });
    await progress.during(title, look, () => work(report, () => share(passed()) >= 1));
    return { report, stats: await stats() };
  };

  await loadCatalogue(databaseUrl);
  await openShop('off');
  await driver.signIn();
  await openShop('off');
  const uncachedTime = seconds * UNCACHED * 1_000;
  const uncached = await phase(
    'Without the cache',
    (passed) => passed / uncachedTime,
    (report, isOver) => run(driver, shoppers(), report, isOver),
  );

  await loadCatalogue(databaseUrl); // the same rows again
  ledger = new Ledger();
  await openShop('on');
  await driver.signIn();
  const pages = everyPage();
  const total = pages.length;
  const warmUp = await phase(
    'Opening every page once',
    () => 1 - pages.length / total,
    (report, isOver) => run(driver, Array(concurrency).fill({ next: () => pages.shift() }), report, isOver),
  );

  await openShop('on'); // as after a deployment: the memory is empty, Redis is warm
  const { counts } = uncached.report;
  let same;
  const cached = await phase(
    'With the cache',
    (passed) => passed / (seconds * 1_000),
    async (report, isOver) => {
      const crowd = shoppers();
      await run(driver, crowd, report, (shopper, sent) => sent >= (counts[shopper] ?? 0));
      same = { requests: report.requests, uncached: uncached.stats.database, cached: (await stats()).database };
      await run(driver, crowd, report, isOver);
    },
  );

  progress.say('Comparing the answers with the database ...');
  await drained(driver);
  const touched = [...warmUp.report.touched.values(), ...cached.report.touched.values()];
  const comparison = await compareWithDatabase(driver, databaseUrl, touched);

  const behind = await measureWrites({
    driver,
    ledger,
    databaseUrl,
    seconds: CHANGING,
    concurrency,
    killShop: () => shop.kill(),
    openShop: () => openShop('on'),
    progress,
  });
  // Once more, now of a process that others wrote before: what it shows of the rows that were changed.
  const changed = await compareWithDatabase(driver, databaseUrl, behind.report.touched.values());
  comparison.compared += changed.compared;
  comparison.different.push(...changed.different);

  const outage = await measureOutage({
    driver,
    databaseUrl,
    concurrency,
    openShop: (more) => openShop('on', { ...more, CACHE_NAMESPACE: `${services.namespace}:outage` }),
    progress,
    onStart,
  });
  await shop?.stop();
  driver.close();
  return { uncached, warmUp, cached, same, comparison, behind, outage };
}

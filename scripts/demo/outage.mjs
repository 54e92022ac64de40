// The third part of the demo: the primary of the catalogue stops in the middle, and comes back. Replica and snapshot stay.
import { setTimeout as sleep } from 'node:timers/promises';
import { Report, run } from './driver.mjs';
import { TcpProxy } from './tcp-proxy.mjs';

/**
 * @typedef {object} OutageMeasurement
 * @property {{ name: string, report: Report, loads: Record<string, number>, stale: number }[]} phases
 * @property {number | null} back from the return of the primary until nothing waits for it any more; ms
 * @property {number} recovered values that were loaded from it again
 */

/** Seconds. */
const PHASES = [
  ['all sources up', 1],
  ['primary stopped', 2],
  ['primary back', 2],
];

/** Products are fresh for so long here, so that there is something to load all the time; milliseconds. */
const TTL = 300;

/** As many as the storefront shows of what is most wanted. */
const PATHS = [
  ...Array.from({ length: 60 }, (_, index) => `/products/${index + 1}`),
  ...['Drama', 'Comedy', 'Action', 'Horror'].map((genre) => `/products?genre=${genre}`),
];

/**
 * @param {object} options
 * @param {import('./driver.mjs').Driver} options.driver
 * @param {string} options.databaseUrl
 * @param {(environment: Record<string, string>) => Promise<void>} options.openShop
 * @param {number} options.concurrency
 * @param {import('./progress.mjs').Progress} options.progress
 * @param {(stop: () => Promise<void>) => void} options.onStart
 * @returns {Promise<OutageMeasurement>}
 */
export async function measureOutage({ driver, databaseUrl, openShop, concurrency, progress, onStart }) {
  const primary = await TcpProxy.start(databaseUrl);
  onStart(() => primary.stop());
  await openShop({ DATABASE_URL: primary.url, DATABASE_REPLICA_URL: databaseUrl, CATALOGUE_TTL: `${TTL}` });
  const customers = Array.from({ length: concurrency }, (_, index) => new Visitor(index));
  await run(driver, customers, new Report(), (_, sent) => sent >= PATHS.length);
  const phases = [];
  let before = await figures(driver);
  let back = null;
  for (const [name, seconds] of PHASES) {
    primary.become({ mode: name === 'primary stopped' ? 'down' : 'up' });
    const report = new Report();
    const begin = performance.now();
    const passed = () => performance.now() - begin;
    const share = () => Math.min(1, passed() / seconds / 1_000);
    const look = () => ({ share: share(), requests: report.requests, time: passed() });
    await progress.during(`Catalogue: ${name}`, look, () => run(driver, customers, report, () => share() >= 1));
    const now = await figures(driver);
    const loads = Object.fromEntries(
      Object.keys(now.chosen).map((key) => [key, now.chosen[key] - (before.chosen[key] ?? 0)]),
    );
    phases.push({ name, report, loads, stale: now.stale - before.stale });
    if (name === 'primary back') back = await untilBack(driver, begin);
    before = now;
  }
  const { recovered } = await figures(driver);
  return { phases, back, recovered };
}

/** Nobody asks any more: what backups gave is replaced by itself. */
async function untilBack(driver, begin) {
  for (let waiting = 1; performance.now() - begin < 10_000; await sleep(20)) {
    ({ waiting } = await figures(driver));
    if (waiting === 0) return performance.now() - begin;
  }
  return null;
}

async function figures(driver) {
  const { cache } = await driver.json({ method: 'GET', path: '/stats' });
  const chosen = {};
  for (const { source, chosen: count } of cache.sources.flatMap(({ sources }) => sources))
    chosen[source] = (chosen[source] ?? 0) + count;
  const sum = (name) => cache.sources.reduce((total, chain) => total + chain[name], 0);
  return { chosen, stale: cache.stale, waiting: sum('waiting'), recovered: sum('recovered') };
}

/** Looks at one page after the other. */
class Visitor {
  #next;

  constructor(index) {
    this.#next = index * 7;
  }

  next() {
    const path = PATHS[this.#next++ % PATHS.length];
    return { method: 'GET', path, kind: 'catalogue' };
  }
}

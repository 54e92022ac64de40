// What a seed means: rounds, one after the other on the same servers, and the faults of each. Nothing here depends on time.
import { randomOf } from '../../scripts/demo/random.mjs';
import { FAULTS } from './faults.mjs';

/** Times that are short, so that much happens in a minute. */
export const WRITE_BEHIND = {
  shards: 4,
  flushDelay: 30,
  batchSize: 100,
  grace: 300,
  sweep: 300,
  lease: 1_500,
  rowAttempts: 3,
  constraintRetry: 4_000,
  cacheTtl: 1_000,
  concurrency: 3,
  drainTimeout: 2_000,
  requireDurability: true,
};

/** With odd seeds rows have versions, and children wait for pending parents: both change what becomes of a batch. */
export function entitiesOf(seed) {
  const [item, child] = [
    { schema: 'chaos', table: 'item' },
    { schema: 'chaos', table: 'child' },
  ];
  if (seed % 2 === 0) return { Item: item, Child: child };
  const versionField = 'version';
  return { Item: { ...item, versionField }, Child: { ...child, versionField, dependsOn: ['Item'] } };
}

/** Everything dirty is flushed within delay + grace + sweep + lease. Faults come one after the other, and other programs use
 * this machine, too: four times as long. */
export const boundOf = ({ flushDelay, grace, sweep, lease }) => 4 * (flushDelay + grace + sweep + lease) + 3_000;

/** What a quick run has of each; the most important ones first. */
const QUICK = {
  'kill-worker': 2,
  'kill-begin': 1,
  'kill-written': 1,
  'kill-committed': 2,
  'kill-acking': 1,
  'pause-delete': 1,
  'pause-open': 1,
  'pause-letter': 1,
  'redis-kill': 1,
  'postgres-stop': 1,
  'table-locked': 1,
  'bullmq-gone': 1,
  'bullmq-stray': 1,
  'wakes-dropped': 1,
  'wakes-doubled': 1,
  'kill-writer': 2,
  'cache-evicted': 1,
  deadlock: 1,
  poison: 1,
  'poison-cured': 1,
  'parent-late': 1,
  'unique-moved': 1,
};

/**
 * @typedef {object} Round
 * @property {string} name begins the ids of its rows
 * @property {string} seed
 * @property {string[]} faults in this order
 * @property {number} seconds
 * @property {number} postgresAway ms
 * @property {'always' | 'everysec'} appendfsync
 * @property {number} pool connections of each process
 * @property {object} [writeBehind] other than usual
 */

/**
 * @param {{ seed: number, quick: boolean, seconds?: number, faults?: string[] }} options
 * @returns {Round[]}
 */
export function planOf({ seed, quick, seconds, faults }) {
  const usual = { postgresAway: 2_500, appendfsync: 'everysec', pool: 4 };
  const load = (name, more) => {
    const random = randomOf(`${seed}:${name}`);
    return { ...usual, name, seed: `${seed}:${name}`, faults: faults ?? drawFaults(random, more.seconds), ...more };
  };
  /** A buffer that becomes full, and time for it. */
  const small = { writeBehind: { maxEntries: 2_000, overflow: 'reject' }, postgresAway: 60_000 };
  const alone = faults?.some((name) => FAULTS[name].alone);
  if (faults) return [load('a', { seconds: seconds ?? 5, ...(alone && small) })];
  if (quick) return [load('a', { seconds: seconds ?? 60 })];
  return [
    load('a', { seconds: seconds ?? 150 }),
    load('b', { seconds: seconds ?? 150, appendfsync: 'always' }),
    load('c', { seconds: 1, faults: ['postgres-flood'], ...small }),
  ];
}

/** Each fault that a quick run has, then more of all until the time is filled; shuffled. */
function drawFaults(random, seconds) {
  const chosen = Object.entries(QUICK).flatMap(([name, count]) => Array(count).fill(name));
  const names = Object.keys(FAULTS).filter((name) => !FAULTS[name].alone);
  const duration = () => chosen.reduce((sum, name) => sum + FAULTS[name].seconds, 0);
  while (duration() < seconds) chosen.push(names[Math.floor(random() * names.length)]);
  for (let i = chosen.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [chosen[i], chosen[other]] = [chosen[other], chosen[i]];
  }
  return chosen;
}

/** What each writer does all the time: rows that many share, a few that all want, new rows, and counters that only grow. */
export function lanesOf(prefix) {
  const ids = (kind, count) => Array.from({ length: count }, (_, i) => `${prefix}-${kind}${i}`);
  const mixed = { put: 40, patch: 22, delete: 12, get: 18, getMany: 8 };
  const lane = (name, own, mix, pause) => ({ name, ids: own, mix, pause });
  return [
    ...[1, 2, 3, 4].map((number) => lane(`mixed-${number}`, ids('k', 300), mixed, 14)),
    lane('hot-1', ids('h', 5), { put: 50, patch: 25, delete: 4, get: 21 }, 4),
    lane('hot-2', ids('h', 1), { put: 3, patch: 1 }, 2),
    { name: 'new', ids: [], mix: { put: 1 }, pause: 12 },
    lane('counter', ids('c', 8), { patch: 3, get: 1 }, 8),
  ];
}

export const countersOf = (prefix) => Array.from({ length: 8 }, (_, i) => `${prefix}-c${i}`);

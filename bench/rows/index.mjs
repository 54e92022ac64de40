/**
 * The rows: scenario, subjects, reference and goal. The figures a goal is judged by are medians over the rounds;
 * `ratio` is against the reference of the same round.
 *
 * @typedef {object} Entry
 * @property {string} name unique in its row, as printed
 * @property {string} module file in ../subjects
 * @property {string} [variant] which configuration of it
 * @property {boolean} [ours] the goal applies to it
 *
 * @typedef {object} Medians
 * @property {number} value
 * @property {number} ratio
 * @property {number} [p99Ratio]
 * @property {number} [loads]
 * @property {number} [cpu] µs per row
 * @property {(subject: string) => number} over ratio to another subject than the reference
 *
 * @typedef {object} Row
 * @property {number} id
 * @property {string} scenario
 * @property {'memory' | 'redis' | 'tiered'} tiers
 * @property {boolean} [database] it needs PostgreSQL
 * @property {number} [quickRounds] most rounds of a quick run; for rows whose cases are long
 * @property {number} [cost] length of a case, about, in those of rows 1 to 9; default 1
 * @property {string} unit of the absolute figure: ops/s, rows/s, ns, µs or ms
 * @property {string} [reference] name of the subject that is 1.00x
 * @property {string} goal as printed
 * @property {(medians: Medians) => boolean | string[]} met a list: which parts of the goal are missed
 * @property {Entry[]} subjects the order they run in
 * @property {(handle: any, context: import('./scenarios.mjs').Context) => Promise<import('./scenarios.mjs').Figures>} measure
 */
import { decoratorOverhead, memoryHit, memoryPeek, memorySet, missBurst, redisHit, tieredSet } from './scenarios.mjs';
import { writeBehindRows } from './write-behind.mjs';

const peer = (name, variant) => ({ name: variant ? `${name} (${variant})` : name, module: name, variant });
const ours = (variant, label = variant) => ({
  name: label ? `nestjs-strata (${label})` : 'nestjs-strata',
  module: 'strata',
  variant,
  ours: true,
});
const decorator = (variant, label) => ({ ...ours(variant, label), module: 'strata-decorator' });
const byHand = (variant, label) => ({ name: `by hand: ${label}`, module: 'by-hand', variant });

/** @type {Row[]} */
export const rows = [
  {
    id: 1,
    scenario: 'L1 hit, get-or-load awaited',
    tiers: 'memory',
    unit: 'ops/s',
    reference: 'floor',
    goal: '>= 0.70x floor',
    met: ({ ratio }) => ratio >= 0.7,
    subjects: [
      peer('floor'),
      ours(),
      peer('lru-cache'),
      peer('layered-loader'),
      peer('async-cache-dedupe'),
      peer('bentocache'),
      peer('bentocache', 'reference'),
      peer('cacheable'),
      peer('cacheable', 'reference'),
      peer('cache-manager'),
      peer('cache-manager', 'reference'),
    ],
    measure: memoryHit,
  },
  {
    id: 2,
    scenario: 'L1 hit, synchronous peek',
    tiers: 'memory',
    unit: 'ops/s',
    reference: 'lru-cache',
    goal: '>= 0.5x lru-cache.get with ttl',
    met: ({ ratio }) => ratio >= 0.5,
    subjects: [peer('lru-cache'), ours()],
    measure: memoryPeek,
  },
  {
    id: 3,
    scenario: 'decorator on top of getOrLoad, one number as argument: extra time',
    tiers: 'memory',
    unit: 'ns',
    goal: '<= 60 ns',
    met: ({ value }) => value <= 60,
    subjects: [
      decorator('default', 'default key'),
      // The goal is about what the decorator itself adds: these run the user's function too, for orientation.
      { ...decorator('array', 'key function, array'), ours: false },
      { ...decorator('template', 'key function, template'), ours: false },
      byHand('proxy', 'Proxy'),
      byHand('template', 'template key'),
      byHand('stringify', 'JSON.stringify of arguments'),
    ],
    measure: decoratorOverhead,
  },
  {
    id: 4,
    scenario: 'L2 hit, 64 workers',
    tiers: 'redis',
    unit: 'ops/s',
    reference: 'ioredis',
    goal: '>= 1.5x at p99 <= 1.0x',
    met: ({ ratio, p99Ratio }) => ratio >= 1.5 && p99Ratio <= 1,
    subjects: [
      peer('ioredis'),
      ours(),
      ours('get'),
      peer('ioredis', 'autopipelining'),
      peer('layered-loader'),
      peer('bentocache'),
      peer('cacheable'),
    ],
    measure: redisHit(64),
  },
  {
    id: 5,
    scenario: 'L2 hit, 1 worker',
    tiers: 'redis',
    unit: 'ops/s',
    reference: 'ioredis',
    goal: '>= 0.95x',
    met: ({ ratio }) => ratio >= 0.95,
    subjects: [peer('ioredis'), ours(), peer('layered-loader'), peer('bentocache'), peer('cacheable')],
    measure: redisHit(1),
  },
  {
    id: 6,
    scenario: '1000 concurrent misses of one key, tiered: CPU, less is better',
    tiers: 'tiered',
    unit: 'ms',
    reference: 'layered-loader',
    goal: '1 load; <= 1.1x layered-loader',
    met: ({ ratio, loads }) => ratio <= 1.1 && loads === 1,
    subjects: [peer('layered-loader'), ours(), peer('cache-manager'), peer('cacheable'), peer('bentocache')],
    measure: missBurst('one key'),
  },
  {
    id: 7,
    scenario: '1000 distinct misses at once, tiered: CPU, less is better',
    tiers: 'tiered',
    unit: 'ms',
    reference: 'layered-loader',
    goal: '<= 0.6x layered-loader',
    met: ({ ratio }) => ratio <= 0.6,
    subjects: [peer('layered-loader'), ours(), peer('bentocache'), peer('cache-manager'), peer('cacheable')],
    measure: missBurst('distinct keys'),
  },
  {
    id: 8,
    scenario: 'L1 set into a full cache',
    tiers: 'memory',
    unit: 'ops/s',
    reference: 'lru-cache',
    goal: '>= 0.5x lru-cache with ttl',
    met: ({ ratio }) => ratio >= 0.5,
    subjects: [
      peer('lru-cache'),
      ours(),
      ours('shared', "values: 'shared', no bound on bytes"),
      peer('bentocache'),
      peer('bentocache', 'reference'),
      // No `reference` line: cacheable stores the caller's object in either mode and clones on reads only.
      peer('cacheable'),
    ],
    measure: memorySet,
  },
  {
    id: 9,
    scenario: 'tiered set, 64 workers',
    tiers: 'tiered',
    unit: 'ops/s',
    reference: 'ioredis (autopipelining)',
    goal: '>= 0.85x',
    met: ({ ratio }) => ratio >= 0.85,
    subjects: [peer('ioredis', 'autopipelining'), ours(), peer('bentocache'), peer('cache-manager')],
    measure: tieredSet(64),
  },
  // 11 is about hit ratios: no matter of rounds and clocks.
  ...writeBehindRows,
];

/** @param {number} id */
export function rowById(id) {
  const row = rows.find((one) => one.id === id);
  if (!row) throw new Error(`there is no row ${id}; there are ${rows.map((one) => one.id).join(', ')}`);
  return row;
}

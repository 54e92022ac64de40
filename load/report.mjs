import { table } from '../bench/lib/table.mjs';

export const count = (value) => Math.round(value).toLocaleString('en-US');
export const percent = (value) => `${(100 * value).toFixed(1)} %`;
/** @param {number} ms */
export function time(ms) {
  if (ms < 1e-3) return `${Math.round(ms * 1e6)} ns`;
  if (ms < 1) return `${+(ms * 1e3).toPrecision(3)} µs`;
  return ms < 1_000 ? `${+ms.toPrecision(3)} ms` : `${+(ms / 1_000).toPrecision(3)} s`;
}

/** What was asked of what, in one line each. @returns {[string, string][]} */
export function setting({ options, environment }) {
  const mix = Object.entries(options.mix).filter(([, part]) => part > 0);
  const keys = `${count(options.keys)}, ${options.distribution}${options.distribution === 'zipf' ? ` (${options.skew})` : ''}`;
  const tiers = [
    options.memory && `memory (${count(options.maxEntries)} entries, ${options.eviction})`,
    options.redis && 'Redis',
  ];
  return [
    ['tiers', tiers.filter(Boolean).join(', ')],
    ['callers', count(options.concurrency)],
    ['mix', mix.map(([name, part]) => `${name} ${percent(part)}`).join(', ')],
    ['keys', keys],
    ['value', `about ${count(options.valueSize)} bytes`],
    ['a miss', options.loadMs === undefined ? 'is just a miss' : `loads for ${options.loadMs} ms`],
    ['machine', environment],
  ];
}

/** Where gets were answered. @returns {[string, number, number][]} name, how many, part */
export function answers({ hits }) {
  const asked = hits.memory + hits.redis + hits.misses;
  const part = (value) => (asked === 0 ? 0 : value / asked);
  return [
    ['memory', hits.memory, part(hits.memory)],
    ['Redis', hits.redis, part(hits.redis)],
    ['miss', hits.misses, part(hits.misses)],
  ];
}

export const OPERATION_HEAD = ['operation', 'count', 'per second', 'mean', 'p50', 'p95', 'p99', 'p99.9', 'max'];
export const operationRows = ({ operations }) =>
  operations
    .filter(({ count }) => count > 0)
    .map(({ name, count: all, rate, mean, p50, p95, p99, p999, max }) => [
      name,
      count(all),
      count(rate),
      ...[mean, p50, p95, p99, p999, max].map(time),
    ]);

/** Besides operations and answers. @returns {[string, string][]} */
export function remarks(result) {
  return [
    [
      'all operations',
      `${count(result.operations.reduce((sum, { rate }) => sum + rate, 0))} per second for ${result.seconds.toFixed(1)} s`,
    ],
    ['loads', count(result.hits.loads)],
    ['entries in memory', count(result.entries)],
    ['evicted for lack of room', count(result.evictions)],
    ['CPU of this process', `${percent(result.cpuShare)} of a core`],
    ['event loop delay, p99', time(result.loopDelay)],
    ['errors', result.errors === 0 ? '0' : `${count(result.errors)}, the first: ${result.firstError}`],
  ];
}

const pairs = (rows) => rows.map(([name, value]) => `  ${`${name}`.padEnd(26)}${value}`).join('\n');

export function screen(result) {
  return [
    pairs(setting(result)),
    table([OPERATION_HEAD, ...operationRows(result)]),
    `Gets were answered by\n${pairs(answers(result).map(([name, all, part]) => [name, `${percent(part).padStart(7)}  ${count(all)}`]))}`,
    pairs(remarks(result)),
  ].join('\n\n');
}

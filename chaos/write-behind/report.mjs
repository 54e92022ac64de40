import { table, whole } from '../lib/table.mjs';

/** What is checked, by number: the invariants of docs/write-behind.md, and 0. */
const RULES = [
  'a process ended by itself, or broke its bounds',
  'never nowhere',
  'leaves by ACK or FAIL',
  'due, versions and payloads hold the same',
  'versions grow',
  'one epoch, never back',
  'Postgres has the last write',
  'readers see it',
  'flushed in time',
  'no process clock',
  'hot keys, no increment lost',
];

/**
 * @typedef {Pick<import('./suite.mjs').WriteBehindSuite, 'faults' | 'figures' | 'violations'> & { seed: string, seconds: number }} Result
 */

/** @param {Result} result */
export function report({ seed, seconds, figures, faults, violations }) {
  const { acknowledged, unknown, refused, rows, reads, letters, drain, delay, memory } = figures;
  const run = table('run', [
    ['seed', seed],
    ['seconds', seconds],
    ['writes acknowledged', acknowledged],
    ['  outcome unknown', unknown],
    ['  refused', refused],
    ['rows flushed', rows],
    ['writes per row flushed', (acknowledged / rows).toFixed(2)],
    ['reads checked', reads],
    ['dead letters, as expected', letters],
    ['worst drain time', `${whole(drain)} ms`],
    ['longest until a commit, no outage', `${whole(delay)} ms`],
    ['most memory of Redis', `${(memory / 2 ** 20).toFixed(1)} MiB`],
    ['violations', violations.length],
  ]);
  const broken = violations.map(({ round, rule, key, text, history = [] }) => {
    const head = `VIOLATION ${rule} (${RULES[rule]}), round ${round}${key ? `, ${key}` : ''}`;
    return [head, `  ${text}`, ...history.map((line) => `    ${line}`)].join('\n');
  });
  return [table('fault', [...faults]), run, ...broken].join('\n\n');
}

/** Figures that are the most of something; all others are counts. */
export const MOST = new Set(['drain', 'dirty', 'delay', 'memory']);

import { table, whole } from '../lib/table.mjs';

/** What is checked, by number. */
const RULES = [
  'a process ended by itself, or did not come to its end',
  'a process reads its own changes',
  'eventual: never older than the bound',
  'strong: never older than a completed change',
  'strong: reads never go back',
  'nothing is stale for ever',
  'trouble with Redis is no exception',
  'answered in time',
  'everything is cached again',
];

/**
 * @typedef {Pick<import('./suite.mjs').CoherenceSuite, 'faults' | 'figures' | 'violations'> & { seed: string, seconds: number }} Result
 */

/** @param {Result} result */
export function report({ seed, seconds, figures, faults, violations }) {
  const { reads, strong, stale, longest, changes, undelivered, exempt, loads, refused, waited, slowest } = figures;
  const run = table('run', [
    ['seed', seed],
    ['seconds', seconds],
    ['reads checked', reads],
    ['  strong', strong],
    ['  answered from memory', `${((100 * figures.memory) / figures.requests).toFixed(0)} %`],
    ['  older than a change elsewhere', `${whole(stale)}`],
    ['  longest of these', `${whole(longest)} ms of ${figures.bound} ms`],
    ['slowest read', `${whole(slowest)} ms`],
    ['changes (rows written and invalidated)', changes],
    ['  not confirmed at first', undelivered],
    ['  exempt: their process died too early', exempt],
    ['loads', loads],
    ['  refused by a change meanwhile', refused],
    ['  waited for another process', waited],
    ['violations', violations.length],
  ]);
  const broken = violations.map(({ rule, key, text, history = [] }) => {
    const head = `VIOLATION ${rule} (${RULES[rule]})${key ? `, ${key}` : ''}`;
    return [head, `  ${text}`, ...history.map((line) => `    ${line}`)].join('\n');
  });
  return [table('fault', [...faults]), run, ...broken].join('\n\n');
}

/** Figures that are the most of something; all others are counts. */
export const MOST = new Set(['longest', 'slowest', 'bound']);

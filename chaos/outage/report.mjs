import { table, whole } from '../lib/table.mjs';

/** What is checked, by number. */
const RULES = [
  'a process ended by itself',
  'no request fails, and each has an end, while the source works',
  'none waits longer than a command and the source',
  'most wait for the source only',
  'no stampede on the source when Redis is back',
  'as before within five seconds',
  'what was changed meanwhile stays changed',
];

/** @param {{ seed: string, seconds: number, faults: Map<string, number>, figures: Record<string, number>, violations: { rule: number, text: string }[] }} result */
export function report({ seed, seconds, figures, faults, violations }) {
  const rows = Object.entries(figures).map(([name, value]) => [name, Number.isFinite(value) ? whole(value) : 'never']);
  const run = table('run', [['seed', seed], ['seconds', seconds], ...rows, ['violations', violations.length]]);
  const broken = violations.map(({ rule, text }) => `VIOLATION ${rule} (${RULES[rule]}): ${text}`);
  return [table('fault', [...faults]), run, ...broken].join('\n\n');
}

/** Figures that are the most of something; all others are counts. */
export const MOST = { has: (name) => /\b(ms|second)\b/.test(name) };

/** One line for each second; `source`: 99 % of its queries took no longer, in ms. @param {import('./measure.mjs').Stretch[]} all */
export function series(all, first) {
  const line = (cells) => cells.map((cell) => `${cell}`.padStart(9)).join('');
  const head = line(['second', 'requests', 'p50 ms', 'p99 ms', 'loads', 'hits %', 'source']);
  const rows = all.map(({ requests, p50, p99, loads, missed, source }, i) =>
    line([
      first + i,
      requests,
      p50.toFixed(1),
      p99.toFixed(0),
      loads,
      (100 * (1 - missed)).toFixed(0),
      source.toFixed(0),
    ]),
  );
  return [head, ...rows].join('\n');
}

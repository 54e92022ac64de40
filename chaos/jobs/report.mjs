import { table, whole } from '../lib/table.mjs';

/** What is checked, by number. */
const RULES = [
  'a process ended by itself',
  'the work of the leader is never done by two at once',
  'another process takes over within the lease',
  'nobody does it without a lease',
];

/** @param {{ seed: string, seconds: number, faults: Map<string, number>, figures: Record<string, number>, violations: { rule: number, text: string }[] }} result */
export function report({ seed, seconds, figures, faults, violations }) {
  const rows = Object.entries(figures).map(([name, value]) => [name, Number.isFinite(value) ? whole(value) : 'never']);
  const run = table('run', [['seed', seed], ['seconds', seconds], ...rows, ['violations', violations.length]]);
  const broken = violations.map(({ rule, text }) => `VIOLATION ${rule} (${RULES[rule]}): ${text}`);
  return [table('fault', [...faults]), run, ...broken].join('\n\n');
}

/** Figures that are the most of something; all others are counts. */
export const MOST = { has: (name) => /\bms\b/.test(name) };

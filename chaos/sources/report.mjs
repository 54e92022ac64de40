import { table, whole } from '../lib/table.mjs';

/** What is checked, by number. */
const RULES = [
  'the storefront ended by itself',
  'every request is answered while any source or stale value is there',
  '99 % within softTimeout + 20 ms (and what the machine takes itself)',
  'a primary whose breaker is open is left alone',
  'no value of a backup lives longer than it may',
  "values of backups are replaced by the primary's in the background",
  'a primary that is back is asked again',
];

/** @param {{ seed: string, seconds: number, figures: any, faults: Map<string, number>, violations: any[] }} result */
export function report({ seed, seconds, figures, faults, violations }) {
  const { requests, failed } = figures;
  const run = table('run', [
    ['seed', seed],
    ['seconds', seconds],
    ['requests', requests],
    ['  for what nobody asked for before', figures.cold],
    ['  answered', `${((100 * (requests - failed)) / requests).toFixed(3)} %`],
    ['p99 of the worst step', `${whole(figures.p99)} ms`],
    ['  what the machine took itself in it', `${whole(figures.noise)} ms`],
    ['p99 before any fault', `${whole(figures.calm)} ms`],
    ['loads answered by the primary', figures.primary],
    ['  by the replica', figures.replica],
    ['  by the snapshot', figures.snapshot],
    ['  by a stale value', figures.stale],
    ['calls kept from the primary by its breakers', figures.refused],
    ['  tries that reached it meanwhile', `${whole(figures.tries)} of ${whole(figures.allowed)} allowed`],
    ["values of backups replaced by the primary's", figures.recovered],
    ['searches kept at the end', figures.searches],
    ['  from backups then', figures.ofBackups],
    ['  replaced or gone after', `${whole(figures.replaced)} ms`],
    ['  from backups past their life', figures.left],
    ['violations', violations.length],
  ]);
  const broken = violations.map(({ rule, text }) => `VIOLATION ${rule} (${RULES[rule]})\n  ${text}`);
  return [table('fault', [...faults]), run, ...broken].join('\n\n');
}

/** Figures that are the most of something; all others are counts. */
export const MOST = new Set(['p99', 'noise', 'calm', 'replaced']);

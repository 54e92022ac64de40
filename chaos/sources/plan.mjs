// What a run consists of: faults one after the other, each with a time to recover after it.
import { randomOf } from '../../scripts/demo/random.mjs';
import { FAULTS } from './faults.mjs';

/** What the storefront promises; see FALLBACK and the policies of the storefront. Milliseconds. */
export const PROMISE = { softTimeout: 250, over: 20, halfOpenAfter: 1_000, backupTtl: 5_000 };

/** Milliseconds: of a fault, and of the time after it. */
const QUICK = { fault: 1_800, recovery: 2_200 };
const WHOLE = { fault: 6_000, recovery: 4_000 };

/** @typedef {{ seed: number, steps: { name: string, fault: number, recovery: number }[] }} Plan */

/** @returns {Plan} */
export function planOf({ seed, quick, seconds, faults }) {
  const random = randomOf(`sources ${seed}`);
  const names = faults ?? shuffled(Object.keys(FAULTS), random);
  const times = quick ? QUICK : WHOLE;
  const rounds = quick || faults ? 1 : 2;
  const fault = seconds === undefined ? times.fault : Math.max(times.fault, (1_000 * seconds) / names.length / rounds);
  const once = names.map((name) => ({ name, fault, recovery: times.recovery }));
  return { seed, steps: Array.from({ length: rounds }, () => once).flat() };
}

function shuffled(items, random) {
  return items
    .map((item) => [random(), item])
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

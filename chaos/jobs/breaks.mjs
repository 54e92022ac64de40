// `--mutations`, `--break <name>`: mistakes made on purpose, in the processes of a run. Each must be found by the checker.
import { breakBuild } from '../lib/breaks.mjs';

/** @type {Record<string, { what: string, rules: number[], faults: string[], make(inside: import('../lib/breaks.mjs').Inside): void }>} */
export const BREAKS = {
  'all-lead': {
    what: 'each process leads',
    rules: [1],
    faults: ['kill'],
    make: ({ replace }) =>
      replace(
        'Leadership',
        'tick',
        () =>
          async function () {
            const held = { held: true, signal: new AbortController().signal, release: async () => {} };
            if (!this.lease) this.leading.elected(held);
            this.lease = held;
          },
      ),
  },
  'lease-for-ever': {
    what: 'believe in a lease until Redis says that it is gone',
    rules: [3],
    faults: ['redis-pause'],
    make: ({ replace }) =>
      replace(
        'TakenLease',
        'endIn',
        () =>
          function () {
            this.until = Number.POSITIVE_INFINITY;
          },
      ),
  },
  'long-lease': {
    what: 'a lease that outlives its process for long',
    rules: [2],
    faults: ['kill'],
    make: ({ replace }) =>
      replace(
        'Leadership',
        'tick',
        (tick) =>
          function () {
            this.life = 60_000;
            return tick.call(this);
          },
      ),
  },
  'no-release': {
    what: 'a process that ends keeps its lease',
    rules: [2],
    faults: ['close', 'close'],
    make: ({ replace }) => replace('Leadership', 'resign', () => async () => {}),
  },
};

/** Where the build has what is replaced. */
const PLACES = {
  Leadership: 'jobs/leadership.js',
  TakenLease: 'engine/lease.js',
};

/** @param {string | undefined} name @param {string} dist */
export async function applyBreak(name, dist) {
  if (name !== undefined) await breakBuild(name, BREAKS[name].make, dist, PLACES);
}

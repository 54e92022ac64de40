// What a run of this suite is: how many processes, under which load, and for how long Redis is away.

export const MEMBERS = 3;
export const ITEMS = 1_500;

/** The defaults of the package but for the names, so that what is measured is what users get. */
export const TIER = { bound: 2_000, commandTimeout: 500 };

/** What each process does, per second. */
export const LOAD = { reads: 120, evictions: 2, writes: 1, sets: 2 };

/** Latency of the source in ms: most of its queries are quick, one in a hundred takes long. */
export const SOURCE = { least: 3, spread: 12, slow: 60, slowShare: 0.01 };

/** How long each process looks how it is without trouble, before it comes. */
export const CALM_MS = 5_000;
/** How long it is looked at when Redis is back. */
export const AFTER_MS = 9_000;
/** When all has to be as before. */
export const NORMAL_MS = 5_000;

/** @param {{ quick: boolean, seconds?: number, faults?: string[] }} options */
export function planOf({ quick, seconds, faults }, all) {
  // Shorter, and it would be over with the lease, before anything could be seen.
  return { faults: faults ?? all, away: Math.max(2 * TIER.bound, 1_000 * (seconds ?? (quick ? 5 : 30))) };
}

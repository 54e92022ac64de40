// What a run of this suite is.
import { randomOf } from '../../scripts/demo/random.mjs';

export const MEMBERS = 3;

/** Of the jobs, in ms. `every`: how often the leader looks for what is to be loaded. */
export const LEASE = 3_000;
export const EVERY = 200;

/** What a lease is told to Redis as: so long a leader that nobody hears of leads at most. And how often all look. See `Leadership`. */
export const LIFE = 0.75 * LEASE;
export const LOOK = 0.2 * LEASE;

export const COMMAND_TIMEOUT = 500;

/** What a busy machine adds, in ms. */
export const NOISE = 1_000;

/**
 * Always to be kept warm; each is loaded for so long, and lives so long, in ms; so many at once. That is more than can be done, so
 * that whoever leads is always at it, and whoever takes over has something to load.
 */
export const KEYS = Array.from({ length: 100 }, (_, i) => `film:${i}`);
export const LOAD = { least: 60, spread: 80 };
export const TTL = 4_000;
export const AT_ONCE = 2;

/** @param {{ seed: number, quick: boolean, seconds?: number, faults?: string[] }} options @param {string[]} all */
export function planOf({ seed, quick, seconds, faults }, all) {
  const random = randomOf(`jobs ${seed}`);
  const names =
    faults ??
    all
      .map((name) => [random(), name])
      .sort()
      .map(([, name]) => name);
  const rounds = faults ? 1 : quick ? 1 : 4;
  return { faults: Array.from({ length: rounds }, () => names).flat(), least: 1_000 * (seconds ?? 0) };
}

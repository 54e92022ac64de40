import { median, seconds, stretch } from './measure.mjs';
import { NORMAL_MS, TIER } from './plan.mjs';

/** What a busy machine adds to a percentile, in ms. */
const NOISE_MS = 40;
/** Half of the misses take no longer than the source and this: nobody waits for a Redis that is known to be away. */
const WAIT_MS = 30;
/** So much more of the requests may be loaded than before, in a second that counts as normal. */
const MISSED = 0.05;

/** Once the lease has ended, memory still believes for the bound what was loaded since: no more than this share of the requests may be loaded. */
const MOST_MISSED = 0.8;

/** @typedef {{ rule: number, text: string }} Violation */

/**
 * Judges one outage.
 * @param {object} seen of all processes
 * @param {{ calm: number, away: number, back: number, end: number, settled: number | undefined }} times in µs; `settled`: all processes
 * have their connections, are believed, and have delivered everything
 */
export function judge(seen, { calm, away, back, end, settled }) {
  const before = stretch(seen, calm, away);
  const during = stretch(seen, away, back);
  const alone = stretch(seen, Math.min(away + 1_000 * TIER.bound, back), back);
  const after = seconds(seen, back, end);
  const loadsBefore = seconds(seen, calm, away).map(({ loads }) => loads);
  const loadsDuring = seconds(seen, away, back).map(({ loads }) => loads);
  const usual = median(loadsDuring);
  const atReturn = Math.max(...after.map(({ loads }) => loads));
  const normal = normalAfter(before, after);
  const ready = settled === undefined ? Number.POSITIVE_INFINITY : (settled - back) / 1_000;
  const violations = [];
  const check = (rule, good, text) => good || violations.push({ rule, text });
  const source = Math.max(before.source, during.source);
  check(
    2,
    during.p99 <= source + TIER.commandTimeout + NOISE_MS,
    `99 % of the requests took up to ${during.p99.toFixed(0)} ms, of the source ${source.toFixed(0)} ms, and a command may take ${TIER.commandTimeout} ms`,
  );
  check(
    3,
    during.waited <= WAIT_MS,
    `half of the misses waited ${during.waited.toFixed(0)} ms or more besides their load`,
  );
  check(
    4,
    atReturn <= 1.5 * usual + 30,
    `${atReturn} loads in a second after the return, ${usual} in one of the outage: those who wait come all at once`,
  );
  check(
    4,
    alone.missed <= MOST_MISSED,
    `without Redis and lease ${(100 * alone.missed).toFixed(0)} % of the requests reached the source: memory keeps nothing from it`,
  );
  check(5, normal <= NORMAL_MS, `latencies and hits were as before ${inSeconds(normal)} after the return`);
  check(
    5,
    ready <= NORMAL_MS,
    `everybody was connected, believed and had told everything ${inSeconds(ready)} after the return`,
  );
  return {
    violations,
    figures: {
      'requests, before': before.requests,
      'requests, without Redis': during.requests,
      'p50 before, ms': before.p50,
      'p50 without Redis, ms': during.p50,
      'p99 before, ms': before.p99,
      'p99 without Redis, ms': during.p99,
      'p99 of the source, ms': source,
      'besides the load a miss took without Redis, median in ms': during.waited,
      'loads a second, before': median(loadsBefore),
      'loads a second, without Redis': usual,
      'most loads in a second after the return': atReturn,
      'hits and latencies as before, ms after the return': normal,
      'connected, believed, all told, ms after the return': ready,
    },
  };
}

/** So many of the seconds that follow may be odd: the machine does other things, too. */
const [WINDOW, ODD] = [4, 1];

/** When the first second begins that is like those before, and is followed by such; in ms after the return. */
function normalAfter(before, after) {
  const odd = after.map(
    ({ missed, p50, p95, source }) =>
      missed > before.missed + MISSED || p50 > 2 * before.p50 + 5 || p95 > 2 * before.p95 + source + NOISE_MS,
  );
  const first = odd.findIndex((one, i) => !one && odd.slice(i, i + WINDOW).filter(Boolean).length <= ODD);
  return first < 0 ? Number.POSITIVE_INFINITY : 1_000 * first;
}

const inSeconds = (ms) => (Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : 'not at all');

import { CacheOptionsError, type OptionProblem } from '../../cache.errors.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from '../duration.js';
import type { LimitRange } from './adaptive-limit.js';
import type { LanePriority } from './lane-request.js';

/** How many runs at once: a number, or a range in which the limit follows what the source bears. */
export type LaneLimit = number | 'adaptive' | Partial<LimitRange>;

/** Limits of a lane, and of the loads of a cache or policy. */
export interface LaneBounds {
  /**
   * How many at once. A number; or `'adaptive'`, the default: between 1 and 200, from 20 on, as the time that they take tells; or
   * `{ min, max, initial }` of that.
   */
  concurrency?: LaneLimit;
  /** How many may wait for their turn. Beyond it `OverloadError` comes at once. Default 1,000; `0`: nobody waits. */
  queue?: number;
  /** Longest time in the queue; then `OverloadError` comes. Default `'5s'`; `Infinity`: no end. */
  queueTimeout?: Duration;
}

/** What a single run may say. */
export interface LaneRunOptions {
  /** Runs with the same key run one after the other, in the order in which they were called. Default: none. */
  key?: string;
  /**
   * `'interactive'` (default) goes first. `'background'` takes at most half of the limit, gives way to interactive work in a full queue,
   * and of ten runs that begin while both wait one is in the background, so that it never stands still.
   */
  priority?: LanePriority;
  /** While it waits, aborting takes it out of the queue at once (`run` rejects with the signal's reason). Passed on to the work. */
  signal?: AbortSignal;
  /** Longest time in the queue; at most that of the lane. */
  deadline?: Duration;
  /** After so long, in ms, its place is free again although it has not ended. Default: it keeps its place until it ends. */
  lostAfter?: Milliseconds;
}

export interface ResolvedBounds {
  readonly limit: number | LimitRange;
  readonly queue: number;
  readonly deadline: Milliseconds;
}

const ADAPTIVE: LimitRange = { min: 1, max: 200, initial: 20 };

type Fail = (option: string, value: unknown, remedy: string) => void;

/** Checks and fills the bounds; tells `fail` of everything that is wrong. */
export function resolveBounds(bounds: LaneBounds, fail: Fail): ResolvedBounds {
  const { concurrency = 'adaptive', queue = 1_000, queueTimeout = 5_000 } = bounds;
  if (!(Number.isInteger(queue) || queue === Number.POSITIVE_INFINITY) || queue < 0) {
    fail('queue', queue, 'Use a whole number from 0.');
  } else if (queue === Number.POSITIVE_INFINITY) {
    fail('queue', queue, 'A queue needs an end: use a number, e.g. 1000.');
  }
  const deadline = parseDuration(queueTimeout);
  if (deadline === undefined || deadline === 0) {
    fail('queueTimeout', queueTimeout, `It must be above 0. ${DURATION_REMEDY}`);
  }
  return { limit: resolveLimit(concurrency, fail), queue, deadline: deadline ?? 0 };
}

function resolveLimit(limit: LaneLimit, fail: Fail): number | LimitRange {
  if (typeof limit === 'number') {
    if (!Number.isInteger(limit) || limit < 1) fail('concurrency', limit, "Use a whole number from 1, or 'adaptive'.");
    return limit;
  }
  if (limit === 'adaptive') return ADAPTIVE;
  const remedy = "Use a number, 'adaptive' or { min, max, initial } with 1 <= min <= initial <= max.";
  if (typeof limit !== 'object' || limit === null) {
    fail('concurrency', limit, remedy);
    return ADAPTIVE;
  }
  const { min = ADAPTIVE.min, max = Math.max(ADAPTIVE.max, min) } = limit;
  const initial = limit.initial ?? Math.min(max, Math.max(min, ADAPTIVE.initial));
  const whole = [min, max, initial].every((value) => Number.isInteger(value));
  const known = Object.keys(limit).every((name) => name in ADAPTIVE);
  if (!whole || !known || min < 1 || initial < min || max < initial) fail('concurrency', limit, remedy);
  return { min, max, initial };
}

export function resolveLane(options: LaneBounds & { name?: string }): ResolvedBounds & { name: string } {
  const problems: OptionProblem[] = [];
  const bounds = resolveBounds(options, (option, value, remedy) => problems.push({ option, value, remedy }));
  if (problems.length > 0) throw new CacheOptionsError(problems, 'A lane is configured wrongly');
  return { ...bounds, name: options.name ?? 'lane' };
}

export function checkRun({ priority, deadline, lostAfter, key }: LaneRunOptions): void {
  const problems: OptionProblem[] = [];
  if (priority !== undefined && priority !== 'interactive' && priority !== 'background') {
    problems.push({ option: 'priority', value: priority, remedy: "Use 'interactive' or 'background'." });
  }
  if (key !== undefined && typeof key !== 'string') {
    problems.push({ option: 'key', value: key, remedy: 'Use a text.' });
  }
  if (deadline !== undefined && !parseDuration(deadline)) {
    problems.push({ option: 'deadline', value: deadline, remedy: DURATION_REMEDY });
  }
  if (lostAfter !== undefined && !(typeof lostAfter === 'number' && lostAfter > 0)) {
    problems.push({ option: 'lostAfter', value: lostAfter, remedy: 'Use a positive number of milliseconds.' });
  }
  if (problems.length > 0) throw new CacheOptionsError(problems, 'A run of a lane is wrong');
}

import { type Check, isNumber, isRecord } from '../cache.check.js';
import type { Duration, Milliseconds } from '../engine/duration.js';
import { type CacheKey, encodeKey } from '../engine/key.js';

/** Clears memory of entries that are over. */
export interface SweepOptions {
  /** Default `true`. `false`: an entry that is over stays until it is asked for, or its room is needed. */
  enabled?: boolean;
  /** How often. Default `'30s'`. Shorter: memory is free sooner, for a little work. */
  every?: Duration;
  /** For how long at most the event loop is held up at a time. Default `'1ms'`. Shorter: the walk takes more turns. */
  slice?: Duration;
}

/** Learns which keys are asked for, and loads them again before they are missed. */
export interface WarmOptions {
  /** Default `true`. `false`: nothing is learned, nothing is loaded ahead. */
  enabled?: boolean;
  /** How many keys of each cache are remembered and kept warm. Default 1,000. More: more loads ahead, more in Redis (about 300 bytes each). */
  keys?: number;
  /** How many loads run at once, in the one process of the cluster that warms. Default 4. More: warm sooner, more load on the source. */
  concurrency?: number;
  /** How long one warm-up may take; what is left then is not loaded. Default `'1m'`. */
  timeLimit?: Duration;
  /**
   * For how long the start of the app waits for its warm-up, in `onApplicationBootstrap`, before it takes requests. Default 0: it
   * does not wait. Longer: fewer misses after a deploy, and a later start. At most `timeLimit`. The process that leads waits for its
   * loads, any other one until it has fetched what Redis has by then.
   */
  wait?: Duration;
  /** How often the process that leads looks for popular keys that are about to expire. Default `'10s'`. */
  every?: Duration;
  /**
   * A popular key is loaded before it expires only if at least so many requests for it are expected during its next life.
   * Default 10. Lower: fewer misses, more loads for nothing.
   */
  atLeast?: number;
  /** How often each process tells the others, through Redis, what was asked for. Default `'10s'`. What was not told is lost when a process dies. */
  learnEvery?: Duration;
  /** After this time a request counts half. Default `'1h'`. Shorter: follows changes sooner, forgets the night's rest sooner. */
  halfLife?: Duration;
  /** Keys to keep warm whatever is asked for; each needs a loader (`cache.loader(prefix, load)`). For methods see `warm` of `@Cacheable`. */
  always?: readonly CacheKey[];
}

/** Tells what to change. */
export interface AdviseOptions {
  /** Default `true`. `false`: no advice, and nothing is measured for it. */
  enabled?: boolean;
  /** How often; each time what was measured since the last time is judged. Default `'1m'`. */
  every?: Duration;
  /** Hit ratio of all tiers together under which advice is given, 0 to 1. Default 0.8. */
  hitRatio?: number;
  /** Share of memory's `maxBytes` above which advice is given, 0 to 1. Default 0.8. */
  memory?: number;
  /** Fewer requests than this between two looks say nothing. Default 1,000. */
  atLeast?: number;
  /** The same advice is not logged again before this time. Default `'1h'`. The event `advice` comes every time. */
  repeatAfter?: Duration;
}

/** What the cache does by itself, as intervals in the `SchedulerRegistry` of `@nestjs/schedule` (`nestjs-strata:sweep`, ...). */
export interface JobsOptions {
  /** Default `true`. `false`: no jobs at all. */
  enabled?: boolean;
  /** One process of the cluster does what need not be done by all. When it dies another one takes over within this time. Default `'10s'`. */
  lease?: Duration;
  sweep?: SweepOptions;
  warm?: WarmOptions;
  advise?: AdviseOptions;
}

/** Checked, filled, in milliseconds. */
export interface ResolvedJobs {
  enabled: boolean;
  lease: Milliseconds;
  sweep: { enabled: boolean; every: Milliseconds; slice: Milliseconds };
  warm: {
    enabled: boolean;
    keys: number;
    concurrency: number;
    timeLimit: Milliseconds;
    wait: Milliseconds;
    every: Milliseconds;
    atLeast: number;
    learnEvery: Milliseconds;
    halfLife: Milliseconds;
    always: readonly CacheKey[];
  };
  advise: {
    enabled: boolean;
    every: Milliseconds;
    hitRatio: number;
    memory: number;
    atLeast: number;
    repeatAfter: Milliseconds;
  };
}

const NAMES = {
  jobs: ['enabled', 'lease', 'sweep', 'warm', 'advise'],
  sweep: ['enabled', 'every', 'slice'],
  warm: ['enabled', 'keys', 'concurrency', 'timeLimit', 'wait', 'every', 'atLeast', 'learnEvery', 'halfLife', 'always'],
  advise: ['enabled', 'every', 'hitRatio', 'memory', 'atLeast', 'repeatAfter'],
};

/** Often enough for anybody. */
const SHORTEST = 10;

export function resolveJobs(check: Check, options: JobsOptions = {}): ResolvedJobs {
  const jobs = group<JobsOptions>(check, 'jobs', options);
  const inside = check.inside('jobs');
  const sweep = group<SweepOptions>(inside, 'sweep', jobs.sweep);
  const warm = group<WarmOptions>(inside, 'warm', jobs.warm);
  const advise = group<AdviseOptions>(inside, 'advise', jobs.advise);
  return {
    enabled: flag(inside, 'enabled', jobs.enabled),
    lease: inside.time('lease', jobs.lease, 10_000, 100),
    sweep: resolveSweep(inside.inside('sweep'), sweep),
    warm: resolveWarm(inside.inside('warm'), warm),
    advise: resolveAdvise(inside.inside('advise'), advise),
  };
}

function resolveSweep(check: Check, options: SweepOptions): ResolvedJobs['sweep'] {
  return {
    enabled: flag(check, 'enabled', options.enabled),
    every: check.time('every', options.every, 30_000, SHORTEST),
    slice: check.time('slice', options.slice, 1, 1),
  };
}

function resolveWarm(check: Check, options: WarmOptions): ResolvedJobs['warm'] {
  const { always = [] } = options;
  if (!Array.isArray(always) || !always.every(isKey)) {
    check.fail('always', always, "Pass an array of keys: [['settings']].");
  }
  const timeLimit = check.time('timeLimit', options.timeLimit, 60_000, 1);
  const wait = check.time('wait', options.wait, 0, 0);
  if (wait > timeLimit) check.fail('wait', options.wait, 'Pass a timeLimit that is as long: a warm-up ends with that.');
  return {
    enabled: flag(check, 'enabled', options.enabled),
    keys: count(check, 'keys', options.keys, 1_000, 1, 100_000),
    concurrency: count(check, 'concurrency', options.concurrency, 4, 1, 1_000),
    timeLimit,
    wait,
    every: check.time('every', options.every, 10_000, SHORTEST),
    atLeast: count(check, 'atLeast', options.atLeast, 10, 1, 1_000_000),
    learnEvery: check.time('learnEvery', options.learnEvery, 10_000, SHORTEST),
    halfLife: check.time('halfLife', options.halfLife, 3_600_000, 1_000),
    always: Array.isArray(always) ? always : [],
  };
}

function isKey(key: unknown): boolean {
  try {
    encodeKey(key as CacheKey);
    return true;
  } catch {
    return false;
  }
}

function resolveAdvise(check: Check, options: AdviseOptions): ResolvedJobs['advise'] {
  return {
    enabled: flag(check, 'enabled', options.enabled),
    every: check.time('every', options.every, 60_000, SHORTEST),
    hitRatio: share(check, 'hitRatio', options.hitRatio),
    memory: share(check, 'memory', options.memory),
    atLeast: count(check, 'atLeast', options.atLeast, 1_000, 1, 1_000_000_000),
    repeatAfter: check.time('repeatAfter', options.repeatAfter, 3_600_000, 0),
  };
}

function group<Options extends object>(check: Check, name: keyof typeof NAMES, value: Options | undefined): Options {
  if (value === undefined) return {} as Options;
  if (isRecord(value)) {
    check.inside(name).known(value, NAMES[name]);
    return value;
  }
  check.fail(name, value, 'Pass an object; { enabled: false } to switch it off.');
  return {} as Options;
}

function flag(check: Check, option: string, value: boolean | undefined): boolean {
  if (value !== undefined && typeof value !== 'boolean') check.fail(option, value, 'Use true or false.');
  return value !== false;
}

function count(check: Check, option: string, value: number | undefined, fallback: number, least: number, most: number) {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  check.fail(option, value, `Use a whole number from ${least} to ${most}.`);
  return fallback;
}

function share(check: Check, option: string, value = 0.8): number {
  if (!(isNumber(value) && value >= 0 && value <= 1)) check.fail(option, value, 'Use a share from 0 to 1, e.g. 0.8.');
  return value;
}

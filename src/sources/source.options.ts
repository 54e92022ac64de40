import { type Check, isFunction, isNumber, isRecord } from '../cache.check.js';
import { type Duration, FOREVER, type Milliseconds } from '../engine/duration.js';
import { type LaneBounds, type LaneLimit, resolveBounds } from '../engine/lanes/lane.options.js';
import { isSourceName, SOURCE_NAME_REMEDY } from '../engine/load-context.js';
import { isClientError } from './client-error.js';

/** How a source is asked. What a source does not say itself is taken from its chain. */
export interface SourceOptions {
  /**
   * How long one attempt may take; then it has failed and its signal is aborted. Default `'10s'`. `Infinity`: no limit, and a
   * source that hangs is never replaced by its backup.
   */
  timeout?: Duration;
  /**
   * How often a failed call is tried again before the next source is asked, and after which delays: the n-th is a random part of
   * `delay * 2^(n-1)`, at most `maxDelay` ("full jitter", https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
   * Default `0`: not at all. A number stands for `{ times }`. Default delays `'100ms'` and `'1s'`. Only for calls that may run twice.
   */
  retry?: number | { times: number; delay?: Duration; maxDelay?: Duration };
  /**
   * The circuit breaker; `false`: none. It opens when of the latest `calls` attempts (default 20), at least `minimum` (default 10),
   * more than the share `threshold` (default 0.5) failed. Then the source is not asked for `halfOpenAfter` (default `'5s'`); after
   * that one call tries it while all others go to the next source: if it answers the breaker closes, else it stays open for as long again. The last of several
   * sources has none unless it says so itself: if it refused, nobody would answer, though all sources may be back.
   */
  breaker?: false | { threshold?: number; calls?: number; minimum?: number; halfOpenAfter?: Duration };
  /**
   * How many calls of this source may run at the same time, and how many may wait; more are refused at once, and go to the next
   * source. Default: any number. A number, `'adaptive'`, or bounds of a `Lane`, `{ concurrency, queue, queueTimeout }`, whose `queue` is 0
   * by default here. Said of a chain, it is that of the first
   * source.
   */
  concurrency?: LaneLimit | LaneBounds;
  /**
   * Whether an error is a failure of the source: retried, counted by the breaker, replaced by a backup. Others are answers and go to
   * the caller. Default: all but those whose status is 4xx, without 408 and 429 (`HttpException`, `RpcException`, GraphQL errors made from them).
   */
  shouldHandle?: (error: unknown) => boolean;
}

/**
 * Asks the next source as well when this one is slow, and takes the answer that comes first; the loser's signal is aborted.
 * `true` and `{ after: 'p95' }`: slower than 95 % of its own latest 256 answers were (from 20 on). Or after a fixed time.
 */
export type HedgeOption = boolean | { after?: Duration | 'p95' };

/** What a chain adds. */
export interface ChainOptions extends SourceOptions {
  /** Ask the next source when one is slow, not only when it failed. Default `false`. It costs about 5 % more calls. */
  hedge?: HedgeOption;
  /**
   * How long a cached value from a backup lives at most. Default `'30s'`. When the primary is back it is replaced earlier, in the
   * background.
   */
  backupTtl?: Duration;
  /** How many values from backups are remembered for that. Default 1,000; what is beyond that lives for `backupTtl`. */
  maxRecovering?: number;
}

export interface ResolvedSource {
  readonly timeout: Milliseconds;
  readonly retry: { readonly times: number; readonly delay: Milliseconds; readonly maxDelay: Milliseconds };
  readonly breaker: ResolvedBreaker | undefined;
  readonly concurrency: LaneBounds | undefined;
  readonly shouldHandle: (error: unknown) => boolean;
}

export interface ResolvedBreaker {
  readonly threshold: number;
  readonly calls: number;
  readonly minimum: number;
  readonly halfOpenAfter: Milliseconds;
}

export interface ResolvedChain {
  /** After how long the next source is asked too; `undefined`: only when this one failed. */
  readonly hedge: Milliseconds | 'p95' | undefined;
  readonly backupTtl: Milliseconds;
  readonly maxRecovering: number;
}

export const SOURCE_OPTIONS = ['timeout', 'retry', 'breaker', 'concurrency', 'shouldHandle'];
export const CHAIN_OPTIONS = [...SOURCE_OPTIONS, 'hedge', 'backupTtl', 'maxRecovering'];

const BREAKER: ResolvedBreaker = { threshold: 0.5, calls: 20, minimum: 10, halfOpenAfter: 5_000 };

/** Checks and fills the options of one source; what it does not say is said by `chain`. */
export function resolveSource(check: Check, own: SourceOptions, chain: SourceOptions = {}): ResolvedSource {
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const options: SourceOptions = { ...chain, ...said };
  const { shouldHandle } = options;
  if (shouldHandle !== undefined && !isFunction(shouldHandle)) {
    check.fail('shouldHandle', shouldHandle, 'Pass a function: (error) => true if the source has failed.');
  }
  return {
    timeout: check.time('timeout', options.timeout, 10_000, 1),
    retry: resolveRetry(check, options.retry),
    breaker: resolveBreaker(check, options.breaker),
    concurrency: resolveConcurrency(check, options.concurrency),
    shouldHandle: total(shouldHandle ?? ((error) => !isClientError(error))),
  };
}

/** An error that makes it throw is none that it knows as an answer: the source has failed. */
function total(shouldHandle: (error: unknown) => boolean): (error: unknown) => boolean {
  return (error) => {
    try {
      return shouldHandle(error);
    } catch {
      return true;
    }
  };
}

export function resolveChain(check: Check, options: ChainOptions): ResolvedChain {
  const maxRecovering = options.maxRecovering ?? 1_000;
  whole(check, 'maxRecovering', maxRecovering, 0);
  return {
    hedge: resolveHedge(check, options.hedge),
    backupTtl: check.time('backupTtl', options.backupTtl, 30_000, 1),
    maxRecovering,
  };
}

export function checkSourceName(check: Check, name: unknown): void {
  if (!isSourceName(name)) check.fail('name', name, SOURCE_NAME_REMEDY);
  else if (['load', 'set', 'write', 'stale', 'none'].includes(name)) {
    check.fail('name', name, 'This word has a meaning of its own where sources are told. Use another one.');
  }
}

function resolveHedge(check: Check, hedge: ChainOptions['hedge']): ResolvedChain['hedge'] {
  if (hedge === undefined || hedge === false) return undefined;
  if (hedge === true) return 'p95';
  if (!isRecord(hedge)) {
    check.fail('hedge', hedge, "Use true, false, { after: 'p95' } or { after: '50ms' }.");
    return undefined;
  }
  const inside = check.inside('hedge');
  inside.known(hedge, ['after']);
  return hedge.after === undefined || hedge.after === 'p95' ? 'p95' : inside.time('after', hedge.after, 0, 1);
}

function resolveRetry(check: Check, retry: SourceOptions['retry'] = 0): ResolvedSource['retry'] {
  const given = isRecord(retry) ? retry : { times: retry };
  const inside = isRecord(retry) ? check.inside('retry') : check;
  if (isRecord(retry)) inside.known(retry, ['times', 'delay', 'maxDelay']);
  whole(inside, isRecord(retry) ? 'times' : 'retry', given.times, 0);
  return {
    times: given.times,
    delay: inside.time('delay', given.delay, 100, 0),
    maxDelay: inside.time('maxDelay', given.maxDelay, 1_000, 0),
  };
}

function resolveBreaker(check: Check, breaker: SourceOptions['breaker']): ResolvedBreaker | undefined {
  if (breaker === false) return undefined;
  if (breaker !== undefined && !isRecord(breaker)) {
    check.fail('breaker', breaker, "Pass an object: { halfOpenAfter: '5s' }, or false.");
    return BREAKER;
  }
  const inside = check.inside('breaker');
  if (breaker) inside.known(breaker, Object.keys(BREAKER));
  const { threshold = BREAKER.threshold, calls = BREAKER.calls } = breaker ?? {};
  const minimum = breaker?.minimum ?? Math.min(BREAKER.minimum, calls);
  if (!isNumber(threshold) || !(threshold > 0 && threshold < 1)) {
    inside.fail('threshold', threshold, 'Use a share above 0 and below 1, e.g. 0.5.');
  }
  whole(inside, 'calls', calls, 1, 10_000);
  whole(inside, 'minimum', minimum, 1, calls);
  return { threshold, calls, minimum, halfOpenAfter: inside.time('halfOpenAfter', breaker?.halfOpenAfter, 5_000, 1) };
}

function resolveConcurrency(check: Check, concurrency: SourceOptions['concurrency']): LaneBounds | undefined {
  if (concurrency === undefined || concurrency === Number.POSITIVE_INFINITY) return undefined;
  const bounded = isRecord(concurrency) && ['concurrency', 'queue', 'queueTimeout'].some((name) => name in concurrency);
  const given: LaneBounds = bounded ? (concurrency as LaneBounds) : { concurrency: concurrency as LaneLimit };
  const inside = bounded ? check.inside('concurrency') : check;
  if (bounded) inside.known(given, ['concurrency', 'queue', 'queueTimeout']);
  const bounds = { queue: 0, ...given };
  resolveBounds(bounds, (option, value, remedy) => inside.fail(option, value, remedy));
  return bounds;
}

function whole(check: Check, option: string, value: unknown, least: number, most = 2 ** 31): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  check.fail(option, value, `Use a whole number from ${least}${most < 2 ** 31 ? ` to ${most}` : ''}.`);
}

/** Never: for timeouts that are switched off. */
export const isForever = (time: Milliseconds): boolean => time >= FOREVER;

import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';
import { DURATION_REMEDY, type Duration, FOREVER, type Milliseconds, parseDuration } from './duration.js';
import type { LaneBounds } from './lanes/lane.options.js';
import type { LoadsLane } from './lanes/lanes.js';

/** How values of one kind are kept. Every field falls back to the cache's own option of the same name. */
export interface CachePolicy {
  /** How long a value is fresh. Default `'5m'`. `Infinity`: until it is evicted. */
  ttl?: Duration;
  /** How long after that it may still be served when a load fails or takes too long. Default `0`: never. */
  grace?: Duration;
  /**
   * After a stale value was served: how long until the next load is tried. With `singleFlight: 'cluster'` by any process.
   * Default `'10s'`.
   */
  graceBackoff?: Duration;
  /**
   * For which errors of a load a stale value stands in; for others its callers get the error. Default: all but answers, which
   * are errors like Nest's `NotFoundException` (`getStatus()` from 400 to 499) other than 408 and 429.
   */
  staleOn?: (error: unknown) => boolean;
  /**
   * From this share of its life on (above 0 to 1) a value is refreshed when `getOrLoad` or a decorator reads it: they get the
   * old value at once, and one load for all processes brings the new one in the background. Default `1`: not before its end.
   */
  refreshAhead?: number;
  /**
   * After this time the callers of a load get a stale value, if one may stand in; the load goes on and is stored. `0`: at
   * once. Without a stale value they wait until `hardTimeout`. Needs `grace`. Default `Infinity`: a stale value stands in
   * only when the load fails.
   */
  softTimeout?: Duration;
  /** Shortens each ttl by a random part of up to this share (0 to 1), so that what was stored together does not expire together. Default `0.05`. */
  jitter?: number;
  /** After this time the callers of a load get a stale value or `LoadTimeoutError`; the load goes on and is stored. Default `'30s'`; `Infinity`: wait. */
  hardTimeout?: Duration;
  /**
   * What becomes of a load that takes longer than `hardTimeout`: `'finish'` (default): it goes on, and what it brings is
   * stored. `'abort'`: its `signal` is aborted and nothing of it is stored.
   */
  lateLoads?: 'finish' | 'abort';
  /** Whether `null` is stored like any value. Default `true`. */
  cacheNull?: boolean;
  /**
   * `'eventual'` (default) may be answered from memory; `'strong'` always asks Redis and never shares a load begun by
   * somebody else. In a cache without Redis the memory is all there is, and both mean the same.
   */
  consistency?: 'eventual' | 'strong';
  /**
   * `'cluster'` (default): of all processes that miss a key one loads it and the others wait for what it stores; when it fails,
   * gives up or is not there any more, one of them loads next. `'process'`: each process loads for itself. Without a bus, and
   * with `consistency: 'strong'`, it is always `'process'`.
   */
  singleFlight?: 'cluster' | 'process';
  /**
   * How many loads run at once in this process, and how many wait for their turn; the others get a stale value, or
   * `OverloadError` at once. A number, `'adaptive'` (the limit follows what the source bears), or
   * `{ concurrency, queue, queueTimeout }`. That of a policy counts besides that of its cache. Default: no limit.
   */
  loads?: number | 'adaptive' | LaneBounds;
  /** Which tiers keep it. Default: all that the cache has. */
  tiers?: readonly ('memory' | 'redis')[];
  /**
   * Prefixes longer than the first segment of a key that `evict({ prefix })` must invalidate in O(1): `'user:7:'`, or with
   * `*` for one segment `'user:*:'`. Holds for all keys of the cache.
   */
  prefixes?: readonly string[];
}

/** What a single call may set. */
export interface EntryOptions {
  ttl?: Duration;
  grace?: Duration;
  /** Names by which `evict({ tags })` invalidates the value. */
  tags?: readonly string[];
  /** Name of one of the cache's policies. */
  policy?: string;
}

export interface LoadOptions extends EntryOptions {
  softTimeout?: Duration;
  hardTimeout?: Duration;
  refreshAhead?: number;
  staleOn?: (error: unknown) => boolean;
  cacheNull?: boolean;
}

/** A policy with every field filled and in milliseconds. */
export interface ResolvedPolicy {
  readonly ttl: Milliseconds;
  readonly grace: Milliseconds;
  readonly graceBackoff: Milliseconds;
  readonly staleOn: (error: unknown) => boolean;
  readonly refreshAhead: number;
  readonly jitter: number;
  readonly softTimeout: Milliseconds;
  readonly hardTimeout: Milliseconds;
  /** A load that takes too long is aborted. */
  readonly abortLate: boolean;
  readonly cacheNull: boolean;
  readonly strong: boolean;
  /** One load for all processes. */
  readonly cluster: boolean;
  readonly loads: LoadsLane | undefined;
  readonly memory: boolean;
  readonly redis: boolean;
  readonly tags: readonly string[];
}

const NO_TAGS: readonly string[] = [];

/** The default and the named policies of one cache. */
export class Policies {
  constructor(
    readonly base: ResolvedPolicy,
    private readonly named: ReadonlyMap<string, ResolvedPolicy>,
  ) {}

  get(name: string): ResolvedPolicy {
    const policy = this.named.get(name);
    if (policy) return policy;
    const known = [...this.named.keys()].map((known) => `'${known}'`).join(', ');
    throw new CacheOptionsError(
      [{ option: 'policy', value: name, remedy: known ? `Known policies: ${known}.` : 'No policy is configured.' }],
      'A call to the cache is wrong',
    );
  }

  all(): ResolvedPolicy[] {
    return [this.base, ...this.named.values()];
  }

  has(name: string): boolean {
    return this.named.has(name);
  }

  /** The policy of a call: the named or default one, with what the call says itself. */
  of(options: LoadOptions | undefined): ResolvedPolicy {
    if (options === undefined) return this.base;
    const base = options.policy === undefined ? this.base : this.get(options.policy);
    const problems: OptionProblem[] = [];
    const time = (name: 'ttl' | 'grace' | 'softTimeout' | 'hardTimeout', least: number): Milliseconds => {
      const value = options[name];
      if (value === undefined) return base[name];
      const parsed = parseDuration(value);
      if (parsed !== undefined && parsed >= least) return parsed;
      problems.push({ option: name, value, remedy: DURATION_REMEDY });
      return 0;
    };
    const policy: ResolvedPolicy = {
      ttl: time('ttl', 1),
      grace: time('grace', 0),
      graceBackoff: base.graceBackoff,
      staleOn: options.staleOn ?? base.staleOn,
      refreshAhead: options.refreshAhead ?? base.refreshAhead,
      jitter: base.jitter,
      softTimeout: time('softTimeout', 0),
      hardTimeout: time('hardTimeout', 1),
      abortLate: base.abortLate,
      cacheNull: options.cacheNull ?? base.cacheNull,
      strong: base.strong,
      cluster: base.cluster,
      loads: base.loads,
      memory: base.memory,
      redis: base.redis,
      tags: checkTags(options.tags, problems),
    };
    checkStale(options, policy, (option, value, remedy) => problems.push({ option, value, remedy }));
    if (problems.length > 0) throw new CacheOptionsError(problems, 'A call to the cache is wrong');
    return policy;
  }
}

/** Checks what options say of stale values and early refresh; `policy`: what they come to. */
export function checkStale(
  { softTimeout, hardTimeout, refreshAhead, staleOn }: CachePolicy,
  policy: Pick<ResolvedPolicy, 'grace' | 'softTimeout' | 'hardTimeout'>,
  fail: (option: string, value: unknown, remedy: string) => void,
): void {
  if (refreshAhead !== undefined && !(typeof refreshAhead === 'number' && refreshAhead > 0 && refreshAhead <= 1)) {
    fail('refreshAhead', refreshAhead, 'Use a share of the ttl above 0, e.g. 0.8; 1 turns it off.');
  }
  if (staleOn !== undefined && typeof staleOn !== 'function') {
    fail('staleOn', staleOn, 'Pass a function that sees the error and answers true or false.');
  }
  if (softTimeout === undefined || policy.softTimeout === FOREVER) return;
  if (policy.grace === 0) {
    fail('softTimeout', softTimeout, "Only a stale value can be served then: set grace, e.g. grace: '1h'.");
  } else if (policy.softTimeout >= policy.hardTimeout && hardTimeout !== undefined) {
    fail('softTimeout', softTimeout, 'It must be shorter than hardTimeout.');
  }
}

/** Longest tag. So many of this length fit into the head of an entry, whatever their characters are. */
const MAX_TAG_LENGTH = 512;
const MAX_TAGS = 200;

export function checkTags(tags: readonly string[] | undefined, problems: OptionProblem[]): readonly string[] {
  if (tags === undefined) return NO_TAGS;
  const good = (tag: unknown): boolean => typeof tag === 'string' && tag.length > 0 && tag.length <= MAX_TAG_LENGTH;
  if (!Array.isArray(tags) || !tags.every(good) || tags.length > MAX_TAGS) {
    const remedy = `Use an array of at most ${MAX_TAGS} non-empty strings of at most ${MAX_TAG_LENGTH} characters.`;
    problems.push({ option: 'tags', value: tags, remedy });
    return NO_TAGS;
  }
  return tags.length > 1 ? [...new Set(tags as string[])] : tags;
}

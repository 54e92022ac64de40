import type { Advice } from './engine/advice.js';
import type { Duration, Milliseconds } from './engine/duration.js';
import type { CacheEventName, CacheEvents, TierName } from './engine/events.js';
import type { Explanation } from './engine/explain.js';
import type { CacheKey } from './engine/key.js';
import type { LoadContext } from './engine/load-context.js';
import type { EntryOptions, LoadOptions } from './engine/policy.js';
import type { CacheStats } from './engine/stats.js';
import type { CacheTarget } from './engine/target.js';
import type { Lease, RateLimitResult } from './tiers/tier.js';

/** A value with what is known of it. Times are in milliseconds since 1970. */
export interface CacheEntry<T = unknown> {
  value: T;
  createdAt: Milliseconds;
  /** End of its fresh life. In the past while a stale value is served. */
  expiresAt: Milliseconds;
  /** Until then it may stand in for a load that fails. */
  staleUntil: Milliseconds;
  tags: readonly string[];
  /** Which tier answered. */
  tier: TierName;
  /** Where the value came from: `load`, `set` or `write`. */
  source: string;
}

/** What `getOrLoadMany` takes as the values of missing keys: a Map by key, or an object by encoded key. */
export type ManyValues<T> = ReadonlyMap<CacheKey, T> | Readonly<Record<string, T>>;

/**
 * A cache. Inject it by this class (`constructor(private readonly cache: CacheService) {}`), a named one with
 * `@InjectCache('name')`.
 *
 * Values it hands out are read-only and shared (see `values` in the options). Trouble with Redis is never an exception
 * here: a read becomes a miss, an invalidation is delivered later, and the `error` event tells. What only Redis can
 * answer (`increment`, `lease`, `rateLimit`, `mustDeliver`) rejects with `CacheUnavailableError` instead.
 */
export abstract class CacheService {
  /** The value, or `undefined` if there is none that is fresh. `null` is a value. */
  abstract get<T = unknown>(key: CacheKey): Promise<T | undefined>;

  /** The value with its facts. */
  abstract getEntry<T = unknown>(key: CacheKey): Promise<CacheEntry<T> | undefined>;

  /** The value if memory has it fresh, at once. Asks no other tier. */
  abstract peek<T = unknown>(key: CacheKey): T | undefined;

  /** Whether `get` would find a value. */
  abstract has(key: CacheKey): Promise<boolean>;

  /**
   * Stores a value, whatever is there: of several writers the last one to reach Redis wins. Right for what lives in the
   * cache (sessions, computed values). For rows of a database use {@link write}: a plain `set` after a database write can
   * leave the older of two rows. `undefined` is not stored; it evicts.
   */
  abstract set<T>(key: CacheKey, value: T, options?: EntryOptions): Promise<void>;

  /**
   * Runs `change`, which writes to the database and returns the new value, then stores that, unless somebody else changed
   * or loaded the key meanwhile: then the key is evicted and the next read loads. Answers what `change` returned; when it
   * throws, the key is evicted (it may have taken effect) and the error goes on. Inside a transaction that the cache knows
   * of nothing is stored before the COMMIT, so the key is evicted instead, at once and after it.
   */
  abstract write<T>(key: CacheKey, change: () => Promise<T>, options?: EntryOptions): Promise<T>;

  /**
   * The value, or else what `load` returns, stored for the next time. All who ask for the key while it loads share one
   * load and its result, or its error; errors are not stored. `undefined` is not stored either.
   */
  abstract getOrLoad<T>(
    key: CacheKey,
    load: (context: LoadContext<T>) => T | Promise<T>,
    options?: LoadOptions,
  ): Promise<T>;

  /** The values that are there, under the keys as they were passed. */
  abstract getMany<T = unknown>(keys: readonly CacheKey[]): Promise<Map<CacheKey, T>>;

  /** `set` for several keys, together: as many trips to Redis as for one. */
  abstract setMany<T>(entries: Iterable<readonly [CacheKey, T]>, options?: EntryOptions): Promise<void>;

  /**
   * The values of several keys; those that are missing are loaded by one call of `load`, except those that somebody else
   * is loading already. A key that `load` does not return is not in the result and not stored.
   */
  abstract getOrLoadMany<T>(
    keys: readonly CacheKey[],
    load: (missing: CacheKey[]) => Promise<ManyValues<T>> | ManyValues<T>,
    options?: LoadOptions,
  ): Promise<Map<CacheKey, T>>;

  /**
   * Invalidates. When it resolves, no read that begins later in this process gets the old value, and no load that began
   * earlier stores it. While Redis is away the eviction is kept and delivered first when it is back; with `mustDeliver`
   * the promise rejects with `CacheUnavailableError` as well. Also resets counters and rate limits of these keys.
   *
   * Inside a transaction that the cache knows of (`cacheTransactions`, `runInTransaction`) it evicts at once and again after
   * the COMMIT, because others may load the old row in between. With `afterCommit` it only notes the eviction: after the
   * COMMIT it is done, after a rollback nothing is. Then there is nobody whom `mustDeliver` could tell.
   */
  abstract evict(target: CacheTarget, options?: { mustDeliver?: boolean; afterCommit?: boolean }): Promise<void>;

  /** Like `evict`, but the value may still stand in for a load that fails, for the rest of its grace. */
  abstract expire(target: CacheTarget, options?: { afterCommit?: boolean }): Promise<void>;

  /** Invalidates everything of this cache (not of other namespaces, and no counters or leases). */
  abstract clear(options?: { afterCommit?: boolean }): Promise<void>;

  /**
   * Adds to a counter and answers its new value. Atomic, in Redis if the cache has it. A new counter begins at 0 and
   * lives for `ttl` (default: for ever). Counters are not cached values: read one with `increment(key, 0)`, reset it with
   * `evict(key)`.
   */
  abstract increment(key: CacheKey, by?: number, options?: { ttl?: Duration }): Promise<number>;

  /** Takes a lock of this name for `ttl`; `null` if somebody has it. It ends by itself: do nothing after `signal` aborts. */
  abstract lease(key: CacheKey, options: { ttl: Duration }): Promise<Lease | null>;

  /** Counts this call against `limit` calls per `window` (fixed, from the first call). A refused call does not count. */
  abstract rateLimit(key: CacheKey, options: { limit: number; window: Duration }): Promise<RateLimitResult>;

  /** Where a key is, how old, whether it would be served, and what speaks against it. Counts as no request. */
  abstract explain(key: CacheKey): Promise<Explanation>;

  /**
   * Tells how keys that begin with `prefix` are loaded (`key` is in its text form), so that they can be kept warm without a caller;
   * those of `@Cacheable` methods need none. The longest prefix counts; a later loader takes the place of one with the same
   * prefix. The answer takes it back.
   */
  abstract loader<T>(
    prefix: string,
    load: (key: string, context: LoadContext<T>) => T | Promise<T>,
    options?: LoadOptions,
  ): () => void;

  /** What the job `advise` found at its last look: what was measured, and what to change. Empty if all is well. */
  abstract advice(): readonly Advice[];

  /** Counters and times since the start. */
  abstract stats(): CacheStats;

  /**
   * Tells the app's rules (option `invalidation`, `@InvalidateOn`) that something happened; the same rules hear it on every
   * cache of the app. Resolves when the invalidations are done; rejects with `InvalidationRuleError` if a rule threw (with an
   * `AggregateError` if several did), after all others have done their work. Has nothing to do with {@link on}.
   */
  abstract emit(event: string, payload?: unknown): Promise<void>;

  /** Listens to what this cache tells of itself: hits, misses, trouble. Hears nothing of {@link emit}. The answer ends it. */
  abstract on<Name extends CacheEventName>(event: Name, listener: (event: CacheEvents[Name]) => void): () => void;

  /** Resolves when nothing goes on in the background: values being stored after their callers were answered. */
  abstract idle(): Promise<void>;
}

import type { Clock } from './engine/clock.js';
import type { ValueSharing } from './engine/core.js';
import type { Duration } from './engine/duration.js';
import type { CachePolicy } from './engine/policy.js';
import type { Serializer } from './engine/serializer.js';
import type { ValueTypeOption } from './engine/value-types.js';
import type { InvalidationOption } from './invalidation/invalidation.check.js';
import type { JobsOptions } from './jobs/jobs.options.js';
import type { EvictionName } from './tiers/memory/eviction.js';
import type { RemoteTierFactory } from './tiers/tier.js';
import type { WriteBehindFeature } from './write-behind/write-behind.port.js';

/** The memory tier of a cache. */
export interface MemoryOptions {
  /** Most entries. Default 10,000; there are never more than 2^24 (16.8 million), which is what a `Map` takes. */
  maxEntries?: number;
  /** Most bytes, by an estimate of each value's size. Default 64 MiB; `Infinity`: only `maxEntries` counts. */
  maxBytes?: number;
  /**
   * Which entry leaves when there is no room. `'s3-fifo'` (default): what is asked for only once leaves soon and does not push out
   * what is asked for often. `'lru'`: least recently used. `'lfu'`: least frequently used, older uses counting less. See docs/memory.md.
   */
  eviction?: EvictionName;
  /** Longest time memory answers for a value, in a cache that has Redis. Default `Infinity`: for the value's own life. */
  ttl?: Duration;
}

/** Options of one cache. Times: see `Duration`. */
export interface CacheOptions extends CachePolicy {
  /** The memory tier; `false`: none, every read asks Redis. */
  memory?: MemoryOptions | false;
  /**
   * How values are handed out. `'frozen'` (default): one read-only value for all readers; changing it throws. `'cloned'`:
   * each reader gets a copy of its own (slower by the time of a copy). `'shared'`: the very object that was stored, without
   * any protection: who changes it changes it for all.
   */
  values?: ValueSharing;
  /** Values over this many bytes are not stored; their callers get them. Default 1 MiB. */
  maxValueBytes?: number;
  /** How values become bytes for Redis. Default `jsonSerializer`; `nestjs-strata/msgpack` has another one. */
  serializer?: Serializer;
  /** Compresses values for Redis: `true` (from 4 KiB on), or from how many bytes on. Default `false`. */
  compress?: boolean | { from: number };
  /** Your version of what values look like. Change it with a deploy that changes them: entries of another version are misses. */
  schema?: string | number;
  /** Classes whose instances may be cached, besides Date, Map, Set, BigInt, Buffer and typed arrays: `[Money, Prisma.Decimal]`. */
  types?: readonly ValueTypeOption[];
}

/** Options of `CacheModule.forRoot`. */
export interface CacheModuleOptions extends CacheOptions {
  /** Prefix of everything in Redis. Apps that share a Redis and not their data need different ones. Default `'cache'`. */
  namespace?: string;
  /** The Redis tier: `redisTier({ url })` of `nestjs-strata/redis`. Without it the cache lives in this process only. */
  redis?: RemoteTierFactory;
  /** Write-behind to Postgres: `writeBehind({ client, entities })` of `nestjs-strata/write-behind`. */
  writeBehind?: WriteBehindFeature;
  /**
   * What events make out of date: `[{ on: 'product.updated', evict: (product: Product) => ['product', product.id] }]`, or
   * `{ rules, sources }` to hear events of Postgres as well. Default: none. See also `@InvalidateOn`.
   */
  invalidation?: InvalidationOption;
  /** Named policies, for `@Cacheable({ policy: 'product' })`. All caches of the app know them. */
  policies?: Readonly<Record<string, CachePolicy>>;
  /**
   * What the cache does by itself: sweeps memory, learns popular keys and loads them ahead, gives advice. All on by default;
   * `{ enabled: false }`: nothing of it.
   */
  jobs?: JobsOptions;
  /** How long shutdown waits for values that are being stored. Default `'5s'`. */
  shutdownTimeout?: Duration;
  /** Where time comes from. For tests: `FakeClock` of `nestjs-strata/testing`. */
  clock?: Clock;
  /** Randomness of the jitter, like `Math.random`. For tests. */
  random?: () => number;
}

/** Options of `CacheModule.register`: a further cache. What it does not set has the library's default, not that of `forRoot`. */
export interface NamedCacheOptions extends CacheOptions {
  /** How it is asked for: `@InjectCache(name)`, `@Cacheable({ cache: name })`. Letters, digits, `_`, `-`. */
  name: string;
  policies?: Readonly<Record<string, CachePolicy>>;
}

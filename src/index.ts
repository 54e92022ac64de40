// The public API. Nothing reachable from here imports an optional peer (ioredis, bullmq, msgpackr), not even as a type: a test of
// the built package proves it.

export {
  CacheEntryError,
  CacheError,
  type CacheErrorCode,
  CacheKeyError,
  CacheOptionsError,
  CacheTargetError,
  CacheUnavailableError,
  InvalidationRuleError,
  LoadBackOffError,
  LoadTimeoutError,
  type OptionProblem,
  OverloadError,
} from './cache.errors.js';
export { CacheModule, type CacheModuleAsyncOptions, type CacheOptionsFactory } from './cache.module.js';
export type { CacheModuleOptions, CacheOptions, MemoryOptions, NamedCacheOptions } from './cache.options.js';
export { type CacheEntry, CacheService, type ManyValues } from './cache.service.js';
export { getCacheToken } from './cache.tokens.js';
export { CacheConfig } from './decorators/cache-config.decorator.js';
export { CacheEvict, type CacheEvictOptions } from './decorators/cache-evict.decorator.js';
export { CachePut, type CachePutOptions } from './decorators/cache-put.decorator.js';
export { Cacheable, type CacheableOptions } from './decorators/cacheable.decorator.js';
export { CacheableMany, type CacheableManyOptions } from './decorators/cacheable-many.decorator.js';
export { Caching, type CachingOptions } from './decorators/caching.decorator.js';
export { InjectCache } from './decorators/inject-cache.decorator.js';
export { InvalidateOn, type InvalidationMethodDecorator } from './decorators/invalidate-on.decorator.js';
export type { CacheConfigOptions } from './decorators/types.js';
export type { Advice, AdviceCode } from './engine/advice.js';
export type { Clock } from './engine/clock.js';
export type { Duration, Milliseconds } from './engine/duration.js';
export type { CacheEventName, CacheEvents, TierName } from './engine/events.js';
export type { Explanation, TierState } from './engine/explain.js';
export type { CacheKey } from './engine/key.js';
export { Lane, type LaneOptions, type LaneStats, type LaneWork } from './engine/lanes/lane.js';
export type { LaneBounds, LaneLimit, LaneRunOptions } from './engine/lanes/lane.options.js';
export type { LanePriority } from './engine/lanes/lane-request.js';
export type { LoadContext } from './engine/load-context.js';
export type { CachePolicy, EntryOptions, LoadOptions } from './engine/policy.js';
export { jsonSerializer, type Serializer } from './engine/serializer.js';
export type { CacheStats, LatencyStats, SourceChainStats, SourceStats, TimedOperation } from './engine/stats.js';
export type { CacheTarget } from './engine/target.js';
export type { ValueType, ValueTypeOption } from './engine/value-types.js';
export type { InvalidationOption } from './invalidation/invalidation.check.js';
export type {
  InvalidationAction,
  InvalidationMethodOptions,
  InvalidationRule,
  InvalidationTarget,
  InvalidationTargets,
  InvalidationTargetsOption,
} from './invalidation/invalidation.rule.js';
export type {
  InvalidationSink,
  InvalidationSource,
  MissedReason,
  OpenedInvalidationSource,
} from './invalidation/source.port.js';
export type { AdviseOptions, JobsOptions, SweepOptions, WarmOptions } from './jobs/jobs.options.js';
export { OverloadFilter } from './overload.filter.js';
export type { Answer } from './sources/attempts.js';
export type { BackupFunction, BackupOption, BackupProvider } from './sources/backup.js';
export { currentSource } from './sources/call-scope.js';
export { isClientError } from './sources/client-error.js';
export { Fallback } from './sources/fallback.decorator.js';
export { FallbackInterceptor } from './sources/fallback.interceptor.js';
export type { FallbackOptions } from './sources/fallback.method.js';
export {
  AllSourcesFailedError,
  type SourceFailure,
  SourceTimeoutError,
  SourceUnavailableError,
} from './sources/source.errors.js';
export type { ChainParts, SourceContext } from './sources/source.js';
export type { ChainOptions, HedgeOption, SourceOptions } from './sources/source.options.js';
export {
  type AskOptions,
  SourceChain,
  type SourceChainOptions,
  type SourceDefinition,
} from './sources/source-chain.js';
export { UseFallback } from './sources/use-fallback.decorator.js';
export type { Lease, RateLimitResult, RemoteStats, RemoteTierFactory } from './tiers/tier.js';
export { cacheTransactions, type TransactionalClient } from './transactions/prisma-transactions.js';
export { runInTransaction, type TransactionOptions } from './transactions/run-in-transaction.js';
export { currentTransaction, type TransactionContext } from './transactions/transaction-context.js';
export {
  WriteBehindConflictError,
  WriteBehindDatabaseError,
  WriteBehindDeadLetterError,
  WriteBehindOverflowError,
  WriteBehindRowError,
  WriteBehindTimeoutError,
  WriteBehindUnavailableError,
} from './write-behind/write-behind.errors.js';
export type { WriteBehindFeature } from './write-behind/write-behind.port.js';

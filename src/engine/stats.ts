import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { RemoteStats } from '../tiers/tier.js';
import type { Milliseconds } from './duration.js';
import type { LaneStats } from './lanes/lane.js';

/** Times of one kind of operation, in milliseconds. */
export interface LatencyStats {
  /** How many were timed: up to one in 128 hits in memory (at random, all while there are few), one in 64 puts into memory, in 8 hits in Redis and misses; all else always. */
  timed: number;
  mean: Milliseconds;
  p50: Milliseconds;
  p99: Milliseconds;
  max: Milliseconds;
}

/** What was measured: hits by tier, the rest by operation. */
export type TimedOperation = 'memoryHit' | 'redisHit' | 'miss' | 'load' | 'set' | 'evict';

export interface CacheStats {
  /** Keys asked for by any read. */
  requests: number;
  hits: { memory: number; redis: number };
  misses: number;
  /** Requests answered from a tier, as a share of all (0 to 1); 0 before the first. */
  hitRatio: number;
  /** Requests that shared the load of another one. They count as misses. */
  joined: number;
  /** Loads that waited for one of another process. */
  waited: number;
  loads: number;
  loadErrors: number;
  /** Loads that were begun before the end of the value they replace (`refreshAhead`). */
  refreshes: number;
  /** Loads that a stale value stood in for. */
  stale: number;
  sets: number;
  /** Invalidations asked for in this process. */
  invalidations: number;
  /** Values not stored because something newer came between. */
  refused: number;
  /** Values not stored because they were too large or of a type that cannot be stored. */
  skipped: number;
  /** Errors no caller saw (the `error` event). */
  errors: number;
  /** The lanes of loads, by policy (`default`: that of the cache), where `loads` is set. */
  lanes: Record<string, LaneStats>;
  /** Loads and writes under way. */
  flights: number;
  /** `evictions`: entries that left because there was no room. `swept`: those that were over, and were thrown away by the sweep. */
  memory: { entries: number; bytes: number; evictions: number; swept: number; maxEntries: number; maxBytes: number };
  /** `undefined` in a cache without Redis. */
  redis: RemoteStats | undefined;
  latency: Record<TimedOperation, LatencyStats>;
  /** Chains of sources: those of `@Fallback` and `@UseFallback`, and those that have loaded values of this cache. */
  sources: SourceChainStats[];
}

/** A chain of sources and how each of them does. */
export interface SourceChainStats {
  chain: string;
  /** In their order; the first one is the primary. */
  sources: SourceStats[];
  /** Answers in place of the primary's, by a backup. */
  fallbacks: number;
  /** Calls to which no source gave an answer. */
  failures: number;
  /** Values from backups that wait for the primary, to be loaded from it again. */
  waiting: number;
  /** Such values that were replaced by the primary's. */
  recovered: number;
}

/** The health of one source since the start. */
export interface SourceStats {
  source: string;
  /** `closed`: it is asked. `open`: it is not. `half-open`: one call finds out whether it is back. */
  breaker: 'closed' | 'open' | 'half-open';
  /** How often its breaker has opened. A call that tries an open one in vain does not open it anew. */
  opened: number;
  /** Attempts that answered. An error that does not count as a failure (404) is an answer. */
  successes: number;
  /** Attempts that failed, timeouts included. */
  failures: number;
  timeouts: number;
  /** Calls it was not asked for: its breaker is open, or its queue is full. */
  refused: number;
  /** Attempts that were given up because another source had answered. */
  cancelled: number;
  retries: number;
  /** Attempts under way. */
  inFlight: number;
  /** Answers that were taken. */
  chosen: number;
  /** Of the latest 256 answers, in milliseconds; 0 before the first. */
  latency: { p50: Milliseconds; p95: Milliseconds };
}

/** Something that has figures for `stats().sources`. */
export interface SourceReporter {
  readonly name: string;
  stats(): SourceChainStats;
}

const operations: readonly TimedOperation[] = ['memoryHit', 'redisHit', 'miss', 'load', 'set', 'evict'];

/** Counters and histograms of one cache. Plain public fields: the hot path adds to them. */
export class Counters {
  memoryHits = 0;
  redisHits = 0;
  misses = 0;
  joined = 0;
  waited = 0;
  loads = 0;
  loadErrors = 0;
  refreshes = 0;
  stale = 0;
  sets = 0;
  invalidations = 0;
  refused = 0;
  skipped = 0;
  errors = 0;
  swept = 0;

  private readonly histograms = Object.fromEntries(
    // Nanoseconds, up to a minute.
    operations.map((name) => [name, createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 2 })]),
  ) as Record<TimedOperation, RecordableHistogram>;

  /** Records the time since `start`, a reading of `performance.now()`. */
  time(operation: TimedOperation, start: number): void {
    const nanoseconds = Math.round((performance.now() - start) * 1e6);
    this.histograms[operation].record(Math.min(Math.max(nanoseconds, 1), 60_000_000_000));
  }

  latency(): Record<TimedOperation, LatencyStats> {
    return Object.fromEntries(operations.map((name) => [name, summary(this.histograms[name])])) as Record<
      TimedOperation,
      LatencyStats
    >;
  }
}

function summary(histogram: RecordableHistogram): LatencyStats {
  const timed = Number(histogram.count);
  if (timed === 0) return { timed: 0, mean: 0, p50: 0, p99: 0, max: 0 };
  return {
    timed,
    mean: histogram.mean / 1e6,
    p50: histogram.percentile(50) / 1e6,
    p99: histogram.percentile(99) / 1e6,
    max: histogram.max / 1e6,
  };
}

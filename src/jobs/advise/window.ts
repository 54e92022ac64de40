import type { Milliseconds } from '../../engine/duration.js';
import type { CacheStats } from '../../engine/stats.js';

/** What a cache did between two looks: counters of `stats()` since the last one, levels as they are now. */
export interface Window {
  length: Milliseconds;
  requests: number;
  hitRatio: number;
  /** Share of all requests that memory answered. */
  memoryHitRatio: number;
  evictions: number;
  entries: number;
  bytes: number;
  maxEntries: number;
  maxBytes: number;
}

export function windowOf(before: CacheStats, now: CacheStats, length: Milliseconds): Window {
  const requests = now.requests - before.requests;
  const memory = now.hits.memory - before.hits.memory;
  const redis = now.hits.redis - before.hits.redis;
  const share = (hits: number): number => (requests === 0 ? 0 : hits / requests);
  const { entries, bytes, maxEntries, maxBytes, evictions } = now.memory;
  return {
    length,
    requests,
    hitRatio: share(memory + redis),
    memoryHitRatio: share(memory),
    evictions: evictions - before.memory.evictions,
    ...{ entries, bytes, maxEntries, maxBytes },
  };
}

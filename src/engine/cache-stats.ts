import type { Core } from './core.js';
import type { CacheStats } from './stats.js';

/** Bounds of the memory tier. */
export interface MemoryBoundsInfo {
  maxEntries: number;
  maxBytes: number;
}

/** The counters of a cache as its users see them. */
export function cacheStats(
  { counters: c, lanes, memory, remote, flights, sources }: Core,
  bounds: MemoryBoundsInfo,
): CacheStats {
  const hits = { memory: c.memoryHits, redis: c.redisHits };
  const requests = hits.memory + hits.redis + c.misses;
  const { misses, joined, waited, loads, loadErrors, refreshes, stale, sets, invalidations, refused, skipped, errors } =
    c;
  return {
    ...{
      requests,
      hits,
      misses,
      joined,
      waited,
      loads,
      loadErrors,
      refreshes,
      stale,
      sets,
      invalidations,
      refused,
      skipped,
      errors,
    },
    hitRatio: requests === 0 ? 0 : (hits.memory + hits.redis) / requests,
    lanes: lanes.stats(),
    flights: flights.count,
    memory: {
      entries: memory?.size ?? 0,
      bytes: memory?.bytes ?? 0,
      evictions: memory?.evictions ?? 0,
      swept: c.swept,
      ...bounds,
    },
    redis: remote?.stats(),
    latency: c.latency(),
    sources: Array.from(sources.values(), (chain) => chain.stats()),
  };
}

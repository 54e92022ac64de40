import type { Cache } from '../engine/cache.js';
import type { Milliseconds } from '../engine/duration.js';

/** One walk of a cache's memory. Between two slices everything else has its turn. */
export async function sweepMemory(cache: Cache, slice: Milliseconds, signal: AbortSignal): Promise<number> {
  const sweep = cache.sweep();
  while (!signal.aborted && !sweep.slice(slice)) await new Promise((resolve) => setImmediate(resolve));
  return sweep.removed;
}

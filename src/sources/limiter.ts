import { CacheError, OverloadError } from '../cache.errors.js';
import type { Clock } from '../engine/clock.js';
import { Lane } from '../engine/lanes/lane.js';
import type { LaneBounds } from '../engine/lanes/lane.options.js';

/** What a call through a limiter may say. */
export interface LimitedCall {
  signal: AbortSignal;
  /** It waits behind calls that somebody waits for. */
  background: boolean;
}

/** Bounds how many calls of one source run at the same time. The seam for other ways to do that. */
export interface Limiter {
  /** Rejects with `FULL` when there is no room, and with the signal's reason when it was aborted in the queue. */
  run<T>(work: () => Promise<T>, call: LimitedCall): Promise<T>;
}

/** Thrown by limiters: the call was not made. */
export const FULL = Symbol('full');

export const UNLIMITED: Limiter = { run: (work) => work() };

/** By a lane: a limit, fixed or one that follows what the source bears, and a queue with an end. */
export function laneLimiter(name: string, bounds: LaneBounds, clock: Clock): Limiter {
  const lane = new Lane({ ...bounds, name, clock });
  return {
    async run(work, { signal, background }) {
      let begun = false;
      const begin = (): ReturnType<typeof work> => {
        begun = true;
        return work();
      };
      try {
        return await lane.run(begin, { signal, priority: background ? 'background' : 'interactive' });
      } catch (error) {
        // A source may have lanes of its own: their errors are errors of the source.
        throw !begun && CacheError.is(error) && error instanceof OverloadError ? FULL : error;
      }
    },
  };
}

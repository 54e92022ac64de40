import type { Milliseconds } from './duration.js';

/** Where the cache takes its time from. Tests put in their own (`FakeClock` of `nestjs-strata/testing`). */
export interface Clock {
  /** Milliseconds since 1970. May lag for some readings in a turn of the event loop that takes long. */
  now(): Milliseconds;
  /**
   * Milliseconds since some moment, which never go back: for deadlines. Optional for clocks of tests, whose `now` does not
   * go back either.
   */
  elapsed?(): Milliseconds;
  /** Calls `then` when `now` turns out to have been set back, before anybody gets such a reading. The answer ends it. */
  onSetBack?(then: () => void): () => void;
  /** Calls `then` once after `delay`; the answer cancels. Must not keep the process alive. */
  after(delay: Milliseconds, then: () => void): () => void;
}

/** Time for deadlines: a system clock that is set back must not suspend them. */
export function elapsed(clock: Clock): Milliseconds {
  return clock.elapsed ? clock.elapsed() : clock.now();
}

/** How many readings may share one look at the system's clock. */
const READINGS = 64;

/** By so much the two clocks may differ from one look to the next without one of them having been set: ms. */
const SET_BACK = 5;

/** setTimeout fires at once for more than this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The system's clock. `Date.now()` costs more than a hit in memory does, so one look serves the readings of one turn of the
 * event loop, and at most {@link READINGS} of them. Never those of a later turn: the process may have stood still between.
 */
export class SystemClock implements Clock {
  private cached = 0;
  private left = 0;
  private forgetting = false;
  private readonly forget = (): void => {
    this.left = 0;
    this.forgetting = false;
  };

  now(): Milliseconds {
    if (this.left > 0) {
      this.left--;
      return this.cached;
    }
    return this.look();
  }

  elapsed(): Milliseconds {
    return performance.now();
  }

  after(delay: Milliseconds, then: () => void): () => void {
    const timer = setTimeout(then, Math.min(delay, LONGEST_TIMER));
    timer.unref();
    return () => clearTimeout(timer);
  }

  onSetBack(then: () => void): () => void {
    this.setBack.add(then);
    return () => this.setBack.delete(then);
  }

  private readonly setBack = new Set<() => void>();
  /** `Date.now()` less `performance.now()`, when both were looked at last. */
  private ahead = Date.now() - performance.now();

  private look(): Milliseconds {
    this.cached = Date.now();
    const before = this.ahead;
    this.ahead = this.cached - performance.now();
    this.left = READINGS;
    if (!this.forgetting) {
      this.forgetting = true;
      process.nextTick(this.forget);
    }
    // Last: they may look at the clock themselves.
    if (this.ahead < before - SET_BACK) for (const then of this.setBack) then();
    return this.cached;
  }
}

import type { Milliseconds } from './duration.js';

/** One out of this many is in the sample at least, on average. */
const LONGEST_STRIDE = 128;
/** Samples that come faster than this become fewer, and those that come slower than the second one more. */
const TOO_FAST: Milliseconds = 1;
const TOO_SLOW: Milliseconds = 4;

/** Which of many events are looked at more closely: all while there are few, then about one in a millisecond, of very many one in 128. */
export class Sampler {
  /** The caller counts it down with each event, and calls `next` when it is 0: the others are to cost no more than that. */
  left = 1;
  /** One event out of so many is in the sample, on average. */
  private stride = 1;
  private at: Milliseconds = 0;

  /** `random`: 0 up to 1, like `Math.random`. */
  constructor(private readonly random: () => number) {}

  /**
   * How many events the one stands for that is in the sample. `now`: of a clock that only goes on.
   *
   * Distances at random, from 1 to 2 n - 1, are n on average: each event is as likely to be in the sample as any other, whatever
   * the rhythm of the callers.
   */
  next(now: Milliseconds): number {
    const weight = this.stride;
    const gap = now - this.at;
    this.at = now;
    if (gap < TOO_FAST) this.stride = Math.min(2 * this.stride, LONGEST_STRIDE);
    else if (gap > TOO_SLOW) this.stride = Math.max(1, this.stride >> 1);
    this.left = 1 + Math.floor(this.random() * (2 * this.stride - 1));
    return weight;
  }
}

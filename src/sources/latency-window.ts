import type { Milliseconds } from '../engine/duration.js';

/** How many times are remembered. */
const SIZE = 256;

/** So many new ones come in before the order is looked at again. */
const STALE_AFTER = 16;

/** The latest times of a source, for percentiles of what it does now: a histogram since the start would not forget. */
export class LatencyWindow {
  private readonly times = new Float64Array(SIZE);
  private next = 0;
  private sorted: Float64Array | undefined;
  private added = 0;
  count = 0;

  add(time: Milliseconds): void {
    this.times[this.next] = time;
    this.next = (this.next + 1) % SIZE;
    this.count = Math.min(this.count + 1, SIZE);
    this.added++;
  }

  /** 0 before the first time. */
  percentile(share: number): Milliseconds {
    if (this.count === 0) return 0;
    if (this.sorted === undefined || this.added >= STALE_AFTER || this.sorted.length < Math.min(this.count, 32)) {
      this.sorted = this.times.slice(0, this.count).sort();
      this.added = 0;
    }
    const rank = Math.ceil(share * this.sorted.length) - 1;
    return this.sorted[Math.max(0, rank)] as number;
  }
}

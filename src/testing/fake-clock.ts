import { CacheOptionsError } from '../cache.errors.js';
import type { Clock } from '../engine/clock.js';
import { DURATION_REMEDY, type Duration, type Milliseconds, parseDuration } from '../engine/duration.js';

interface Timer {
  at: Milliseconds;
  then: () => void;
}

/**
 * A clock that stands still until it is told. Pass it as `clock` to `CacheModule.forRoot`; entries age and timeouts run out
 * when the test says so, and nothing has to sleep.
 */
export class FakeClock implements Clock {
  private timers: Timer[] = [];

  constructor(private time: Milliseconds = Date.UTC(2030, 0, 1)) {}

  now(): Milliseconds {
    return this.time;
  }

  after(delay: Milliseconds, then: () => void): () => void {
    const timer = { at: this.time + delay, then };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Moves on, runs the timers that are due in their order, and lets promises they settled be handled. */
  async advance(by: Duration): Promise<void> {
    const length = parseDuration(by);
    if (length === undefined) {
      throw new CacheOptionsError([{ option: 'advance', value: by, remedy: DURATION_REMEDY }], 'A test is wrong');
    }
    const end = this.time + length;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = Math.max(this.time, due.at);
      due.then();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.time = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

import type { Clock } from './clock.js';
import type { Milliseconds } from './duration.js';

/** Something that is given up when it is not done in time. */
export class Deadline {
  done = false;

  constructor(
    readonly at: Milliseconds,
    readonly expire: () => void,
  ) {}
}

/**
 * Deadlines that all have the same length. They end in the order in which they began, so one timer serves all of them: a
 * timer of its own for each command or load costs more than the rest of it.
 */
export class Deadlines {
  private readonly queue: Deadline[] = [];
  private first = 0;
  private armed = false;

  constructor(
    private readonly clock: Clock,
    private readonly length: Milliseconds,
  ) {}

  /** Calls `expire` when the time is over, unless `done` was set before. */
  start(expire: () => void): Deadline {
    const deadline = new Deadline(this.clock.now() + this.length, expire);
    this.queue.push(deadline);
    if (!this.armed) this.arm();
    return deadline;
  }

  private arm(): void {
    this.dropDone();
    const next = this.queue[this.first];
    if (next === undefined) return;
    this.armed = true;
    this.clock.after(Math.max(1, next.at - this.clock.now()), () => {
      this.armed = false;
      this.expireDue();
      this.arm();
    });
  }

  private expireDue(): void {
    const now = this.clock.now();
    for (let next = this.queue[this.first]; next && (next.done || next.at <= now); next = this.queue[++this.first]) {
      if (next.done) continue;
      next.done = true;
      next.expire();
    }
  }

  private dropDone(): void {
    while (this.queue[this.first]?.done) this.first++;
    if (this.first === this.queue.length || this.first > 1_000) this.queue.splice(0, this.first);
    if (this.queue.length === 0 || this.first > this.queue.length) this.first = 0;
  }
}

import { type Clock, elapsed } from './clock.js';
import { FOREVER, type Milliseconds } from './duration.js';

/** Something that is given up when it is not done in time. */
export class Deadline {
  /** It ended: in time, or by being given up. */
  over = false;
  before: Deadline | undefined;
  after: Deadline | undefined;

  constructor(
    readonly at: Milliseconds,
    readonly expire: () => void,
  ) {}
}

/**
 * Deadlines that all have the same length. They end in the order in which they began, so one timer serves all of them: a
 * timer of its own for each command or load costs more than the rest of it. A list, not a queue: what was done in time
 * must not be kept until its time would have been over.
 */
export class Deadlines {
  private first: Deadline | undefined;
  private last: Deadline | undefined;
  private armed = false;

  constructor(
    private readonly clock: Clock,
    private readonly length: Milliseconds,
  ) {}

  /** Calls `expire` when the time is over, unless it is stopped before. */
  start(expire: () => void): Deadline {
    const deadline = new Deadline(elapsed(this.clock) + this.length, expire);
    deadline.before = this.last;
    if (this.last) this.last.after = deadline;
    else this.first = deadline;
    this.last = deadline;
    if (!this.armed) this.arm(this.length);
    return deadline;
  }

  /** Answers whether it came in time. */
  stop(deadline: Deadline): boolean {
    if (deadline.over) return false;
    deadline.over = true;
    const { before, after } = deadline;
    if (before) before.after = after;
    else this.first = after;
    if (after) after.before = before;
    else this.last = before;
    deadline.before = undefined;
    deadline.after = undefined;
    return true;
  }

  private arm(delay: Milliseconds): void {
    this.armed = true;
    this.clock.after(delay, () => {
      this.armed = false;
      const now = elapsed(this.clock);
      for (let due = this.first; due && due.at <= now; due = this.first) {
        this.stop(due);
        due.expire();
      }
      if (this.first && !this.armed) this.arm(Math.max(1, this.first.at - now));
    });
  }
}

/** How many different lengths are remembered. */
const MAX_LENGTHS = 100;

/** Ends a deadline; answers whether it came in time. */
export type StopDeadline = () => boolean;

const NEVER_OVER: StopDeadline = () => true;

/** Deadlines of any length, with one timer for each length that is in use. */
export class AnyDeadlines {
  private readonly lists = new Map<Milliseconds, Deadlines>();

  constructor(private readonly clock: Clock) {}

  start(length: Milliseconds, expire: () => void): StopDeadline {
    if (length >= FOREVER) return NEVER_OVER;
    let list = this.lists.get(length);
    if (list === undefined) {
      // Lengths made for each call must not add up; lists that are dropped end their own deadlines all the same.
      if (this.lists.size >= MAX_LENGTHS) this.lists.clear();
      list = new Deadlines(this.clock, length);
      this.lists.set(length, list);
    }
    const deadlines = list;
    const deadline = deadlines.start(expire);
    return () => deadlines.stop(deadline);
  }
}

import type { Milliseconds } from '../duration.js';

/** How many requests may run at once, and what tells it. */
export interface ConcurrencyLimit {
  /** At least 1. */
  readonly current: number;
  /** A request has ended: when it began and ended, and how many ran besides it until now. */
  ended(how: Ended, begun: Milliseconds, now: Milliseconds, others: number): void;
}

/** `failed` says nothing of the time that work takes; `lost`: it took so long that nobody waits for it any more. */
export type Ended = 'done' | 'failed' | 'lost';

export class FixedLimit implements ConcurrencyLimit {
  constructor(readonly current: number) {}

  ended(): void {}
}

export interface LimitRange {
  min: number;
  max: number;
  initial: number;
}

/** A limit is reconsidered after so many requests, or twice as many as it allows, at most the other one. */
const SMALLEST_WINDOW = 20;
const LARGEST_WINDOW = 100;

/** How many more requests than the source works on are wanted: fewer than alpha, and the limit grows; over beta, it falls. */
const ALPHA = 2;
const BETA = 4;
/** Under this it grows fast. */
const GAMMA = 1;

/** What it takes with nobody waiting is measured again after so many windows, or so many in which the limit fell. */
const WINDOWS_BETWEEN_PROBES = 30;
const FALLS_BEFORE_PROBE = 5;
/** The first probe comes early: at the start it is not known whether anybody waits. */
const WINDOWS_BEFORE_FIRST = 3;

/**
 * A limit that follows the source, by the method of TCP Vegas (Brakmo, Peterson: "TCP Vegas: End to End Congestion Avoidance on a
 * Global Internet", IEEE JSAC 13(8), 1995) as Netflix's concurrency-limits applies it to requests: of `limit` requests that take
 * `mean`, while one that waits for nobody takes `base`, `limit * (1 - base / mean)` wait inside the source. The limit is
 * kept where a few of them do: all of the source is used, and hardly anybody waits there instead of here, where the order
 * can still be chosen. Alpha, beta and gamma are those of Linux, times log10 of the limit.
 *
 * Three things differ, because requests are no packets. Times vary from one request to the next, so means of windows are compared, not
 * the least ones. `base` is measured again now and then, with half the limit for one window (as BBR does, Cardwell et al.:
 * "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016), or a base of better days would hold the limit down for
 * ever, and one that was measured under load would let it grow without end. And it falls the faster the more requests wait.
 */
export class AdaptiveLimit implements ConcurrencyLimit {
  private exact: number;
  private base: Milliseconds | undefined;
  private probing = false;
  private sinceProbe = WINDOWS_BETWEEN_PROBES - WINDOWS_BEFORE_FIRST;
  private falls = 0;
  // The window: only requests count that began in it, so that they were under the limit of now.
  private opened: Milliseconds | undefined;
  private samples = 0;
  private sum: Milliseconds = 0;
  private busiest = 0;
  private lost = false;

  constructor(private readonly range: LimitRange) {
    this.exact = range.initial;
  }

  get current(): number {
    const { min } = this.range;
    return Math.max(min, Math.floor(this.probing ? this.exact / 2 : this.exact));
  }

  ended(how: Ended, begun: Milliseconds, now: Milliseconds, others: number): void {
    // After the limit fell more requests than it allows may still be running.
    if (this.opened === undefined) {
      if (others < this.current) this.opened = now;
      return;
    }
    if (begun < this.opened) return;
    if (how === 'lost' && !this.lost) {
      this.lost = true;
      this.moveTo(this.exact * 0.9);
    }
    if (how !== 'done') return;
    this.samples++;
    this.sum += now - begun;
    this.busiest = Math.max(this.busiest, others + 1);
    const { current } = this;
    if (this.samples >= Math.max(SMALLEST_WINDOW, Math.min(LARGEST_WINDOW, 2 * current))) this.reconsider(now, current);
  }

  private reconsider(now: Milliseconds, before: number): void {
    const mean = this.sum / this.samples;
    if (this.probing) {
      this.probing = false;
      this.base = mean;
      this.sinceProbe = 0;
      this.falls = 0;
    } else {
      this.adjust(mean);
      this.sinceProbe++;
      this.probing = this.sinceProbe >= WINDOWS_BETWEEN_PROBES || this.falls >= FALLS_BEFORE_PROBE;
    }
    this.samples = 0;
    this.sum = 0;
    this.busiest = 0;
    this.lost = false;
    this.opened = this.current < before ? undefined : now;
  }

  private adjust(mean: Milliseconds): void {
    this.base ??= mean;
    // Slowly: the least of many means is one that chance made small.
    if (mean < this.base) this.base += (mean - this.base) * 0.1;
    const step = Math.max(1, Math.log10(this.exact));
    const waiting = mean === 0 ? 0 : this.exact * Math.max(0, 1 - this.base / mean);
    // A limit that was not used says nothing of whether there could be more.
    const used = this.busiest * 2 >= this.exact;
    if (waiting > BETA * step) {
      this.falls++;
      this.moveTo(Math.max(this.exact / 2, this.exact - Math.max(step, (waiting - BETA * step) / 2)));
    } else {
      this.falls = 0;
      if (used && waiting <= GAMMA * step) this.moveTo(this.exact + BETA * step);
      else if (used && waiting < ALPHA * step) this.moveTo(this.exact + step);
    }
  }

  private moveTo(limit: number): void {
    this.exact = Math.min(this.range.max, Math.max(this.range.min, limit));
  }
}

import type { Milliseconds } from '../../engine/duration.js';
import type { ClaimOptions } from '../write-buffer.js';

const NEVER = Number.NEGATIVE_INFINITY;

/** Who may flush a shard, until when, and from when on after trouble. */
export class ShardLease {
  /** Until when nobody should flush. */
  pauseUntil = NEVER;
  private owner: string | undefined;
  private until = NEVER;
  private epoch = 0;

  /**
   * Answers the epoch, or for how long it is refused. A lease that ended, or was given back, gets a new epoch. A limit of 0
   * renews: only for the owner who claimed last, for whom what was claimed before still is the newest.
   */
  take(now: Milliseconds, options: ClaimOptions): { epoch: number } | { retryIn: Milliseconds } {
    const { owner, lease, limit, epochAtLeast = 0, force } = options;
    if (limit === 0 && this.owner !== owner) return { retryIn: 0 };
    const free = this.until <= now;
    if (!free && this.owner !== owner) return { retryIn: this.until - now };
    if (this.pauseUntil > now && !force) return { retryIn: this.pauseUntil - now };
    this.epoch = Math.max(free ? this.epoch + 1 : this.epoch, epochAtLeast);
    this.owner = owner;
    this.until = now + lease;
    return { epoch: this.epoch };
  }

  /** Does nothing if somebody else has it by now. */
  giveBack(now: Milliseconds, owner: string, pause: Milliseconds): void {
    if (this.owner !== owner) return;
    this.owner = undefined;
    this.until = NEVER;
    if (pause > 0) this.pauseUntil = now + pause;
  }
}

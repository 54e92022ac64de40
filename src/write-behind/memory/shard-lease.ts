import type { Milliseconds } from '../../engine/duration.js';
import type { ClaimOptions } from '../write-buffer.js';

const NEVER = Number.NEGATIVE_INFINITY;

/** Who may flush a shard, and until when. */
export class ShardLease {
  private owner: string | undefined;
  private until = NEVER;
  private epoch = 0;

  /**
   * Answers the epoch, or `undefined` if it is refused. A lease that ended, or was given back, gets a new epoch: higher than
   * the one before, and at least `least`. A limit of 0 renews: only for the owner who claimed last, for whom what was
   * claimed before still is the newest.
   */
  take(now: Milliseconds, options: ClaimOptions, least: number): number | undefined {
    const { owner, lease, limit, epochAtLeast = 0 } = options;
    if (limit === 0 && this.owner !== owner) return undefined;
    const free = this.until <= now;
    if (!free && this.owner !== owner) return undefined;
    if (free) this.epoch = Math.max(this.epoch + 1, least);
    this.epoch = Math.max(this.epoch, epochAtLeast);
    this.owner = owner;
    this.until = now + lease;
    return this.epoch;
  }

  /** Does nothing if somebody else has it by now. */
  giveBack(owner: string): void {
    if (this.owner !== owner) return;
    this.owner = undefined;
    this.until = NEVER;
  }
}

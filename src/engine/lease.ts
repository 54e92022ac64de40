import type { Lease, SharedAtomics } from '../tiers/tier.js';
import { positive } from './call-check.js';
import { type Clock, elapsed } from './clock.js';
import type { Duration, Milliseconds } from './duration.js';

/** A lock that was taken. It is over, at the latest, when its time is over by this process' own clock. */
export class TakenLease implements Lease {
  private readonly ending = new AbortController();
  private until = 0;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly atomics: SharedAtomics,
    private readonly key: string,
    private readonly token: string,
    private readonly clock: Clock,
    /** What is left of it: counted from before it was asked for, so that it ends here no later than there. */
    left: Milliseconds,
  ) {
    this.endIn(left);
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  get held(): boolean {
    return !this.ending.signal.aborted && elapsed(this.clock) < this.until;
  }

  async renew(ttl: Duration): Promise<boolean> {
    const life = positive('ttl', ttl);
    const asked = elapsed(this.clock);
    if (!this.held) return false;
    const renewed = await this.atomics.renew(this.key, this.token, life);
    if (renewed && this.held) {
      this.endIn(Math.max(0, life - (elapsed(this.clock) - asked)));
      return true;
    }
    // What ended meanwhile does not begin again: who was told by the signal has stopped.
    if (renewed) await this.release();
    else this.end();
    return false;
  }

  async release(): Promise<boolean> {
    this.end();
    return this.atomics.release(this.key, this.token);
  }

  private endIn(left: Milliseconds): void {
    this.cancel();
    this.until = elapsed(this.clock) + left;
    this.cancel = this.clock.after(left, () => this.ending.abort());
  }

  private end(): void {
    this.cancel();
    this.ending.abort();
  }
}

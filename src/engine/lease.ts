import type { Lease, SharedAtomics } from '../tiers/tier.js';
import type { Clock } from './clock.js';
import type { Milliseconds } from './duration.js';

/** A lock that was taken. It is over, at the latest, when its time is over by this process' own clock. */
export class TakenLease implements Lease {
  private readonly ending = new AbortController();
  private readonly cancel: () => void;

  constructor(
    private readonly atomics: SharedAtomics,
    private readonly key: string,
    private readonly token: string,
    clock: Clock,
    /** What is left of it: counted from before it was asked for, so that it ends here no later than there. */
    left: Milliseconds,
  ) {
    this.cancel = clock.after(left, () => this.ending.abort());
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  async release(): Promise<boolean> {
    this.cancel();
    this.ending.abort();
    return this.atomics.release(this.key, this.token);
  }
}

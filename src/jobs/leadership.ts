import { CacheUnavailableError } from '../cache.errors.js';
import type { Cache } from '../engine/cache.js';
import type { Milliseconds } from '../engine/duration.js';
import type { CacheKey } from '../engine/key.js';
import type { Lease } from '../tiers/tier.js';

/** What a process does while it leads. */
export interface Leading {
  /** `term.signal` aborts when it does not lead any more. */
  elected(term: Lease): void;
}

/**
 * Which process of the cluster does what only one does: the one that has a lease in Redis. It renews the lease four times
 * within its life; when it dies the next one has it within the configured time. Without Redis a process leads itself.
 *
 * A leader that stands still and comes back may find that another one leads: `term.held` tells before each piece of work, by
 * its own clock, so work of two leaders does not overlap by more than the one call that was under way.
 */
export class Leadership {
  private lease: Lease | undefined;
  private closed = false;
  /** What Redis is told: shorter than the configured time by what the others need to notice that it ended. */
  private readonly life: Milliseconds;
  /** How often to look, or to renew. */
  readonly every: Milliseconds;

  constructor(
    private readonly cache: Cache,
    private readonly key: CacheKey,
    /** Longest time without a leader after one has died. */
    within: Milliseconds,
    private readonly leading: Leading,
  ) {
    this.life = Math.ceil(within * 0.75);
    this.every = Math.max(1, Math.floor(within * 0.2));
  }

  /** The lease, while this process leads. */
  get term(): Lease | undefined {
    return this.lease?.held ? this.lease : undefined;
  }

  /** Renews, or tries to become leader. */
  async tick(): Promise<void> {
    try {
      if (this.term && (await this.term.renew(this.life))) return;
      const lease = await this.cache.lease(this.key, { ttl: this.life });
      if (lease && this.closed) await lease.release();
      else if (lease) {
        this.lease = lease;
        this.leading.elected(lease);
      }
    } catch (error) {
      // Told by the connection's own events. Who leads does so until the lease ends: nobody else can get it either.
      if (!(error instanceof CacheUnavailableError)) throw error;
    }
  }

  /** Lets another process lead. */
  async resign(): Promise<void> {
    this.closed = true;
    await this.lease?.release().catch(() => undefined);
  }
}

import type { Clock } from '../../engine/clock.js';
import { FOREVER, type Milliseconds } from '../../engine/duration.js';
import type { RateLimitResult, SharedAtomics } from '../tier.js';

interface Slot {
  /** A counter's value, or how often a window was entered. */
  count: number;
  /** Who holds the lease. */
  token: string;
  until: Milliseconds;
}

/** Expired slots are thrown away when at least so many new ones have been made, and as many as were left the last time. */
const SWEEP_EVERY = 1_000;

/** Counters, leases and rate limits of a cache without Redis: of this process only. */
export class MemoryAtomics implements SharedAtomics {
  private readonly slots = new Map<string, Slot>();
  /** New slots until the next sweep. */
  private untilSweep = SWEEP_EVERY;

  constructor(private readonly clock: Clock) {}

  async increment(key: string, by: number, ttl: Milliseconds | undefined): Promise<number> {
    const slot = this.live(`n:${key}`) ?? (by === 0 ? undefined : this.make(`n:${key}`, ttl ?? FOREVER));
    if (slot === undefined) return 0; // asking makes no counter
    slot.count += by;
    return slot.count;
  }

  async acquire(key: string, token: string, ttl: Milliseconds): Promise<boolean> {
    if (this.live(`l:${key}`)) return false;
    this.make(`l:${key}`, ttl).token = token;
    return true;
  }

  async renew(key: string, token: string, ttl: Milliseconds): Promise<boolean> {
    const slot = this.live(`l:${key}`);
    if (slot?.token !== token) return false;
    slot.until = this.clock.now() + ttl;
    return true;
  }

  async release(key: string, token: string): Promise<boolean> {
    return this.live(`l:${key}`)?.token === token && this.slots.delete(`l:${key}`);
  }

  async rateLimit(key: string, limit: number, window: Milliseconds): Promise<RateLimitResult> {
    const slot = this.live(`r:${key}`) ?? this.make(`r:${key}`, window);
    const allowed = slot.count < limit;
    if (allowed) slot.count++;
    // The limit may have been higher before.
    const remaining = Math.max(0, limit - slot.count);
    return { allowed, remaining, resetIn: slot.until - this.clock.now() };
  }

  async forget(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.slots.delete(`n:${key}`);
      this.slots.delete(`r:${key}`);
    }
  }

  private live(name: string): Slot | undefined {
    const slot = this.slots.get(name);
    return slot && slot.until > this.clock.now() ? slot : undefined;
  }

  private make(name: string, ttl: Milliseconds): Slot {
    if (--this.untilSweep <= 0) this.sweep();
    const slot = { count: 0, token: '', until: this.clock.now() + ttl };
    this.slots.set(name, slot);
    return slot;
  }

  private sweep(): void {
    const now = this.clock.now();
    for (const [name, slot] of this.slots) if (slot.until <= now) this.slots.delete(name);
    // In proportion to what is left: each new slot pays for a bounded number of looks, however many live.
    this.untilSweep = Math.max(SWEEP_EVERY, this.slots.size);
  }
}

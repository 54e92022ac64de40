import { type Clock, elapsed } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';

/** So many commands in a row without an answer open the breaker. */
const FAILURES = 5;

/**
 * Keeps callers from waiting for a Redis that does not answer: after {@link FAILURES} timeouts in a row nothing is sent
 * for `pause`, then one command tries (half-open), and its fate decides.
 */
export class Breaker {
  private state: { name: 'closed'; failures: number } | { name: 'open'; until: Milliseconds } | { name: 'trying' } = {
    name: 'closed',
    failures: 0,
  };

  constructor(
    private readonly clock: Clock,
    private readonly pause: Milliseconds,
  ) {}

  /** Whether a command may be sent. In the half-open state: the first one only. */
  admits(): boolean {
    if (this.state.name === 'closed') return true;
    if (this.state.name === 'trying' || elapsed(this.clock) < this.state.until) return false;
    this.state = { name: 'trying' };
    return true;
  }

  get closed(): boolean {
    return this.state.name === 'closed';
  }

  answered(): void {
    if (this.state.name !== 'closed' || this.state.failures > 0) this.state = { name: 'closed', failures: 0 };
  }

  timedOut(): void {
    const failures = this.state.name === 'closed' ? this.state.failures + 1 : FAILURES;
    this.state =
      failures >= FAILURES ? { name: 'open', until: elapsed(this.clock) + this.pause } : { name: 'closed', failures };
  }

  /** A new connection is judged anew. */
  reset(): void {
    this.state = { name: 'closed', failures: 0 };
  }
}

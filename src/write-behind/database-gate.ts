import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';

const FIRST_PROBE = 100;
const LONGEST_PROBE = 2_000;

/**
 * Keeps batches from a database that does not answer: one small question now and then finds out whether it is back, instead
 * of every shard trying with all its rows.
 */
export class DatabaseGate {
  private delay: Milliseconds | undefined;
  private cancel: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    /** Resolves if the database answers. */
    private readonly probe: () => Promise<unknown>,
    /** Called when it is back. */
    private readonly back: () => void,
  ) {}

  get open(): boolean {
    return this.delay === undefined;
  }

  /** When to ask again whether it is open. */
  get retryIn(): Milliseconds {
    return this.delay ?? 0;
  }

  shut(): void {
    if (this.delay !== undefined || this.closed) return;
    this.delay = FIRST_PROBE;
    this.wait();
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private wait(): void {
    this.cancel = this.clock.after(this.delay ?? 0, () => void this.look());
  }

  private async look(): Promise<void> {
    try {
      await this.probe();
    } catch {
      if (this.closed) return;
      this.delay = Math.min((this.delay ?? FIRST_PROBE) * 2, LONGEST_PROBE);
      this.wait();
      return;
    }
    this.delay = undefined;
    if (!this.closed) this.back();
  }
}

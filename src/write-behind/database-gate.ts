import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';

const FIRST_PROBE = 100;
const LONGEST_PROBE = 2_000;

/**
 * Keeps batches from a database that does not answer: one small question now and then finds out whether it is back, instead
 * of every shard trying with all its rows.
 */
export class DatabaseGate {
  open = true;
  /** It goes on growing until a batch succeeds: a database may answer the question and break down under the batch. */
  private delay: Milliseconds = FIRST_PROBE;
  private cancel: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    /** Resolves if the database answers. */
    private readonly probe: () => Promise<unknown>,
    /** Called when it is back. */
    private readonly back: () => void,
  ) {}

  /** When to ask again whether it is open. */
  get retryIn(): Milliseconds {
    return this.open ? 0 : this.delay;
  }

  shut(): void {
    if (!this.open || this.closed) return;
    this.open = false;
    this.wait();
  }

  /** A batch succeeded. */
  worked(): void {
    this.delay = FIRST_PROBE;
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private wait(): void {
    this.cancel = this.clock.after(this.delay, () => void this.look());
  }

  private async look(): Promise<void> {
    const answers = await this.probe().then(
      () => true,
      () => false,
    );
    this.delay = Math.min(this.delay * 2, LONGEST_PROBE);
    if (this.closed) return;
    if (!answers) return this.wait();
    this.open = true;
    this.back();
  }
}

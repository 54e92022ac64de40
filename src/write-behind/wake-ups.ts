import { atMost } from '../engine/at-most.js';
import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';

/** What is done when somebody is woken. Nothing of it rejects. */
export interface Work {
  knows(entity: string): boolean;
  flush(entity: string, shard: number): Promise<void>;
  /** Looks for shards that nobody was woken for. */
  sweep(): Promise<void>;
}

/**
 * Tells some process to flush a shard. Only a hint: one that is lost, late or doubled costs time, never data, because the
 * pending writes themselves say what is due and the sweep looks at them.
 */
export interface WakeUps {
  /** With `work` this process takes wake-ups, too. */
  start(work: Work | undefined): Promise<void>;
  /** Does not wait, and does not throw. */
  wake(entity: string, shard: number, delay: Milliseconds): void;
  /** Takes no further wake-ups, and waits for those under way, but not longer than that. */
  close(limit: Milliseconds): Promise<void>;
}

/** Wake-ups of one process, by timers: for a buffer in memory. */
export class TimerWakeUps implements WakeUps {
  private work: Work | undefined;
  private readonly planned = new Map<string, { at: Milliseconds; cancel: () => void }>();
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly clock: Clock) {}

  async start(work: Work | undefined): Promise<void> {
    this.work = work;
  }

  wake(entity: string, shard: number, delay: Milliseconds): void {
    if (this.closed) return;
    const name = `${entity}:${shard}`;
    const at = this.clock.now() + delay;
    const planned = this.planned.get(name);
    if (planned && planned.at <= at) return;
    planned?.cancel();
    const cancel = this.clock.after(delay, () => {
      this.planned.delete(name);
      const run = this.work?.flush(entity, shard);
      if (!run) return;
      this.running.add(run);
      void run.finally(() => this.running.delete(run));
    });
    this.planned.set(name, { at, cancel });
  }

  async close(limit: Milliseconds): Promise<void> {
    this.closed = true;
    for (const { cancel } of this.planned.values()) cancel();
    this.planned.clear();
    await atMost(limit, Promise.all(this.running));
  }
}

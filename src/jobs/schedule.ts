import type { SchedulerRegistry } from '@nestjs/schedule';
import { CacheOptionsError } from '../cache.errors.js';
import { type Clock, SystemClock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';

/** `setInterval` fires at once for more than this. */
export const LONGEST_INTERVAL = 2 ** 31 - 1;

/** Something done again and again. */
export interface Job {
  /** In the `SchedulerRegistry`. */
  name: string;
  every: Milliseconds;
  /** Must stop soon after `signal` aborts. */
  run(signal: AbortSignal): Promise<void> | void;
}

/**
 * The jobs of an app, as intervals in the `SchedulerRegistry` of `@nestjs/schedule`: there the app can see them, and delete one
 * to stop it. A job never runs twice at once: while it runs its ticks are left out. None of them keeps the process alive.
 */
export class Schedule {
  private readonly stops = new Map<string, () => void>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly ending = new AbortController();

  constructor(
    private readonly registry: SchedulerRegistry,
    private readonly clock: Clock,
    private readonly failed: (job: string, error: unknown) => void,
  ) {}

  add(job: Job): void {
    const { name, every } = job;
    if (this.registry.doesExist('interval', name)) {
      const remedy = 'The cache names its own jobs like this: give yours another name.';
      throw new CacheOptionsError([{ option: 'SchedulerRegistry', value: name, remedy }], 'An interval exists already');
    }
    const tick = (): void => void this.run(job);
    const length = Math.min(every, LONGEST_INTERVAL);
    const stop =
      this.clock instanceof SystemClock ? this.byTimer(name, length, tick) : this.byClock(name, length, tick);
    this.stops.set(name, stop);
  }

  /** Runs a job now, unless it is running. */
  run({ name, run }: Job): Promise<void> {
    const under = this.running.get(name);
    if (under) return under;
    if (this.ending.signal.aborted) return Promise.resolve();
    const work = this.attempt(name, run).finally(() => this.running.delete(name));
    this.running.set(name, work);
    return work;
  }

  /** Runs a job as soon as one of that name that is running has ended. */
  async runNext(job: Job): Promise<void> {
    for (let under = this.running.get(job.name); under; under = this.running.get(job.name)) await under;
    await this.run(job);
  }

  /** No tick comes any more, and what runs is told to stop. Resolves when it has. */
  async stop(): Promise<void> {
    this.ending.abort();
    for (const stop of this.stops.values()) stop();
    this.stops.clear();
    await Promise.all(this.running.values());
  }

  private async attempt(name: string, run: Job['run']): Promise<void> {
    try {
      await run(this.ending.signal);
    } catch (error) {
      this.failed(name, error);
    }
  }

  private byTimer(name: string, every: Milliseconds, tick: () => void): () => void {
    const timer = setInterval(tick, every).unref();
    this.registry.addInterval(name, timer);
    return () => this.forget(name, timer);
  }

  /** For clocks of tests: the interval in the registry stands for the job, and the clock makes it run. */
  private byClock(name: string, every: Milliseconds, tick: () => void): () => void {
    const timer = setInterval(() => undefined, LONGEST_INTERVAL).unref();
    this.registry.addInterval(name, timer);
    let cancel: () => void;
    const wait = (): void => {
      cancel = this.clock.after(every, () => {
        if (!this.has(name, timer)) return;
        wait();
        tick();
      });
    };
    wait();
    return () => {
      cancel();
      this.forget(name, timer);
    };
  }

  /** The app, or ScheduleModule at its own shutdown, may have deleted it. */
  private forget(name: string, timer: NodeJS.Timeout): void {
    if (this.has(name, timer)) this.registry.deleteInterval(name);
    else clearInterval(timer);
  }

  private has(name: string, timer: NodeJS.Timeout): boolean {
    return this.registry.doesExist('interval', name) && this.registry.getInterval(name) === timer;
  }
}

import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Cache } from '../engine/cache.js';
import type { Clock } from '../engine/clock.js';
import { jobName, leaderKey } from './job-names.js';
import type { ResolvedJobs } from './jobs.options.js';
import { Leadership } from './leadership.js';
import { Schedule } from './schedule.js';
import { sweepMemory } from './sweep.job.js';

/** What the jobs of an app work with. */
export interface JobsContext {
  /** All caches of the app; the first one is that of `forRoot`. Asked for when the jobs start. */
  caches(): readonly Cache[];
  clock: Clock;
  /** Of the cache of `forRoot`: processes with another one have other entries, and a leader of their own. */
  schema: string;
  /** Flushes what write-behind has overdue, in any process. */
  sweepWriteBehind: (() => Promise<void>) | undefined;
}

/** The jobs of one app: starts and stops them. */
export class Jobs {
  private schedule: Schedule | undefined;
  private leadership: Leadership | undefined;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly options: ResolvedJobs,
    private readonly context: JobsContext,
  ) {}

  /** `registry`: the app's own, or one that only the cache knows. */
  start(registry: SchedulerRegistry): void {
    const { options, context } = this;
    if (!options.enabled || this.stopped) return;
    const caches = context.caches();
    const [root] = caches;
    if (!root) return;
    const schedule = new Schedule(registry, context.clock, (job, error) => root.trouble(job, error));
    this.schedule = schedule;
    this.leadership = this.lead(root, schedule);
    for (const cache of caches) this.addSweep(schedule, cache, cache === root);
  }

  /** Stops everything and waits for it. The caller sees to the deadline. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    await this.schedule?.stop();
    await this.leadership?.resign();
  }

  private lead(root: Cache, schedule: Schedule): Leadership {
    const { lease } = this.options;
    const leadership = new Leadership(root, leaderKey(this.context.schema), lease, { elected: () => undefined });
    const job = { name: jobName('lead'), every: leadership.every, run: () => leadership.tick() };
    schedule.add(job);
    void schedule.run(job);
    return leadership;
  }

  private addSweep(schedule: Schedule, cache: Cache, isRoot: boolean): void {
    const { enabled, every, slice } = this.options.sweep;
    if (!enabled) return;
    schedule.add({
      name: jobName('sweep', cache.name),
      every,
      run: async (signal) => {
        await sweepMemory(cache, slice, signal);
        if (isRoot && this.leadership?.term) await this.context.sweepWriteBehind?.();
      },
    });
  }
}

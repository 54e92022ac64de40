import { AsyncResource } from 'node:async_hooks';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { CacheUnavailableError } from '../cache.errors.js';
import type { WarmSite } from '../decorators/warm-site.js';
import { atMost } from '../engine/at-most.js';
import type { Cache } from '../engine/cache.js';
import { type Clock, SystemClock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { Lease, RemoteServer, RemoteTierFactory } from '../tiers/tier.js';
import { CacheJobs, type JobsCache } from './cache-jobs.js';
import { jobName, leaderKey } from './job-names.js';
import type { ResolvedJobs } from './jobs.options.js';
import { Leadership } from './leadership.js';
import { type Job, LONGEST_INTERVAL, Schedule } from './schedule.js';
import { sweepMemory } from './sweep.job.js';
import type { JobsLog, WarmReason } from './warm/warm-up.js';

/** What the jobs of an app work with. */
export interface JobsContext {
  /** All caches of the app; the first one is that of `forRoot`. Asked for when the jobs start. */
  caches(): readonly JobsCache[];
  /** The methods that may be called for their own sake. */
  sites(): readonly WarmSite[];
  clock: Clock;
  /** Of the cache of `forRoot`: processes with another one have other entries, and a leader of their own. */
  schema: string;
  redis: RemoteTierFactory | undefined;
  log: JobsLog;
  /** Flushes what write-behind has overdue, in any process. */
  sweepWriteBehind: (() => Promise<void>) | undefined;
}

/** A command of the jobs may take its time. */
const COMMAND_TIMEOUT = 2_000;

/** After a `clear` the next ones are waited for: they often come several at a time. */
const AFTER_CLEAR = 500;

/** The jobs of one app: starts and stops them. */
export class Jobs {
  /** What follows a `clear` must not belong to the request, or the transaction, that called it. */
  private readonly scope = new AsyncResource('nestjs-strata.jobs');
  private schedule: Schedule | undefined;
  private leadership: Leadership | undefined;
  private server: RemoteServer | undefined;
  private readonly looked: { cache: Cache; jobs: CacheJobs; cancelClear: (() => void) | undefined }[] = [];
  private beginning: Promise<void> | undefined;
  /** What the start may wait for. */
  private readonly warming = new Set<Promise<void>>();
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly options: ResolvedJobs,
    private readonly context: JobsContext,
  ) {}

  /**
   * `registry`: the app's own, or one that only the cache knows. Resolves when this process has done its part of the warm-up, or
   * `jobs.warm.wait` is over.
   */
  async start(registry: SchedulerRegistry): Promise<void> {
    const { options, context } = this;
    const caches = context.caches();
    const [root] = caches;
    if (!options.enabled || this.stopped || !root) return;
    if (options.warm.enabled) this.server = context.redis?.server?.(context.clock, COMMAND_TIMEOUT);
    const schedule = new Schedule(registry, context.clock, (job, error) => this.failed(root.cache, job, error));
    this.schedule = schedule;
    const elected = (term: Lease): void => this.elected(term);
    const { lease } = options;
    this.leadership = new Leadership(root.cache, leaderKey(context.schema), lease, { elected });
    for (const one of caches) this.lookAfter(one, one === root, schedule);
    const { every } = this.leadership;
    const lead: Job = { name: jobName('lead'), every, run: () => this.leadership?.tick() };
    schedule.add(lead);
    this.beginning = this.begin(schedule, lead);
    const { wait } = options.warm;
    if (wait === 0) return;
    // Nothing listens yet, and timers of the cache keep no process alive: it must not end here.
    const alive = setInterval(() => undefined, LONGEST_INTERVAL);
    await atMost(wait, this.beginning, context.clock, new SystemClock());
    clearInterval(alive);
  }

  /** Stops everything and waits for it. The caller sees to the deadline. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  /** The first steps; without `jobs.warm.wait` the app does not wait for them. */
  private async begin(schedule: Schedule, lead: Job): Promise<void> {
    await this.server?.connect();
    await schedule.run(lead);
    for (const { cache, jobs } of this.looked) {
      const run = (signal: AbortSignal) => jobs.fetch(() => !signal.aborted);
      if (this.leadership?.term) continue;
      this.noteWarming(schedule.run({ name: `${jobName('warm', cache.name)} (start)`, every: 0, run }));
    }
    await Promise.all(this.warming);
  }

  private noteWarming(work: Promise<void>): void {
    this.warming.add(work);
    void work.finally(() => this.warming.delete(work));
  }

  private async end(): Promise<void> {
    for (const { cancelClear } of this.looked) cancelClear?.();
    await this.schedule?.stop();
    await this.beginning;
    await Promise.all(this.looked.map(({ jobs }) => jobs.learn().catch(() => undefined)));
    await this.leadership?.resign();
    await this.server?.close().catch(() => undefined);
  }

  private lookAfter(one: JobsCache, isRoot: boolean, schedule: Schedule): void {
    const { options, context } = this;
    const { clock, log } = context;
    const { cache } = one;
    const cleared = (): void => this.cleared(cache);
    const sites = () => context.sites();
    const jobs = new CacheJobs(one, { options, clock, log, server: this.server, sites, isRoot, cleared });
    this.looked.push({ cache, jobs, cancelClear: undefined });
    const add = (name: 'sweep' | 'learn' | 'warm' | 'advise', every: Milliseconds, run: Job['run']): void => {
      schedule.add({ name: jobName(name, cache.name), every, run });
    };
    const { sweep, warm, advise } = options;
    if (sweep.enabled) {
      add('sweep', sweep.every, async (signal) => {
        await sweepMemory(cache, sweep.slice, signal);
        if (isRoot && this.leadership?.term) await context.sweepWriteBehind?.();
      });
    }
    if (warm.enabled) {
      add('learn', warm.learnEvery, () => jobs.learn());
      add('warm', warm.every, (signal) => this.warm(jobs, 'expiry', signal));
    }
    if (advise.enabled) add('advise', advise.every, () => jobs.advise());
  }

  /** While this process leads, and no longer. */
  private async warm(jobs: CacheJobs, reason: WarmReason, signal: AbortSignal): Promise<void> {
    const term = this.leadership?.term;
    if (term) await jobs.warm(reason, () => term.held && !signal.aborted);
    else jobs.deposed();
  }

  /** Whatever happened before this process led: popular keys may be missing. */
  private elected(term: Lease): void {
    for (const { cache, jobs } of this.looked) {
      jobs.deposed();
      if (!term.signal.aborted) this.noteWarming(this.runWarm(cache, jobs, 'start'));
    }
  }

  private cleared(cache: Cache): void {
    const looked = this.looked.find((one) => one.cache === cache);
    if (!looked || this.stopped) return;
    looked.cancelClear?.();
    const warm = (): void => {
      if (this.leadership?.term) void this.runWarm(cache, looked.jobs, 'clear');
    };
    looked.cancelClear = this.context.clock.after(AFTER_CLEAR, () => this.scope.runInAsyncScope(warm));
  }

  /** Never together with the look for what expires: it waits for that, and takes its name. */
  private async runWarm(cache: Cache, jobs: CacheJobs, reason: WarmReason): Promise<void> {
    const { schedule } = this;
    if (!schedule || !this.options.warm.enabled) return;
    const run = (signal: AbortSignal) => this.warm(jobs, reason, signal);
    await schedule.runNext({ name: jobName('warm', cache.name), every: 0, run });
  }

  /** That Redis is away is told by its connection. */
  private failed(root: Cache, job: string, error: unknown): void {
    if (!(error instanceof CacheUnavailableError)) root.trouble(job, error);
  }
}

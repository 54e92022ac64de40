import type { WarmSite } from '../../decorators/warm-site.js';
import type { Cache } from '../../engine/cache.js';
import { type Clock, elapsed, SystemClock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { CacheKey, EncodedKey } from '../../engine/key.js';
import type { ResolvedJobs } from '../jobs.options.js';
import type { Popularity } from '../popularity/popularity.js';
import { giveWay } from './give-way.js';
import { isItem, type Unwarmable, type WarmItem, WarmPlan } from './plan.js';
import { type WarmTally, warmRun } from './warm-run.js';

/** The app's log. `kind`: the same kind is told once in a while only. */
export interface JobsLog {
  info(message: string, kind?: string): void;
  warn(kind: string, message: string): void;
}

export interface WarmContext {
  cache: Cache;
  popularity: Popularity;
  sites(): readonly WarmSite[];
  /** Keys that the options name. */
  always: readonly CacheKey[];
  options: ResolvedJobs['warm'];
  clock: Clock;
  log: JobsLog;
}

/** When a warm-up takes place. `expiry`: now and again, for what is about to expire. */
export type WarmReason = 'start' | 'clear' | 'expiry';

const PROGRESS_EVERY = 10_000;

/** Loads popular keys of one cache before somebody misses them. */
export class WarmUp {
  /** Keys that were tried, and until when they are not tried again. */
  private readonly tried = new Map<EncodedKey, Milliseconds>();
  private readonly told = new Set<string>();

  /** How busy the event loop is says nothing where the time is a test's. */
  private readonly giveWay: () => Promise<void> | void;

  constructor(private readonly context: WarmContext) {
    this.giveWay = context.clock instanceof SystemClock ? giveWay : () => undefined;
  }

  /** By the process that leads; `leads` tells whether it still does. */
  async run(reason: WarmReason, leads: () => boolean): Promise<WarmTally> {
    const { clock, options } = this.context;
    const begun = elapsed(clock);
    const planned = await this.plan(reason);
    const all = planned.length;
    let toldAt = begun;
    const horizon = reason === 'expiry' ? 1.5 * options.every : 0;
    const tally = await warmRun(planned, {
      concurrency: options.concurrency,
      horizon,
      giveWay: this.giveWay,
      goOn: () => {
        if (!leads()) return 'stopped';
        return elapsed(clock) - begun >= options.timeLimit ? 'time' : undefined;
      },
      progress: (now) => {
        if (reason === 'expiry' || elapsed(clock) - toldAt < PROGRESS_EVERY) return;
        toldAt = elapsed(clock);
        this.tell(`Warm-up after ${reason}: ${sum(now)} of ${all} keys so far.`);
      },
    });
    this.report(reason, tally, all, elapsed(clock) - begun);
    return tally;
  }

  /** By every process at its start: brings into its memory what Redis has. Loads nothing. */
  async fetch(goOn: () => boolean): Promise<void> {
    const { cache, options, popularity } = this.context;
    const policy = cache.policyOf(undefined);
    const planned = (await popularity.top()).map(({ key, count }) => ({
      ...{ key, count, ttl: 0 },
      refresh: () => cache.loadAhead(key, 0, undefined, policy),
    }));
    // Reads of one tick travel together.
    await warmRun(planned, {
      concurrency: 16 * options.concurrency,
      horizon: 0,
      giveWay: this.giveWay,
      goOn: () => (goOn() ? undefined : 'stopped'),
      progress: () => undefined,
    });
  }

  private async plan(reason: WarmReason): Promise<(WarmItem | Unwarmable)[]> {
    const { cache, popularity, sites, always, clock, options } = this.context;
    const plan = new WarmPlan(cache, sites(), options.timeLimit);
    const named = await plan.always(always);
    const names = new Set(named.map(({ key }) => key));
    const learned = (await popularity.top()).filter(({ key }) => !names.has(key));
    const planned = [...named, ...learned.map((one) => plan.of(one))];
    if (reason !== 'expiry') return planned;
    const now = elapsed(clock);
    for (const [key, until] of this.tried) if (until <= now) this.tried.delete(key);
    return planned.flatMap((one): (WarmItem | Unwarmable)[] => {
      if (!isItem(one)) return one.call === undefined ? [] : [one];
      return this.isWorthIt(one) && !this.tried.has(one.key) ? [this.notAgainSoon(one)] : [];
    });
  }

  /** Whether enough requests are to be expected during the next life. */
  private isWorthIt({ count, ttl }: WarmItem): boolean {
    const { atLeast, halfLife } = this.context.options;
    // At a constant rate the decayed count becomes rate * halfLife / ln 2.
    return (count * Math.LN2 * ttl) / halfLife >= atLeast;
  }

  /** What cannot be loaded or stored, or is invalidated all the time, is not loaded at every look. */
  private notAgainSoon(item: WarmItem): WarmItem {
    const refresh = async (horizon: Milliseconds) => {
      this.tried.set(item.key, elapsed(this.context.clock) + item.ttl / 2);
      const done = await item.refresh(horizon);
      if (done === 'fresh') this.tried.delete(item.key);
      return done;
    };
    return { ...item, refresh };
  }

  private report(reason: WarmReason, tally: WarmTally, all: number, took: Milliseconds): void {
    const { loaded, fresh, failed, unstored, ended } = tally;
    for (const [why, keys] of tally.why) this.explain(why, keys);
    if (failed > 0 && reason === 'expiry') {
      this.context.log.warn('warm', `${failed} loads ahead have failed; the next look tries again.`);
    }
    if (reason === 'expiry' || all === 0) return;
    const counts = [`${loaded} keys loaded`, `${fresh} were there`];
    if (failed > 0) counts.push(`${failed} failed`);
    if (unstored > 0) counts.push(`${unstored} were not to be stored`);
    if (tally.skipped > 0) counts.push(`${tally.skipped} cannot be loaded by themselves`);
    const end = ended ? ` Ended early: ${WHY_ENDED[ended]}.` : '';
    this.tell(`Warm-up after ${reason}: ${counts.join(', ')}, in ${(took / 1_000).toFixed(1)} s.${end}`);
  }

  /** Once for each reason. Names of methods are no secret; keys and arguments are. */
  private explain(why: string, keys: number): void {
    const [reason = '', call = ''] = why.split(': ');
    const text = WHY_SKIPPED[reason];
    if (text === undefined || this.told.has(why)) return;
    this.told.add(why);
    this.context.log.warn(`warm ${why}`, `${keys} learned keys are not warmed: ${text.replace('{}', call)}`);
  }

  private tell(message: string): void {
    const { cache, log } = this.context;
    log.info(cache.name === 'default' ? message : `Cache "${cache.name}": ${message}`);
  }
}

const WHY_ENDED = {
  time: 'jobs.warm.timeLimit is over',
  stopped: 'another process leads now, or this one ends',
  failures: 'the source fails',
};

const WHY_SKIPPED: Record<string, string> = {
  gone: '{} is no @Cacheable method of this cache any more, or has warm: false. They are forgotten with time.',
  several: 'there are several classes with a method {}. Give one class another name.',
  'no instance':
    '{} belongs to a class that is made for each request or injection. Cache a method of a singleton instead.',
  damaged: 'the arguments kept for {} cannot be read. They are learned anew.',
  always:
    '`warm.always` of {} fails, takes longer than jobs.warm.timeLimit, or its key function does not take the arguments.',
  'other key': 'a method makes another key of the same arguments now. They are forgotten with time.',
};

function sum({ loaded, fresh, failed, unstored, skipped }: WarmTally): number {
  return loaded + fresh + failed + unstored + skipped;
}

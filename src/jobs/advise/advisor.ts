import type { Advice } from '../../engine/advice.js';
import type { Cache } from '../../engine/cache.js';
import type { Clock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { CacheStats } from '../../engine/stats.js';
import type { ResolvedJobs } from '../jobs.options.js';
import type { ObservedKeys, RequestCurve } from './observed-keys.js';
import { findings } from './rules.js';
import { windowOf } from './window.js';

/** Judges one cache now and again, by what was measured since the last time. */
export class Advisor {
  private before: CacheStats;
  private since: Milliseconds;
  private readonly logged = new Map<string, Milliseconds>();

  constructor(
    private readonly cache: Cache,
    private readonly observed: ObservedKeys,
    private readonly curve: RequestCurve | undefined,
    private readonly options: ResolvedJobs['advise'],
    private readonly clock: Clock,
    private readonly log: (message: string) => void,
  ) {
    this.before = cache.stats();
    this.since = clock.now();
  }

  look(): void {
    const { cache, clock, curve, observed, options } = this;
    const now = cache.stats();
    const at = clock.now();
    const length = at - this.since;
    const window = windowOf(this.before, now, length);
    this.before = now;
    this.since = at;
    if (observed.curveIsWanted) curve?.requested(window.requests);
    const hitRatioAt = curve && ((entries: number) => curve.hitRatioAt(entries));
    const measured = {
      window,
      keys: observed.take(),
      one: observed.one,
      hitRatioAt,
      hasRedis: now.redis !== undefined,
    };
    const found = findings(measured, options);
    const advice = found.map((one): Advice => ({ ...one, cache: cache.name, at, window: length }));
    cache.advise(advice);
    for (const one of advice) this.logOnce(one);
    observed.curveIsWanted = window.evictions > 0;
    curve?.age();
  }

  private logOnce({ code, subject, message, cache, at }: Advice): void {
    const kind = `${code} ${subject}`;
    const last = this.logged.get(kind);
    if (last !== undefined && at - last < this.options.repeatAfter) return;
    if (this.logged.size > 1_000) this.logged.clear();
    this.logged.set(kind, at);
    this.log(`Advice${cache === 'default' ? '' : ` for cache "${cache}"`} (${code}): ${message}`);
  }
}

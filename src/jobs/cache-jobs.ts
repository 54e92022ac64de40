import type { WarmSite } from '../decorators/warm-site.js';
import type { Cache } from '../engine/cache.js';
import { type Clock, elapsed } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { EvictionName } from '../tiers/memory/eviction.js';
import type { RemoteServer } from '../tiers/tier.js';
import { Advisor } from './advise/advisor.js';
import { ObservedKeys, oneOf } from './advise/observed-keys.js';
import { CacheWatch } from './cache-watch.js';
import type { ResolvedJobs } from './jobs.options.js';
import { MissRatioCurve } from './miss-ratio-curve.js';
import { PopularKeys } from './popularity/popular-keys.js';
import { OwnPopularity, type Popularity, SharedPopularity } from './popularity/popularity.js';
import { type JobsLog, type WarmReason, WarmUp } from './warm/warm-up.js';

/** A cache that jobs look after. */
export interface JobsCache {
  cache: Cache;
  /** What its names in Redis begin with. */
  namespace: string;
  /** Of its memory, if it has one. */
  eviction: EvictionName | undefined;
}

export interface CacheJobsContext {
  options: ResolvedJobs;
  clock: Clock;
  log: JobsLog;
  server: RemoteServer | undefined;
  sites(): readonly WarmSite[];
  /** The first cache: keys that the options name are its keys. */
  isRoot: boolean;
  cleared(): void;
}

/** Counts are made older no more often than this. */
const AGE_EVERY = 60_000;

/** What the jobs know and do of one cache. */
export class CacheJobs {
  private readonly popular: PopularKeys | undefined;
  private readonly popularity: Popularity | undefined;
  private readonly warmUp: WarmUp | undefined;
  private readonly advisor: Advisor | undefined;
  private agedHere: Milliseconds;
  /** Since when this process leads, or made what all know older last. */
  private agedForAll: Milliseconds | undefined;

  constructor(
    { cache, namespace, eviction }: JobsCache,
    private readonly context: CacheJobsContext,
  ) {
    const { options, clock, log, server, sites, isRoot, cleared } = context;
    const { warm, advise } = options;
    this.agedHere = elapsed(clock);
    if (warm.enabled) {
      this.popular = new PopularKeys(warm.keys, warm.halfLife, cache.warming.wanted);
      this.popularity = server
        ? new SharedPopularity(this.popular, server, namespace, warm.keys, warm.halfLife)
        : new OwnPopularity(this.popular);
      const always = isRoot ? warm.always : [];
      this.warmUp = new WarmUp({ cache, popularity: this.popularity, sites, always, options: warm, clock, log });
    }
    const { maxEntries } = cache.stats().memory;
    const curve = advise.enabled && eviction ? curveOf(maxEntries, eviction) : undefined;
    let observed: ObservedKeys | undefined;
    cache.watchWith((core) => {
      observed = advise.enabled ? new ObservedKeys(core, maxEntries, curve) : undefined;
      return new CacheWatch(this.popular, observed, cleared);
    });
    if (observed) {
      const tell = (message: string): void => log.warn(message, message);
      this.advisor = new Advisor(cache, observed, curve, advise, clock, tell);
    }
  }

  /** Tells all processes what this one was asked for. */
  async learn(): Promise<void> {
    const now = elapsed(this.context.clock);
    if (now - this.agedHere >= this.ageEvery) {
      this.popular?.age(now - this.agedHere);
      this.agedHere = now;
    }
    await this.popularity?.publish();
  }

  /** Every process at its start: memory gets what Redis has of the popular keys. */
  async fetch(goOn: () => boolean): Promise<void> {
    if (this.context.server) await this.warmUp?.fetch(goOn);
  }

  /** The process that leads. */
  async warm(reason: WarmReason, leads: () => boolean): Promise<void> {
    await this.ageForAll();
    await this.warmUp?.run(reason, leads);
  }

  /** This process does not lead any more. */
  deposed(): void {
    this.agedForAll = undefined;
  }

  advise(): void {
    this.advisor?.look();
  }

  private async ageForAll(): Promise<void> {
    const now = elapsed(this.context.clock);
    this.agedForAll ??= now;
    const by = now - this.agedForAll;
    if (by < this.ageEvery) return;
    this.agedForAll = now;
    await this.popularity?.age(by);
  }

  private get ageEvery(): Milliseconds {
    return Math.min(AGE_EVERY, this.context.options.warm.halfLife / 10);
  }
}

/** Told of the observed keys only. */
function curveOf(maxEntries: number, eviction: EvictionName): MissRatioCurve {
  return new MissRatioCurve({ entries: maxEntries, eviction, told: 1 / oneOf(maxEntries) });
}

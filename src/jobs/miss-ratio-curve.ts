import { BoundedStore } from '../tiers/memory/bounded-store.js';
import type { EvictionName } from '../tiers/memory/eviction.js';
import { hashKey } from '../tiers/memory/key-hash.js';

export interface MissRatioCurveOptions {
  /** Entries that the cache may have now. */
  entries: number;
  /** The policy of the cache. */
  eviction: EvictionName;
  /** Sizes to try, as multiples of `entries`. Default a quarter, a half, as now, twice, four times. */
  factors?: readonly number[];
  /** Most entries of the largest cache that is simulated. More are more exact and cost more. Default 2,048. */
  sampledEntries?: number;
  /**
   * Which part of the time it looks, 0 to 1: for whole stretches of requests, with pauses in between that cost next to nothing. Default 1:
   * always. For the path of hits 1/32, so that it costs a few nanoseconds for each.
   */
  share?: number;
}

const FACTORS = [0.25, 0.5, 1, 2, 4];
const SAMPLED_ENTRIES = 2_048;

/** Requests of a stretch, for each entry of the cache. In the first quarter the miniatures catch up, and nothing is counted. */
const STRETCH = 16;
const SHORTEST_STRETCH = 20_000;
const CATCH_UP = 0.25;

/** Before so many requests were sampled there is no answer. */
const FEWEST_SAMPLES = 1_000;

const NOTHING = { bytes: 0 };

interface Miniature {
  /** Of the cache that it stands for. */
  readonly entries: number;
  readonly store: BoundedStore<typeof NOTHING>;
  misses: number;
}

/**
 * What the hit ratio would be with more or less room, learned from the requests while they come. Keys are sampled by their hash, so that
 * of a sampled key every request is seen (SHARDS: Waldspurger et al., "Efficient MRC Construction with SHARDS", FAST 2015), and are
 * played through miniatures of the cache, each smaller than what it stands for by the same rate (Waldspurger et al., "Cache Modeling and
 * Optimization using Miniature Simulations", ATC 2017): with the policy of the cache itself, which the classic curves of LRU would not
 * describe. It knows of no expiry, evictions by hand, or bytes: see {@link MissRatioCurve.predict}.
 *
 * Memory: two to three thousand bytes for a hundred entries of `sampledEntries`. Time: a hash for each request, and for a sampled one as many
 * look-ups as there are sizes.
 */
export class MissRatioCurve {
  /** Which part of the keys is looked at. */
  readonly rate: number;
  private readonly threshold: number;
  private readonly miniatures: readonly Miniature[];
  /** Requests of stretches, without those of catching up. */
  private requests = 0;
  private samples = 0;
  private readonly stretch: number;
  private readonly pause: number;
  /** Requests until the next stretch; 0: one is under way. */
  private pausing = 0;
  private done = 0;

  constructor(options: MissRatioCurveOptions) {
    const { entries, eviction, factors = FACTORS, sampledEntries = SAMPLED_ENTRIES, share = 1 } = options;
    this.stretch = share === 1 ? Number.POSITIVE_INFINITY : Math.max(SHORTEST_STRETCH, STRETCH * entries);
    this.pause = share === 1 ? 0 : Math.round(this.stretch * (1 / share - 1));
    const sizes = [...new Set(factors.map((factor) => Math.max(1, Math.round(entries * factor))))].sort(
      (a, b) => a - b,
    );
    this.rate = Math.min(1, sampledEntries / (sizes.at(-1) as number));
    this.threshold = this.rate * 2 ** 32;
    this.miniatures = sizes.map((size) => ({
      entries: size,
      store: new BoundedStore({
        maxEntries: Math.max(1, Math.round(size * this.rate)),
        maxBytes: Number.POSITIVE_INFINITY,
        eviction,
      }),
      misses: 0,
    }));
  }

  /** A key was asked for; whether it was there does not matter. */
  record(key: string): void {
    if (this.pausing > 0) {
      this.pausing--;
      return;
    }
    const counted = this.stretch === Number.POSITIVE_INFINITY || this.done >= CATCH_UP * this.stretch;
    if (counted) this.requests++;
    if (hashKey(key) >>> 0 < this.threshold) this.sample(key, counted);
    if (++this.done < this.stretch) return;
    this.done = 0;
    this.pausing = this.pause;
  }

  /** Halves what was counted, so that newer requests count more: once a minute, say. */
  age(): void {
    this.requests /= 2;
    this.samples /= 2;
    for (const miniature of this.miniatures) miniature.misses /= 2;
  }

  /**
   * Hit ratio (0 to 1) of a cache of so many entries without expiry, between the sizes tried by the logarithm of the size. `undefined` while
   * too little was seen.
   */
  hitRatioAt(entries: number): number | undefined {
    if (this.samples < FEWEST_SAMPLES) return undefined;
    const above = this.miniatures.findIndex((miniature) => miniature.entries >= entries);
    const last = this.miniatures.length - 1;
    const high = this.miniatures[above < 0 ? last : above] as Miniature;
    const low = this.miniatures[above <= 0 ? (above < 0 ? last : 0) : above - 1] as Miniature;
    if (low === high) return this.hitRatioOf(high);
    const part = Math.log(entries / low.entries) / Math.log(high.entries / low.entries);
    return this.hitRatioOf(low) + part * (this.hitRatioOf(high) - this.hitRatioOf(low));
  }

  /**
   * What the hit ratio would be with room for `wanted` entries instead of `now`, where it is `measured`: some misses of a real cache come
   * from expiry and invalidation and stay.
   */
  predict(wanted: number, now: number, measured: number): number | undefined {
    const [then, before] = [this.hitRatioAt(wanted), this.hitRatioAt(now)];
    if (then === undefined || before === undefined) return undefined;
    return Math.min(1, Math.max(0, measured + then - before));
  }

  private sample(key: string, counted: boolean): void {
    if (counted) this.samples++;
    for (const miniature of this.miniatures) {
      if (miniature.store.get(key) !== undefined) continue;
      if (counted) miniature.misses++;
      miniature.store.set(key, NOTHING);
    }
  }

  /**
   * Misses against the requests that the sample should stand for, not against those it has: which of the few hottest keys are in the sample
   * changes the number of its requests much, but hardly that of its misses (the correction of SHARDS-adj).
   */
  private hitRatioOf({ misses }: Miniature): number {
    return Math.min(1, Math.max(0, 1 - misses / (this.requests * this.rate)));
  }
}

import { BoundedStore } from '../tiers/memory/bounded-store.js';
import type { EvictionName } from '../tiers/memory/eviction.js';
import { hashKey } from '../tiers/memory/key-hash.js';

export interface MissRatioCurveOptions {
  /** Entries that the cache may have now. */
  entries: number;
  /** The policy of the cache. */
  eviction: EvictionName;
  /** Most entries of the largest cache that is simulated. More are more exact and cost more. Default 2,048. */
  sampledEntries?: number;
  /**
   * Which part of the keys is told, 0 to 1: those whose hashes are the smallest. Default 1: all. With less, `record` does not count requests,
   * as it does not see the others: `requested` does.
   */
  told?: number;
}

/** Sizes to try, as multiples of `entries`. */
const FACTORS = [0.25, 0.5, 1, 2, 4];
const SAMPLED_ENTRIES = 2_048;

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
 * describe. It knows of no expiry, evictions by hand, or bytes: take from it what one
 * size gains over another, not the ratio itself.
 *
 * Memory: two to three thousand bytes for a hundred entries of `sampledEntries`. Time: a hash for each request, and for a sampled one as many
 * look-ups as there are sizes.
 */
export class MissRatioCurve {
  /** Which part of the keys is looked at. */
  readonly rate: number;
  private readonly threshold: number;
  private readonly miniatures: readonly Miniature[];
  private requests = 0;
  private samples = 0;
  private readonly counts: boolean;

  constructor(options: MissRatioCurveOptions) {
    const { entries, eviction, sampledEntries = SAMPLED_ENTRIES, told = 1 } = options;
    this.counts = told === 1;
    const sizes = [...new Set(FACTORS.map((factor) => Math.max(1, Math.round(entries * factor))))].sort(
      (a, b) => a - b,
    );
    this.rate = Math.min(told, sampledEntries / (sizes.at(-1) as number));
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
    if (this.counts) this.requests++;
    if (hashKey(key) >>> 0 < this.threshold) this.sample(key);
  }

  /** So many requests came, for keys that were told and for others. */
  requested(count: number): void {
    this.requests += count;
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
    if (this.samples < FEWEST_SAMPLES || this.requests === 0) return undefined;
    const above = this.miniatures.findIndex((miniature) => miniature.entries >= entries);
    const last = this.miniatures.length - 1;
    const high = this.miniatures[above < 0 ? last : above] as Miniature;
    const low = this.miniatures[above <= 0 ? (above < 0 ? last : 0) : above - 1] as Miniature;
    if (low === high) return this.hitRatioOf(high);
    const part = Math.log(entries / low.entries) / Math.log(high.entries / low.entries);
    return this.hitRatioOf(low) + part * (this.hitRatioOf(high) - this.hitRatioOf(low));
  }

  private sample(key: string): void {
    this.samples++;
    for (const miniature of this.miniatures) {
      if (miniature.store.get(key) !== undefined) continue;
      miniature.misses++;
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

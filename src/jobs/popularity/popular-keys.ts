import type { Milliseconds } from '../../engine/duration.js';
import type { EncodedKey } from '../../engine/key.js';
import type { Wanted } from '../../engine/watch.js';
import { hashKey } from '../../tiers/memory/key-hash.js';
import { Sketch } from './sketch.js';

/** How a key is loaded again; the same as `Recipe` of the decorators. */
export interface KeyRecipe {
  readonly call: string;
  readonly args: string;
}

/** A key that is asked for often. */
export interface PopularKey {
  readonly key: EncodedKey;
  /** Requests, each halved every half-life. */
  count: number;
  /** How it is loaded; `null`: not by calling its method; `undefined`: not known. */
  recipe: KeyRecipe | null | undefined;
}

interface Candidate extends PopularKey {
  /** What was not told to Redis yet. */
  untold: number;
  toldRecipe: boolean;
}

/** What is told to Redis of a key. */
export interface Told {
  key: EncodedKey;
  count: number;
  /** `undefined`: it was told before, or there is none. */
  recipe: KeyRecipe | undefined;
}

/**
 * The keys of one cache that this process is asked for most: a sketch counts all of them, and those whose estimate is high
 * are kept by name. There may be twice as many as wanted; then the better half stays, which costs less than keeping them
 * in order.
 */
export class PopularKeys {
  private readonly sketch: Sketch;
  private candidates = new Map<EncodedKey, Candidate>();
  /** A key that is asked for less than this is none of the popular ones. */
  private floor = 0;

  constructor(
    private readonly size: number,
    private readonly halfLife: Milliseconds,
    private readonly wanted: Wanted,
  ) {
    this.sketch = new Sketch(size);
  }

  add(key: EncodedKey, weight: number): void {
    const known = this.candidates.get(key);
    if (known) {
      known.count += weight;
      known.untold += weight;
      if (known.recipe === undefined) this.wanted.key = key;
      return;
    }
    const count = this.sketch.add(hashKey(key), weight);
    if (count <= this.floor) return;
    this.candidates.set(key, { key, count, untold: weight, recipe: undefined, toldRecipe: false });
    this.wanted.key = key;
    if (this.candidates.size >= 2 * this.size) this.cut();
  }

  tell(key: EncodedKey, recipe: KeyRecipe | undefined): void {
    const known = this.candidates.get(key);
    if (known) known.recipe = recipe ?? null;
  }

  /** So much time has passed. */
  age(by: Milliseconds): void {
    const factor = 2 ** (-by / this.halfLife);
    this.sketch.scale(factor);
    this.floor *= factor;
    for (const candidate of this.candidates.values()) candidate.count *= factor;
  }

  /** The most popular ones, best first. */
  top(): PopularKey[] {
    return this.best();
  }

  /** What was asked for since it was last told, of the most popular keys. Counts as told. */
  takeUntold(): Told[] {
    return this.best()
      .filter(({ untold }) => untold > 0)
      .map((candidate) => {
        const told = { key: candidate.key, count: candidate.untold, recipe: recipeToTell(candidate) };
        candidate.untold = 0;
        candidate.toldRecipe = candidate.recipe !== undefined;
        return told;
      });
  }

  /** It could not be told after all. */
  putBack(told: readonly Told[]): void {
    for (const { key, count } of told) {
      const known = this.candidates.get(key);
      if (!known) continue;
      known.untold += count;
      known.toldRecipe = false;
    }
  }

  /** Whoever is told may have forgotten what was told before. */
  tellRecipesAgain(): void {
    for (const candidate of this.candidates.values()) candidate.toldRecipe = false;
  }

  private best(): Candidate[] {
    return [...this.candidates.values()].sort((a, b) => b.count - a.count).slice(0, this.size);
  }

  private cut(): void {
    const kept = this.best();
    this.floor = kept.at(-1)?.count ?? 0;
    const names = new Set(kept.map(({ key }) => key));
    // What leaves goes on being counted by the sketch.
    for (const { key, count } of this.candidates.values()) {
      const hash = hashKey(key);
      const more = count - this.sketch.estimate(hash);
      if (!names.has(key) && more > 0) this.sketch.add(hash, more);
    }
    this.candidates = new Map(kept.map((candidate) => [candidate.key, candidate]));
  }
}

function recipeToTell({ recipe, toldRecipe }: Candidate): KeyRecipe | undefined {
  return toldRecipe ? undefined : (recipe ?? undefined);
}

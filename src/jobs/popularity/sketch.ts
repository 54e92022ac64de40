/** Rows of counters; an estimate is wrong by much only if the key collides in all of them. */
const ROWS = 4;

/**
 * How often each key was counted, in a fixed amount of memory: a Count-Min sketch (Cormode, Muthukrishnan: "An improved data
 * stream summary", 2005) with conservative update (Estan, Varghese: "New directions in traffic measurement and accounting",
 * 2002). Never less than the truth; more than it by over e / width of all counts with a probability of at most e^-4.
 */
export class Sketch {
  private readonly counts: Float32Array;
  private readonly mask: number;

  /** `keys`: of how many keys the frequent ones are to be told apart. */
  constructor(keys: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(256, 8 * keys)));
    this.counts = new Float32Array(ROWS * width);
    this.mask = width - 1;
  }

  /** Counts a key, by its hash of 32 bits, and answers the new estimate. */
  add(hash: number, weight: number): number {
    const { counts } = this;
    const estimate = this.estimate(hash) + weight;
    for (let row = 0; row < ROWS; row++) {
      const at = this.placeOf(hash, row);
      // Conservative: what already counts for more because of other keys stays.
      if ((counts[at] as number) < estimate) counts[at] = estimate;
    }
    return estimate;
  }

  estimate(hash: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.counts[this.placeOf(hash, row)] as number);
    return least;
  }

  /** Makes everything counted so far weigh less. */
  scale(factor: number): void {
    const { counts } = this;
    for (let i = 0; i < counts.length; i++) counts[i] = (counts[i] as number) * factor;
  }

  /** The hash, mixed anew for each row. */
  private placeOf(hash: number, row: number): number {
    let mixed = Math.imul(hash ^ (row * 0x9e3779b9), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
    return row * (this.mask + 1) + ((mixed ^ (mixed >>> 16)) & this.mask);
  }
}

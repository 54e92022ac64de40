const FEWEST = 64;

/** What `take` answers about a key that is not known. */
export const UNKNOWN = 0xffff_ffff;

/**
 * The keys that left last, by 32 bits of their hash: a table of fixed size, with one place for each hash and no object for a key.
 * A key is forgotten when another one needs its place, the sooner the longer ago it left; two keys with one hash are taken for one
 * another. An eviction policy can live with both, and a look is as cheap as it can be.
 */
export class Ghosts {
  /** How many have been added: the clock by which ages are counted. Never 0, which as a time means: nobody. */
  private added = 0;
  /** Hash and time of each place. */
  private table = new Int32Array(2 * FEWEST);
  private mask = FEWEST - 1;

  /** From now on most of the last `count` are remembered. */
  grow(count: number): void {
    let places = FEWEST;
    while (places < count) places *= 2;
    const old = this.table;
    if (2 * places <= old.length) return;
    this.table = new Int32Array(2 * places);
    this.mask = places - 1;
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) this.place(old[i] as number, old[i + 1] as number);
  }

  add(hash: number): void {
    this.added = (this.added + 1) | 0 || 1;
    this.place(hash, this.added);
  }

  /** Forgets it; how many have been added since it was, or `UNKNOWN`. */
  take(hash: number): number {
    const place = (hash & this.mask) << 1;
    if (this.table[place] !== hash) return UNKNOWN;
    const time = this.table[place + 1] as number;
    if (time === 0) return UNKNOWN;
    this.table[place + 1] = 0;
    return (this.added - time) >>> 0;
  }

  private place(hash: number, time: number): void {
    const place = (hash & this.mask) << 1;
    this.table[place] = hash;
    this.table[place + 1] = time;
  }
}

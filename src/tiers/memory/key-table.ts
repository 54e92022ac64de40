/** A `Map` of so many keys may grow or shrink at once without anybody noticing: in a millisecond or so. */
const MOST_IN_ONE = 65_536;

const USUAL_IN_ONE = 8_192;
const MOST_MAPS = 1_024;

/**
 * Keys and numbers, as in a `Map`. A `Map` of a million keys stands still for tens of milliseconds when it grows, and when a sweep
 * makes it shrink; so there are many small ones, and some characters of a key say which is its own. Keys that do not differ there
 * share one, which costs nothing but that.
 */
export class KeyTable {
  private readonly maps: Map<string, number>[];
  private readonly mask: number;
  size = 0;

  /** @param most how many keys there may be */
  constructor(most: number) {
    let count = 1;
    if (most > MOST_IN_ONE) while (count < MOST_MAPS && count * USUAL_IN_ONE < most) count *= 2;
    this.maps = Array.from({ length: count }, () => new Map());
    this.mask = count - 1;
  }

  get(key: string): number | undefined {
    return this.mapOf(key).get(key);
  }

  /** Of a key that is not there. */
  add(key: string, number: number): void {
    this.mapOf(key).set(key, number);
    this.size++;
  }

  /** Of a key that is there. */
  remove(key: string): void {
    this.mapOf(key).delete(key);
    this.size--;
  }

  /** Each of those that are there all the while. A walk ends, whatever is added meanwhile: that lengthens no map's turn. */
  *keys(): IterableIterator<string> {
    for (const map of this.maps) {
      let left = map.size;
      for (const key of map.keys()) {
        if (left-- === 0) break;
        yield key;
      }
    }
  }

  private mapOf(key: string): Map<string, number> {
    return this.maps[this.mask === 0 ? 0 : pick(key) & this.mask] as Map<string, number>;
  }
}

/** Ten bits made of the last three characters and the one in the middle: of texts that end in a number or have one in between. */
function pick(key: string): number {
  const { length } = key;
  const last = key.charCodeAt(length - 1) ^ (key.charCodeAt(length - 2) << 7);
  return Math.imul(last ^ (key.charCodeAt(length - 3) << 14) ^ (key.charCodeAt(length >> 1) << 21), 0x9e3779b1) >>> 22;
}

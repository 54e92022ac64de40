// Chance that repeats itself: the demo must send the same requests on every machine, with and without the cache.

/** @typedef {() => number} Random 0 up to 1 */

/** FNV-1a: a number from a text. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/**
 * Mulberry32: small, fast, the same numbers everywhere.
 * @param {string} seed
 * @returns {Random}
 */
export function randomOf(seed) {
  let state = hash(seed);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Picks items with a probability in proportion to their weights.
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => number} weightOf
 * @returns {(random: Random) => T}
 */
export function weighted(items, weightOf) {
  let total = 0;
  const ends = items.map((item) => {
    total += weightOf(item);
    return total;
  });
  return (random) => {
    const point = random() * total;
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle] <= point) low = middle + 1;
      else high = middle;
    }
    return items[low];
  };
}

/** @param {Random} random @param {readonly T[]} items @template T @returns {T} */
export const oneOf = (random, items) => items[Math.floor(random() * items.length)];

/**
 * Generated requests: keys are whole numbers. What each is like is known in real systems.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {Int32Array} keys from 0 on, without gaps
 * @property {number} distinct
 * @property {boolean} [real] recorded, not generated
 */

/** A generator of random numbers from 0 to 1 that repeats itself for a seed (mulberry32). @param {number} seed */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Ranks from 0 on; rank r is drawn in proportion to 1 / (r + 1) ^ skew. */
export function zipf(count, skew, random) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += (i + 1) ** -skew;
    sums[i] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const KEYS = 30_000;
const FAR = 1_000_000;

/** Each makes, for a request's number, its key. */
const GENERATORS = {
  zipf: (random) => zipf(KEYS, 0.9, random),
  /** What is popular changes all the time, as with news. */
  drift: (random) => {
    const back = zipf(5_000, 0.8, random);
    let newest = 0;
    return () => {
      if (random() < 0.03) newest++;
      return FAR + newest - back();
    };
  },
  /** A job reads everything once, now and then. */
  scan: (random) => {
    const rank = zipf(KEYS, 0.9, random);
    let next = FAR;
    return (i) => (i % 60_000 > 45_000 ? next++ : rank());
  },
  /** Half of it goes round and round in more than fits. */
  loop: (random) => {
    const rank = zipf(KEYS, 0.9, random);
    return (i) => (random() < 0.5 ? rank() : FAR + (i % 9_000));
  },
  /** Visitors come, ask for their own things some times, and go; besides there is what all of them ask for. */
  sessions: (random) => {
    const rank = zipf(KEYS / 3, 0.8, random);
    const visitors = [];
    let next = FAR;
    return () => {
      if (random() < 0.5) return rank();
      if (visitors.length < 300 || random() < 0.12) visitors.push({ key: next++, left: 1 + Math.floor(random() * 12) });
      const at = Math.floor(random() * visitors.length);
      const visitor = visitors[at];
      if (--visitor.left === 0) visitors.splice(at, 1);
      return visitor.key;
    };
  },
};

/** @param {number} requests @param {number} seed @returns {Workload[]} */
export function generate(requests, seed) {
  return Object.entries(GENERATORS).map(([name, make]) => {
    const next = make(seeded(seed));
    return dense(
      name,
      Array.from({ length: requests }, (_, i) => next(i)),
    );
  });
}

/** @param {string} name @param {ArrayLike<number>} keys @returns {Workload} */
export function dense(name, keys) {
  const numbers = new Map();
  const result = Int32Array.from(keys, (key) => {
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
  return { name, keys: result, distinct: numbers.size };
}

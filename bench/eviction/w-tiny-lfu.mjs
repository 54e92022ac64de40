/**
 * W-TinyLFU (Einziger, Friedman, Manes, ACM ToS 2017): a small LRU window, then a segmented LRU; who leaves the window gets in if a sketch
 * says that it was asked for more often than who would have to leave for it. Fixed window of 1 %, 80 % of the rest protected, as in
 * the paper. Written here for comparison.
 */
const WINDOW = 0.01;
const PROTECTED = 0.8;

export class WTinyLfu {
  /** A `Map` keeps the order of insertion: its first key is the oldest. */
  #window = new Map();
  #probation = new Map();
  #protected = new Map();

  constructor(capacity) {
    this.windowSize = Math.max(1, Math.round(capacity * WINDOW));
    this.mainSize = Math.max(0, capacity - this.windowSize);
    this.protectedSize = Math.floor(this.mainSize * PROTECTED);
    this.sketch = new Sketch(capacity);
  }

  get(key) {
    this.sketch.add(key);
    let value = this.#window.get(key);
    if (value !== undefined) return youngest(this.#window, key, value);
    value = this.#protected.get(key);
    if (value !== undefined) return youngest(this.#protected, key, value);
    value = this.#probation.get(key);
    if (value === undefined) return undefined;
    this.#probation.delete(key);
    this.#protected.set(key, value);
    if (this.#protected.size > this.protectedSize) move(this.#protected, this.#probation);
    return value;
  }

  set(key, value) {
    this.#window.set(key, value);
    if (this.#window.size <= this.windowSize) return;
    const [candidate, its] = this.#window.entries().next().value;
    this.#window.delete(candidate);
    if (this.#probation.size + this.#protected.size >= this.mainSize) {
      const victim = this.#probation.keys().next().value ?? this.#protected.keys().next().value;
      if (victim === undefined || this.sketch.count(candidate) <= this.sketch.count(victim)) return;
      if (!this.#probation.delete(victim)) this.#protected.delete(victim);
    }
    this.#probation.set(candidate, its);
  }
}

function youngest(map, key, value) {
  map.delete(key);
  map.set(key, value);
  return value;
}

function move(from, to) {
  const [key, value] = from.entries().next().value;
  from.delete(key);
  to.set(key, value);
}

/** Count-min with four rows of counters up to 15, halved after ten requests for each entry. */
class Sketch {
  constructor(capacity) {
    let width = 64;
    while (width < 4 * capacity) width *= 2;
    this.mask = width - 1;
    this.rows = Array.from({ length: 4 }, () => new Uint8Array(width));
    this.limit = 10 * capacity;
    this.added = 0;
  }

  add(key) {
    const hash = hashOf(key);
    for (let row = 0; row < 4; row++) {
      const at = this.#at(hash, row);
      if (this.rows[row][at] < 15) this.rows[row][at]++;
    }
    if (++this.added < this.limit) return;
    this.added >>= 1;
    for (const row of this.rows) for (let i = 0; i < row.length; i++) row[i] >>= 1;
  }

  count(key) {
    const hash = hashOf(key);
    let least = 15;
    for (let row = 0; row < 4; row++) least = Math.min(least, this.rows[row][this.#at(hash, row)]);
    return least;
  }

  #at(hash, row) {
    const mixed = Math.imul(hash ^ (row * 0x9e3779b1), 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.mask;
  }
}

function hashOf(key) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash;
}

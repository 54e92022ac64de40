// From the records of all writers: the writes of each key, and where each stands in the order of the key's writes.

/** How long after the end of an unanswered write it may still take effect. */
const LINGERS_US = 15_000_000;

/**
 * @typedef {object} Write
 * @property {string} tag `writer:op`
 * @property {string} key entity/id
 * @property {'put' | 'patch' | 'delete'} type
 * @property {number} n what is in the row
 * @property {number} begin µs
 * @property {number} end when it was answered
 * @property {number} by when it had taken effect, if it ever did
 * @property {'ok' | 'no' | 'unknown'} outcome
 * @property {bigint} [version] of a put or delete that was answered
 * @property {string} [prev] tag of what a patch has read
 * @property {string} [note] poison or orphan: it may become a dead letter
 * @property {Position} [position]
 */

/**
 * Puts and deletes have versions. A patch was taken only if nothing came after what it has read, so it stands directly
 * behind that. A write without an answer has no version: it stands between the bounds `low` and `high`. Versions are
 * doubled here, to have room between two.
 * @typedef {{ root: { tag: string, low: bigint, high: bigint }, depth: number }} Position
 */

/**
 * @typedef {object} Read
 * @property {string} key
 * @property {number} begin
 * @property {number} end
 * @property {string | null} tag
 * @property {number} [n]
 * @property {boolean} [torn]
 * @property {string} by who read
 */

const TOP = 1n << 62n;

export class History {
  /** @type {Map<string, Write>} */
  writes = new Map();
  /** @type {Map<string, { writes: Write[], reads: Read[] }>} */
  keys = new Map();

  /**
   * @param {Map<string, any[][]>} records
   * @param {Map<string, number>} ends when a writer ended, by its name
   */
  constructor(records, ends) {
    for (const [writer, events] of records) this.#take(writer, events, ends.get(writer) ?? Number.POSITIVE_INFINITY);
    for (const { writes, reads } of this.keys.values()) this.#place(writes, reads);
  }

  count(type) {
    let count = 0;
    for (const { outcome } of this.writes.values()) if (outcome === type) count++;
    return count;
  }

  /** @param {string} key */
  of(key) {
    let found = this.keys.get(key);
    if (!found) {
      found = { writes: [], reads: [] };
      this.keys.set(key, found);
    }
    return found;
  }

  #take(writer, events, ended) {
    const open = new Map();
    for (const [kind, op, ...rest] of events) {
      if (kind === 'i') {
        const [key, type, begin, n, note] = rest;
        open.set(op, { tag: `${writer}:${op}`, key, type, begin, n, note, attempts: [] });
      } else if (kind === 'a') {
        const [time, prev, n] = rest;
        open.get(op).attempts.push({ time, prev, n });
      } else {
        const [end, outcome, detail] = rest;
        this.#ended(open.get(op), end, outcome, detail);
        open.delete(op);
      }
    }
    // A killed writer does not tell of its last writes.
    for (const one of open.values()) this.#ended(one, ended, 'unknown');
  }

  #ended(one, end, outcome, detail) {
    const { tag, key, type, begin, note, attempts } = one;
    const { writes, reads } = this.of(key);
    if (type === 'get') {
      if (outcome !== 'ok') return;
      const [seen, n, torn] = detail ?? [null];
      reads.push({ key, begin, end, tag: seen, n, torn: torn !== undefined, by: `get of ${tag}` });
      return;
    }
    let from = begin;
    for (const { time, prev, n } of attempts) {
      reads.push({ key, begin: from, end: time, tag: prev, n, torn: false, by: `patch ${tag}` });
      from = time;
    }
    if (type === 'patch' && /there is no such row/.test(detail)) {
      reads.push({ key, begin: from, end, tag: null, torn: false, by: `patch ${tag}` });
    }
    const last = attempts.at(-1);
    if (type === 'patch' && !last) return; // it did not come to write anything
    const write = { tag, key, type, begin, end, outcome, note, n: last ? last.n + 1 : one.n, prev: last?.prev };
    if (outcome === 'ok' && detail !== undefined && detail !== null) write.version = BigInt(detail);
    write.by = outcome === 'ok' ? end : end + LINGERS_US;
    writes.push(write);
    this.writes.set(tag, write);
  }

  /** @param {Write[]} writes @param {Read[]} reads */
  #place(writes, reads) {
    for (const { tag, end } of reads) {
      const write = tag === null ? undefined : this.writes.get(tag);
      if (write) write.by = Math.min(write.by, end);
    }
    const exact = writes.filter((write) => write.version !== undefined);
    for (const write of exact) {
      const twice = 2n * write.version;
      write.position = { root: { tag: write.tag, low: twice, high: twice }, depth: 0 };
    }
    for (const write of writes) {
      if (write.position || write.type === 'patch' || write.outcome === 'no') continue;
      let [low, high] = [-1n, TOP];
      for (const { version, begin, end } of exact) {
        const twice = 2n * version;
        if (end < write.begin && twice + 1n > low) low = twice + 1n;
        if (begin > write.by && twice - 1n < high) high = twice - 1n;
      }
      write.position = { root: { tag: write.tag, low, high }, depth: 0 };
    }
    // What a patch has read was written before it: in this order it has its position already.
    for (const write of writes.filter(({ type }) => type === 'patch').sort((a, b) => a.begin - b.begin))
      this.#behind(write);
  }

  /** @param {Write} write */
  #behind(write) {
    const chain = [];
    let at = write;
    while (at && !at.position && !chain.includes(at)) {
      chain.push(at);
      at = this.writes.get(at.prev);
    }
    for (const patch of chain.reverse()) {
      const before = this.writes.get(patch.prev)?.position;
      if (before) patch.position = { root: before.root, depth: before.depth + 1 };
    }
  }
}

/**
 * @param {Position} a
 * @param {Position} b
 * @returns {number | undefined} undefined: nobody knows
 */
export function compare(a, b) {
  if (a.root === b.root) return a.depth - b.depth;
  if (a.root.high < b.root.low) return -1;
  if (a.root.low > b.root.high) return 1;
  return undefined;
}

/** @param {Write | undefined} write */
export function show(write) {
  if (!write) return 'nothing';
  const { tag, type, n, outcome, version, prev } = write;
  const what = type === 'delete' ? 'delete' : `${type} n=${n}`;
  return `${what} by ${tag}${version === undefined ? '' : ` v${version}`}${prev ? ` after ${prev}` : ''}${outcome === 'ok' ? '' : ` (${outcome})`}`;
}

// From the records of all processes: the changes and reads of each key, and since when each change binds the others.
import { UNSOUND } from './record.mjs';

const NEVER = Number.POSITIVE_INFINITY;

/** The append-only file is written behind the answers when the disk is slow. */
const AOF_LAG_US = 500_000;

/**
 * @typedef {object} Change
 * @property {number} version of the row
 * @property {string} by name of the process
 * @property {string} what
 * @property {boolean} kept the old value may stand in for a load that fails
 * @property {number} begin
 * @property {number} end when its caller went on
 * @property {number} known when Redis surely had it, after all restarts that may have lost it; never, if the process died first
 */

/** @typedef {{ begin: number, end: number, version: number | null, by: string, flags: number }} Read */

export class History {
  /** @type {Map<string, { changes: Change[], reads: Read[] }>} */
  keys = new Map();
  /** @type {{ by: string, begin: number, end: number, what: string, key: string, text: string }[]} */
  failures = [];
  /** When an event loop stood still. @type {{ by: string, from: number, to: number }[]} */
  blocks = [];
  counts = { reads: 0, changes: 0, undelivered: 0, exempt: 0 };
  /** When each process became clean, or ceased to be. @type {Map<string, [number, boolean][]>} */
  #states = new Map();

  /**
   * @param {Iterable<[string, any[]]>} records
   * @param {{ from: number, up: number }[]} restarts
   */
  constructor(records, restarts) {
    this.restarts = restarts.map(({ from, up }) => ({ from: from - AOF_LAG_US, up })).sort((a, b) => a.from - b.from);
    const changes = [];
    for (const [by, [kind, ...rest]] of records) {
      if (kind === 'r') this.#read(by, rest);
      else if (kind === 'w') changes.push([by, rest]);
      else if (kind === 'b') this.blocks.push({ by, from: rest[0], to: rest[1] });
      else if (kind === 's') this.#statesOf(by).push(rest);
      else {
        const [begin, end, what, key, text] = rest;
        this.failures.push({ by, begin, end, what, key, text });
      }
    }
    for (const [by, rest] of changes) this.#changed(by, rest);
  }

  /** From when to when a restarted Redis may show what is older than what it has shown before. */
  get unsure() {
    return this.restarts.map(({ from, up }) => {
      const there = [...this.#states].filter(([, states]) => states[0][0] < up);
      const clean = there.map(([by]) => this.#cleanAfter(by, up)).filter((time) => time < NEVER);
      return { from, to: Math.max(up, ...clean) + 400_000 };
    });
  }

  of(key) {
    let found = this.keys.get(key);
    if (!found) {
      found = { changes: [], reads: [] };
      this.keys.set(key, found);
    }
    return found;
  }

  #read(by, [begin, end, key, version, flags]) {
    this.counts.reads++;
    this.of(key).reads.push({ begin, end, version, by, flags });
  }

  #changed(by, [begin, end, what, kept, rows, flags]) {
    const known = this.#known(by, end, (flags & UNSOUND) !== 0);
    this.counts.changes++;
    if (flags & UNSOUND) this.counts.undelivered++;
    if (known === NEVER) this.counts.exempt++;
    for (let i = 0; i < rows.length; i += 2) {
      this.of(rows[i]).changes.push({ version: rows[i + 1], by, what, kept, begin, end, known });
    }
  }

  #known(by, end, undelivered) {
    let known = undelivered ? this.#cleanAfter(by, end) : end;
    for (const { from, up } of this.restarts) {
      if (known >= from && known < up) known = this.#cleanAfter(by, up);
    }
    return known;
  }

  /** The first moment after `time` at which the process became clean. */
  #cleanAfter(by, time) {
    return this.#statesOf(by).find(([at, clean]) => clean && at >= time)?.[0] ?? NEVER;
  }

  #statesOf(by) {
    let states = this.#states.get(by);
    if (!states) {
      states = [];
      this.#states.set(by, states);
    }
    return states;
  }
}

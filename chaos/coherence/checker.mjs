// The promises of docs/coherence.md, against what the processes have recorded.
import { FINAL, STRONG, UNSOUND } from './record.mjs';

/** @typedef {{ rule: number, key?: string, text: string, history?: string[] }} Violation */

const PER_RULE = 20;

/** The cache's clock may lag by a reading or two, and this machine has two cores for six processes. */
const ALLOWED_US = 30_000;

/** The newest row that binds a reader at some moment. */
class Floor {
  /** @param {import('./history.mjs').Change[]} changes @param {(change: import('./history.mjs').Change) => number} timeOf */
  constructor(changes, timeOf) {
    const sorted = changes.filter((change) => timeOf(change) < Number.POSITIVE_INFINITY);
    sorted.sort((a, b) => timeOf(a) - timeOf(b));
    this.times = sorted.map(timeOf);
    /** @type {import('./history.mjs').Change[]} */
    this.newest = [];
    for (const change of sorted) {
      const before = this.newest.at(-1);
      this.newest.push(before && before.version > change.version ? before : change);
    }
  }

  /** @param {number} time */
  at(time) {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return this.newest[low - 1];
  }

  /** Since when the version is out of date; undefined: it is not. */
  outdated(version) {
    const i = this.newest.findIndex((change) => change.version > version);
    return this.times[i];
  }
}

export class Checker {
  /** @type {Violation[]} */
  violations = [];
  figures = { strong: 0, stale: 0, longest: 0, slowest: 0 };
  #counts = new Map();

  /**
   * @param {import('./history.mjs').History} history
   * @param {{ bound: number, limit: number, rows: Map<string, number>, pauses: { name: string, from: number, to: number }[] }} world times
   *   in ms; `limit`: what a read may take
   */
  constructor(history, world) {
    Object.assign(this, { history, world });
    this.unsure = history.unsure;
  }

  run() {
    for (const { by, what, key, text } of this.history.failures) {
      this.#violation(6, key, `${what} in ${by}: ${text}`);
    }
    for (const { by, from, to } of this.history.blocks) {
      const took = Math.round((to - from) / 1_000);
      this.#violation(7, undefined, `the event loop of ${by} was kept busy for ${took} ms, until ${time(to)}`);
    }
    for (const [key, { changes, reads }] of this.history.keys) {
      // While loads fail, a value that was only expired may stand in.
      const binding = key.startsWith('x:') ? changes.filter(({ kept }) => !kept) : changes;
      const floors = { known: new Floor(binding, ({ known }) => known), own: new Map() };
      for (const by of new Set(binding.map((change) => change.by))) {
        floors.own.set(
          by,
          new Floor(
            binding.filter((change) => change.by === by),
            ({ end }) => end,
          ),
        );
      }
      const final = new Floor(changes, ({ known }) => known);
      for (const read of reads) this.#judge(key, read, floors, final);
      this.#order(key, reads);
    }
    return this.violations;
  }

  /** @param {string} key @param {import('./history.mjs').Read} read */
  #judge(key, read, { known, own }, final) {
    const { begin, version, by, flags } = read;
    this.#duration(key, read);
    if (version === null) return;
    const { bound } = this.world;
    if (flags & STRONG) this.figures.strong++;
    if (version > this.world.rows.get(key)) this.#violation(6, key, `${show(read)}: there is no such row`);
    this.#least(1, key, read, own.get(by)?.at(begin));
    if (flags & FINAL) this.#least(5, key, read, final.at(begin));
    else if (flags & STRONG) this.#least(3, key, read, known.at(begin));
    // With neither Redis nor a row to be had, what stands in is what this process has: its age is that of the grace.
    else if (!(key.startsWith('x:') && flags & UNSOUND))
      this.#least(2, key, read, known.at(begin - bound * 1_000 - ALLOWED_US));
    const outdated = flags & (STRONG | FINAL | UNSOUND) ? undefined : known.outdated(version);
    if (outdated === undefined || outdated >= begin) return;
    this.figures.stale++;
    this.figures.longest = Math.max(this.figures.longest, (begin - outdated) / 1_000);
  }

  #least(rule, key, read, change) {
    if (!change || read.version >= change.version) return;
    const since = Math.round((read.begin - change.known) / 1_000);
    this.#violation(rule, key, `${show(read)}, ${since} ms after ${describe(change)}`, read);
  }

  /** Strong reads never go back, where Redis answered all of them and has kept what it had. */
  #order(key, reads) {
    const sound = reads.filter(({ begin, end, version, flags }) => {
      const asked = flags & STRONG && !(flags & UNSOUND) && version !== null;
      return asked && this.unsure.every(({ from, to }) => end < from || begin > to);
    });
    const byEnd = [...sound].sort((a, b) => a.end - b.end);
    sound.sort((a, b) => a.begin - b.begin);
    let next = 0;
    let newest;
    for (const read of sound) {
      for (; byEnd[next].end < read.begin; next++) {
        if (!newest || byEnd[next].version > newest.version) newest = byEnd[next];
      }
      if (newest && read.version < newest.version)
        this.#violation(4, key, `${show(read)}, after ${show(newest)}`, read);
    }
  }

  #duration(key, read) {
    const { begin, end, by } = read;
    let took = end - begin;
    for (const { name, from, to } of this.world.pauses) {
      if (name === by) took -= Math.max(0, Math.min(end, to) - Math.max(begin, from));
    }
    this.figures.slowest = Math.max(this.figures.slowest, took / 1_000);
    if (took > this.world.limit * 1_000) this.#violation(7, key, `${show(read)} took ${Math.round(took / 1_000)} ms`);
  }

  #violation(rule, key, text, read) {
    const count = (this.#counts.get(rule) ?? 0) + 1;
    this.#counts.set(rule, count);
    if (count > PER_RULE) return;
    this.violations.push({ rule, key, text, history: read && this.#around(key, read) });
  }

  /** What happened to the key around a read. */
  #around(key, read) {
    const { changes, reads } = this.history.of(key);
    const events = [
      ...changes.map((change) => ({ at: change.begin, text: describe(change) })),
      ...reads.filter(({ version }) => version !== null).map((one) => ({ at: one.begin, text: show(one) })),
    ].sort((a, b) => a.at - b.at);
    const place = events.findIndex(({ at }) => at >= read.begin);
    return events.slice(Math.max(0, place - 10), place + 3).map(({ text }) => text);
  }
}

const time = (us) => (us < Number.POSITIVE_INFINITY ? (us / 1_000).toFixed(1) : 'never');

function show({ begin, end, version, by, flags }) {
  const kind = `${flags & STRONG ? 'strong ' : ''}${flags & FINAL ? 'last ' : ''}read`;
  return `${kind} in ${by} from ${time(begin)} to ${time(end)}${flags & UNSOUND ? ' (trouble)' : ''}: row ${version}`;
}

function describe({ version, by, what, begin, end, known }) {
  return `${what} of row ${version} in ${by} from ${time(begin)} to ${time(end)}, known at ${time(known)}`;
}

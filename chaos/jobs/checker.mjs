// Who did the work of the one that leads, and when.
import { AT_ONCE, COMMAND_TIMEOUT, LIFE, NOISE } from './plan.mjs';

const inMs = (micros) => Math.round(micros / 1_000);

/**
 * What was heard of the processes, and done to them. Times in µs, on one clock.
 * @typedef {{ by: string, begin: number, end?: number }} Load
 */
export class Notes {
  /** @type {Map<string, Load>} */
  loads = new Map();
  /** @type {{ name: string, from: number, to: number }[]} */
  pauses = [];
  /** @type {{ from: number, to: number }[]} */
  outages = [];

  /** @param {{ load: string, begin?: number, end?: number }} event */
  heard({ load, ...times }, by) {
    this.loads.set(load, { ...this.loads.get(load), ...times, by });
  }

  /** The process is gone: what it had begun has ended. */
  ended(name, at) {
    for (const load of this.loads.values()) if (load.by === name) load.end ??= at;
  }

  paused(name, from, to) {
    this.pauses.push({ name, from, to });
  }

  withoutRedis(from, to) {
    this.outages.push({ from, to });
  }

  /** In the order in which they began. */
  inOrder() {
    return [...this.loads.values()].sort((a, b) => a.begin - b.begin);
  }

  /** In the order in which they began. @param {number} from */
  since(from) {
    return this.inOrder().filter(({ begin }) => begin > from);
  }

  /** When somebody else than `name` began a load after `since`. */
  takenOver(name, since) {
    return this.inOrder().find(({ by, begin }) => by !== name && begin > since);
  }
}

/** @param {Notes} notes @returns {{ rule: number, text: string }[]} */
export function check(notes) {
  const all = notes.inOrder();
  const loads = all.filter((load) => !isUnderWay(load, notes, all));
  return [...overlaps(loads), ...interleaved(loads), ...withoutLease(notes, all)];
}

/**
 * Under way when its process was stopped: it is allowed to go on. It may have been stopped between its last look at the lease and the
 * load itself, so the first ones that begin afterwards are such, as many as may run at once.
 */
function isUnderWay(load, { pauses }, all) {
  const { by, begin, end = Number.POSITIVE_INFINITY } = load;
  return pauses.some(({ name, from, to }) => {
    if (name !== by || begin > to + 1_000 * NOISE || end < from) return false;
    if (begin < to) return true;
    return all.filter((other) => other.by === by && other.begin >= to).indexOf(load) < AT_ONCE;
  });
}

/** Loads of two processes at the same time. */
function overlaps(loads) {
  const found = [];
  for (const [i, one] of loads.entries()) {
    if (one.end === undefined) continue;
    for (let j = i + 1; j < loads.length && loads[j].begin < one.end; j++) {
      const other = loads[j];
      if (other.by === one.by) continue;
      const text = `${one.by} and ${other.by} load at the same time, ${inMs(one.end - other.begin)} ms long`;
      found.push({ rule: 1, text });
      break;
    }
  }
  return found.slice(0, 5);
}

/** A process that worked, another one, and the first one again, sooner than a lease ends: both believed that they lead. */
function interleaved(loads) {
  /** @type {{ by: string, first: number, last: number }[]} */
  const turns = [];
  for (const { by, begin } of loads) {
    const turn = turns.at(-1);
    if (turn?.by === by) turn.last = begin;
    else turns.push({ by, first: begin, last: begin });
  }
  const found = [];
  for (let i = 1; i + 1 < turns.length; i++) {
    const [before, between, after] = [turns[i - 1], turns[i], turns[i + 1]];
    const gap = (after.first - before.last) / 1_000;
    if (before.by !== after.by || gap >= LIFE) continue;
    found.push({ rule: 1, text: `${between.by} works between two loads of ${before.by}, ${Math.round(gap)} ms apart` });
  }
  return found.slice(0, 5);
}

/** While nobody can renew a lease, nobody works any more when it has ended. */
function withoutLease({ outages }, loads) {
  return outages.flatMap(({ from, to }) => {
    // It may have looked at its lease just before, and waited for an answer of Redis since.
    const least = from + 1_000 * (LIFE + COMMAND_TIMEOUT + NOISE / 2);
    const late = loads.filter(({ begin }) => begin > least && begin < to);
    if (late.length === 0) return [];
    const [{ by, begin }] = late;
    return [
      { rule: 3, text: `${by} loads ${inMs(begin - from)} ms after Redis stood still; a lease lasts ${LIFE} ms` },
    ];
  });
}

// Who did the work of the one that leads, and when.
import { LIFE, NOISE } from './plan.mjs';

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

  /** Who has begun a load last. @param {number} since */
  leader(since) {
    const last = this.inOrder().at(-1);
    return last && last.begin >= since ? last.by : undefined;
  }

  /** When somebody else than `name` began a load after `since`. */
  takenOver(name, since) {
    return this.inOrder().find(({ by, begin }) => by !== name && begin > since);
  }
}

/** @param {Notes} notes @returns {{ rule: number, text: string }[]} */
export function check(notes) {
  const loads = notes.inOrder();
  return [...overlaps(notes, loads), ...interleaved(loads), ...withoutLease(notes, loads)];
}

/** Loads of two processes at the same time; the one call that was under way when a process was stopped does not count. */
function overlaps({ pauses }, loads) {
  const stopped = ({ by, begin, end }) =>
    pauses.some(({ name, from, to }) => name === by && begin < to && (end ?? Number.POSITIVE_INFINITY) > from);
  const found = [];
  for (const [i, one] of loads.entries()) {
    if (stopped(one) || one.end === undefined) continue;
    for (let j = i + 1; j < loads.length && loads[j].begin < one.end; j++) {
      const other = loads[j];
      if (other.by === one.by) continue;
      found.push({
        rule: 1,
        text: `${one.by} and ${other.by} load at the same time, ${inMs(one.end - other.begin)} ms long`,
      });
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
    const late = loads.filter(({ begin }) => begin > from + 1_000 * (LIFE + NOISE / 4) && begin < to);
    if (late.length === 0) return [];
    const [{ by, begin }] = late;
    return [
      { rule: 3, text: `${by} loads ${inMs(begin - from)} ms after Redis stood still; a lease lasts ${LIFE} ms` },
    ];
  });
}

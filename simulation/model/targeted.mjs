// Small plans made by hand, for mistakes that random plans hit too rarely. Each is run with many delays ("salts").
import { END } from './settings.mjs';

const read = (at, process, key, strong = false) => ({ at, kind: 'read', process, key, strong });
const write = (at, process, mode, key) => ({ at, kind: 'write', process, mode, key, keys: [key] });
const slow = (at, process, which, time) => ({ at, kind: 'slow', process, key: '', which, time });
const reset = (at, process, which) => ({ at, kind: 'break', process, key: '', which, how: 'reset' });
const call = (at, kind, process, key) => ({ at, kind, process, key });
const reads = (process, key, ...times) => times.map((at) => read(at, process, key));

/** @type {Record<string, { processes: number, items: import('./plan.mjs').Item[] }>} */
export const TARGETED = {
  /** The tag is changed between the load and the reading of its marker, and word of it is slow. */
  lateNoSync: {
    processes: 3,
    items: [
      slow(98, 0, 'subscriber', 300),
      read(100, 0, 'a:1'),
      write(102, 1, 'late', 'a:1'),
      read(220, 2, 'a:1', true),
      read(300, 2, 'a:1', true),
    ],
  },
  /** The same for a tag that was known before: its marker is read before the load. */
  markersAfterLoad: {
    processes: 3,
    items: [
      slow(98, 0, 'subscriber', 300),
      read(100, 0, 'a:2', true),
      write(102, 1, 'tag', 'a:2'),
      read(220, 2, 'a:2', true),
      read(300, 2, 'a:2', true),
    ],
  },
  /** The tag has no marker yet when it is changed: there is nothing to change, and entries loaded before must be stale all the same. */
  markersByFill: {
    processes: 3,
    items: [
      slow(98, 0, 'subscriber', 300),
      read(100, 0, 'a:2'),
      write(101, 1, 'tag', 'a:2'),
      read(220, 2, 'a:2', true),
      read(300, 2, 'a:2', true),
    ],
  },
  /** The value was stored, then evicted; word of that comes before the answer to the store. */
  flightEndsAtLoad: {
    processes: 2,
    items: [
      read(100, 1, 'a:2'),
      { at: 112, kind: 'still', process: 1, key: '', which: 'commands', direction: 'in', time: 70 },
      ...[135, 142, 149].map((at) => write(at, 0, 'evict', 'a:2')),
      ...reads(1, 'a:2', 310, 330, 350, 370),
    ],
  },
  /** As before, with a read of Redis instead of a load. */
  busNoFlag: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      slow(149, 1, 'commands', 150),
      read(150, 1, 'a:2'),
      write(152, 0, 'evict', 'a:2'),
      ...reads(1, 'a:2', 330, 360, 390),
    ],
  },
  /** The same with a put, of which the message tells the version. */
  overtakenAnyway: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      slow(149, 1, 'commands', 150),
      read(150, 1, 'a:2'),
      write(152, 0, 'put', 'a:2'),
      ...reads(1, 'a:2', 330, 360, 390),
    ],
  },
  /** A strong load that saw the new row is refused because of a token with which an older row can still be stored. */
  noKill: {
    processes: 3,
    items: [
      read(100, 0, 'a:2', true),
      call(104, 'drop', 1, 'a:2'),
      read(107, 2, 'a:2'),
      { at: 126, kind: 'still', process: 1, key: '', which: 'commands', direction: 'out', time: 90 },
      { at: 129, kind: 'pause', process: 2, key: '', time: 70 },
      write(130, 1, 'evict', 'a:2'),
      ...[206, 209, 212].map((at) => read(at, 0, 'a:2', true)),
    ],
  },
  /** Word of the eviction is lost with the connection, while a read of Redis is under way. */
  gapNoFlag: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      slow(148, 1, 'commands', 150),
      reset(149, 1, 'subscriber'),
      read(150, 1, 'a:2'),
      write(151, 0, 'evict', 'a:2'),
      ...reads(1, 'a:2', 330, 360, 390),
    ],
  },
  /** A value that has ended is loaded anew, with its version as token, and is expired by somebody else meanwhile. */
  expireKeepsVersion: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      slow(648, 0, 'subscriber', 300),
      read(650, 0, 'a:2', true),
      write(651, 1, 'expire', 'a:2'),
      ...[700, 750, 800, 850].map((at) => read(at, 1, 'a:2', true)),
    ],
  },
  /** A value that memory has and Redis has lost: its key is not found by the search for a pattern. */
  patternUntold: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      read(120, 1, 'a:2'),
      { at: 150, kind: 'lose', process: 0, key: 'a:2' },
      write(155, 0, 'pattern', 'a:2'),
      ...reads(1, 'a:2', 310, 340, 370),
    ],
  },
  /** A put that Redis has confirmed and lost: what was there before it stands there again. */
  recheckKeeps: {
    processes: 2,
    items: [
      read(150, 0, 'a:2'),
      write(300, 0, 'put', 'a:2'),
      { at: 330, kind: 'restart', process: 0, key: '', loss: 40, time: 20 },
      ...reads(0, 'a:2', 420, 450, 480, 510),
    ],
  },
  /** A load was stored, and Redis forgets that: it has the claim again, of a process that lives. */
  claimsForgotten: {
    processes: 2,
    items: [read(100, 1, 'a:2'), { at: 135, kind: 'restart', process: 0, key: '', loss: 25, time: 40 }],
  },
  /** An eviction is called after a set, and Redis has forgotten its script: it is sent again, after reads. */
  setEndsEarly: {
    processes: 2,
    items: [
      call(50, 'set', 0, 'c:1'),
      call(80, 'drop', 0, 'c:2'),
      call(100, 'scripts', 0, ''),
      read(105, 1, 'a:1'), // makes the script for markers known again
      call(200, 'set', 0, 'c:1'),
      call(200.5, 'drop', 0, 'c:1'),
      ...Array.from({ length: 40 }, (_, i) => call(201 + 0.25 * i, 'show', 0, 'c:1')),
    ],
  },
  /** A process that is deaf stands still in the middle of a load; who asks then would share a load that is older than the bound. */
  joinWithoutTrust: {
    processes: 2,
    items: [
      { at: 98, kind: 'break', process: 1, key: '', which: 'subscriber', how: 'half-open', direction: 'in' },
      read(100, 1, 'a:2'),
      write(112, 0, 'evict', 'a:2'),
      { at: 114, kind: 'pause', process: 1, key: '', time: 160 },
      ...reads(1, 'a:2', 268, 270, 272),
    ],
  },
  /** A clock that is set back by more than the bound, while the process hears nothing. */
  setBackIgnored: {
    processes: 2,
    items: [
      read(50, 0, 'a:2'),
      read(150, 1, 'a:2'),
      { at: 160, kind: 'break', process: 1, key: '', which: 'subscriber', how: 'half-open', direction: 'in' },
      { at: 161, kind: 'jump', process: 1, key: '', offset: -300, suspend: false },
      write(165, 0, 'evict', 'a:2'),
      ...reads(1, 'a:2', 170, 270, 310, 350, 390),
    ],
  },
};

/** @param {string} name @returns {import('./plan.mjs').Plan} */
export function targetedPlan(name) {
  const { processes, items } = TARGETED[name];
  const sorted = [...items].filter(({ at }) => at <= END).sort((a, b) => a.at - b.at);
  return { processes, owned: true, grace: false, commandTimeout: 80, profile: name, items: sorted };
}

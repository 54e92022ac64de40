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
  /** The value was stored, then evicted; word of that comes before the answer to the store. */
  flightEndsAtLoad: {
    processes: 2,
    items: [
      read(100, 1, 'a:2'),
      slow(104, 1, 'commands', 150),
      write(150, 0, 'evict', 'a:2'),
      write(180, 0, 'evict', 'a:2'),
      write(205, 0, 'evict', 'a:2'),
      ...reads(1, 'a:2', 360, 390, 420, 450),
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

/** @param {string} name @param {boolean} bus @returns {import('./plan.mjs').Plan} */
export function targetedPlan(name, bus) {
  const { processes, items } = TARGETED[name];
  const sorted = [...items].filter(({ at }) => at <= END).sort((a, b) => a.at - b.at);
  return { bus, processes, memory: bus, owned: true, commandTimeout: 80, profile: name, items: sorted };
}

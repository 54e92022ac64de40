// `--mutations`, `--break <name>`: mistakes made on purpose, in all processes of a run. Each must be found by the checker, or
// the checker is none. They reach into the build, and say so when it has changed under them.
import { breakBuild } from '../lib/breaks.mjs';

/**
 * `rules` are those that it breaks, one of them at least has to be found; `faults` are what it takes to show.
 * @type {Record<string, { what: string, rules: number[], faults: string[], make(inside: import('../lib/breaks.mjs').Inside): void }>}
 */
export const BREAKS = {
  'reads-fail': {
    what: 'a read fails while there is no connection',
    rules: [1],
    faults: ['killed'],
    make: ({ replace }) =>
      replace(
        'ReadPath',
        'look',
        (look) =>
          function (...args) {
            if (!this.core.remote.stats().ready) return Promise.reject(new Error('Redis is away'));
            return look.apply(this, args);
          },
      ),
  },
  'no-deadline': {
    what: 'wait for an answer as long as the connection stays',
    rules: [1, 2],
    faults: ['hanging'],
    make: ({ replace }) => replace('RedisConnection', 'withDeadline', () => (work) => work),
  },
  'offline-queue': {
    what: 'commands wait for a connection, as clients do by default',
    rules: [3],
    faults: ['killed'],
    make: ({ replace }) =>
      replace(
        'RedisConnection',
        'send',
        (send) =>
          async function (...args) {
            const { commandTimeout } = this.options;
            if (!this.connected) await new Promise((resolve) => setTimeout(resolve, commandTimeout));
            return send.apply(this, args);
          },
      ),
  },
  'memory-unused': {
    what: 'believe nothing without a lease, not even what was loaded a moment ago',
    rules: [4],
    faults: ['killed'],
    make: ({ replace }) =>
      replace(
        'BoundedStore',
        'set',
        (set) =>
          function (key, entry) {
            entry.believedUntil = 0;
            return set.call(this, key, entry);
          },
      ),
  },
  'all-forgotten': {
    what: 'take everything in Redis for out of date when it is back',
    rules: [4, 5],
    faults: ['killed'],
    make: ({ replace }) => replace('ChangeLog', 'refuses', () => () => true),
  },
  'undelivered-dropped': {
    what: 'forget what Redis did not confirm',
    rules: [6],
    faults: ['killed'],
    make: ({ replace }) => replace('ChangeLog', 'keep', () => () => {}),
  },
};

/** Where the build has what is replaced. */
const PLACES = {
  ChangeLog: 'tiers/redis/change-log.js',
  BoundedStore: 'tiers/memory/bounded-store.js',
  ReadPath: 'engine/read-path.js',
  RedisConnection: 'tiers/redis/connection.js',
};

/** @param {string | undefined} name @param {string} dist */
export async function applyBreak(name, dist) {
  if (name !== undefined) await breakBuild(name, BREAKS[name].make, dist, PLACES);
}

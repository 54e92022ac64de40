// `--mutations`, `--break <name>`: mistakes made on purpose. Each must be found by the checker, or the checker is none. They
// reach into the build, and say so when it has changed under them.
import { createHash } from 'node:crypto';
import { BUS_BREAKS } from './breaks-bus.mjs';
import { LOAD_BREAKS } from './breaks-load.mjs';
import { MARKER_BREAKS } from './breaks-markers.mjs';
import { TRACKING_BREAKS } from './breaks-tracking.mjs';
import { WRITE_BREAKS } from './breaks-write.mjs';
import { BUS, built } from './engine.mjs';

/**
 * @typedef {{ what: string, expected?: 'clean', why?: string, plan?: string, make?(inside: Inside): void }} Break
 * `expected: 'clean'`: it is no mistake by itself, and `why` says what gives the same protection. `plan`: made by hand, for what random plans
 * hit too rarely. Without `make` the name is that of several others with `+` between them.
 */

/**
 * What a break works with: the build's classes and functions, and
 * `edit(script, from, to)`, which replaces a piece of a script, and
 * `around(Type, method, (self, original, ...args) => result)`, which stands in for a method.
 * @typedef {Record<string, any>} Inside
 */

/** @type {Record<string, Break>} */
export const BREAKS = {
  ...LOAD_BREAKS,
  ...MARKER_BREAKS,
  ...WRITE_BREAKS,
  ...BUS_BREAKS,
  ...(BUS === 'tracking' && TRACKING_BREAKS),
};

/** Where the classes and functions are that breaks need. */
const MODULES = [
  'engine/core.js',
  'engine/entry-format.js',
  'engine/epochs.js',
  'engine/flights.js',
  'engine/incoming.js',
  'engine/loading.js',
  'engine/lookup.js',
  'engine/read-path.js',
  'engine/storing.js',
  'engine/version.js',
  'engine/write-path.js',
  'tiers/memory/bounded-store.js',
  'tiers/redis/bus.js',
  'tiers/redis/connection.js',
  'tiers/redis/delivered.js',
  'tiers/redis/marker-watch.js',
  'tiers/redis/redis-commands.js',
  'tiers/redis/ended-claims.js',
  'tiers/redis/redis-remote.js',
  'tiers/redis/tracking.js',
  'tiers/redis/undelivered.js',
];

/** @param {string | undefined} names one, or several with `+` between them */
export async function applyBreak(names) {
  if (names === undefined) return;
  const scripts = await built('tiers/redis/scripts.js');
  const moved = (what) => new Error(`--break ${names}: ${what}: the build has changed`);
  const inside = {
    edit(script, from, to) {
      const target = scripts[script];
      if (!target?.source.includes(from)) throw moved(`${script} has no "${from}"`);
      target.source = target.source.replaceAll(from, to);
      target.sha = createHash('sha1').update(target.source).digest('hex');
    },
    around(type, method, instead) {
      const original = type?.prototype[method];
      if (typeof original !== 'function') throw moved(`${type?.name} has no method "${method}"`);
      type.prototype[method] = function (...args) {
        return instead(this, original.bind(this), ...args);
      };
    },
  };
  for (const module of MODULES) Object.assign(inside, await built(module));
  for (const name of names.split('+')) BREAKS[name].make?.(inside);
}

// `--mutations`, `--break <name>`: mistakes made on purpose, in all processes of a run. Each must be found by the checker, or
// the checker is none. They reach into the build, and say so when it has changed under them.
import { breakBuild } from '../lib/breaks.mjs';
import { CLUSTER_BREAKS } from './cluster-breaks.mjs';

const NEVER = () => () => {};
/** Every script that changes something tells of it in the same way. */
const TELLING = ['EVICT', 'PUT', 'EXPIRE', 'CHANGE', 'RECHECK'];

/** @typedef {{ what: string, rules: number[], faults: string[], make(inside: import('../lib/breaks.mjs').Inside): void }} Break */

/**
 * `rules` are those that it breaks, one of them at least has to be found; `faults` are what it takes to show.
 * @type {Record<string, Break>}
 */
export const BREAKS = {
  'no-publish': {
    what: 'tell nobody of a change',
    rules: [2, 5],
    faults: [],
    make({ edit, replace }) {
      for (const name of TELLING) edit(name, "redis.call('PUBLISH', ARGV[#ARGV - 1], ARGV[#ARGV])", '');
      replace('RedisCommands', 'publish', () => async () => {});
    },
  },
  'no-lease': {
    what: 'believe memory for ever, heard or not',
    rules: [2],
    faults: ['hears-stall', 'hears-stall', 'pause', 'half-open'],
    make: ({ replace }) =>
      replace(
        'Bus',
        'echoed',
        (echoed) =>
          function (number) {
            echoed.call(this, number);
            this.until = Number.POSITIVE_INFINITY;
          },
      ),
  },
  'gap-ignored': {
    what: 'keep memory when messages may have been missed',
    rules: [2, 5],
    faults: ['bus-kill', 'bus-kill', 'hears-stall'],
    make: ({ replace }) => replace('Incoming', 'gap', NEVER),
  },
  'fill-blind': {
    what: 'store a loaded value whatever came between',
    rules: [1, 3, 5],
    faults: [],
    make: ({ edit }) => edit('FILL', 'if found == ARGV[3 * i - 2] and', 'if true or'),
  },
  'fill-refused': {
    what: 'keep a refused value in memory',
    rules: [1, 2, 4, 5],
    faults: ['delay', 'delay', 'delay'],
    make: ({ replace }) =>
      replace(
        'RedisRemote',
        'fill',
        (fill) =>
          async function (...args) {
            await fill.apply(this, args);
            return true;
          },
      ),
  },
  'put-blind': {
    what: 'put a written row whatever came between',
    rules: [1, 3, 5],
    faults: [],
    make: ({ edit }) => edit('PUT', "local same = token == '' or hasVersion(key, token)", 'local same = true'),
  },
  'put-refused-stays': {
    what: 'a refused put leaves what is there',
    rules: [1, 3, 5],
    faults: [],
    make: ({ edit }) => edit('PUT', "else redis.call('UNLINK', key) end", 'end'),
  },
  'no-replay': {
    what: 'forget what Redis confirmed before it lost it',
    rules: [1, 2, 3, 5],
    faults: ['redis-lossy', 'redis-lossy', 'redis-lossy'],
    make: ({ replace }) => replace('ChangeLog', 'broken', NEVER),
  },
  'undelivered-dropped': {
    what: 'forget what Redis did not confirm',
    rules: [1, 2, 3, 5],
    faults: ['redis-restart', 'commands-kill', 'redis-restart'],
    make: ({ replace }) => replace('ChangeLog', 'keep', NEVER),
  },
  'no-flag': {
    what: 'a message does not concern what is under way',
    rules: [2, 5],
    faults: ['delay', 'delay', 'delay'],
    make({ replace }) {
      replace(
        'Incoming',
        'key',
        (key) =>
          function (...args) {
            const { flights } = this.core;
            const own = { flag: flights.flag, overtake: flights.overtake };
            Object.assign(flights, { flag() {}, overtake() {} });
            key.apply(this, args);
            Object.assign(flights, own);
          },
      );
    },
  },
  'joins-flagged': {
    what: 'new callers share a load that is out of date',
    rules: [1, 2],
    faults: [],
    make: ({ replace }) =>
      replace(
        'Flights',
        'joinable',
        () =>
          function (key) {
            let flight = this.heads.get(key);
            while (flight && flight.shared === undefined) flight = flight.next;
            return flight;
          },
      ),
  },
  'markers-unheard': {
    what: 'not hear of tags, prefixes and clear()',
    rules: [2, 5],
    faults: [],
    make: ({ replace }) => replace('Incoming', 'marker', NEVER),
  },
  'markers-unchanged': {
    what: 'not change the markers in Redis',
    rules: [1, 2, 3, 5],
    faults: [],
    make: ({ edit }) => edit('CHANGE', "redis.call('SET', key, ARGV[i + 1], 'KEEPTTL')", ''),
  },
  'late-unsettled': {
    what: 'store late tags without waiting for what is to be heard',
    rules: [1, 2, 3, 5],
    faults: ['hears-stall', 'hears-stall', 'hears-stall', 'hears-stall'],
    make: ({ replace }) => replace('RedisRemote', 'settle', () => async () => true),
  },
  'strong-no-adopt': {
    what: 'a refused strong load answers with its own row',
    rules: [4],
    faults: [],
    make: ({ replace }) =>
      replace(
        'Loading',
        'fillOrAdopt',
        () =>
          async function (flight, value, policy, permit) {
            await this.fillAndEnd(flight, value, policy, permit);
            return value.entry;
          },
      ),
  },
};

/** By topology. */
export const BREAKS_OF = { standalone: BREAKS, cluster: CLUSTER_BREAKS };

/** Where the build has what is replaced. */
const PLACES = {
  ClusterTier: 'tiers/redis/cluster/tier.js',
  ClusterLog: 'tiers/redis/cluster/log.js',
  ClusterNames: 'tiers/redis/cluster/names.js',
  NodeCommands: 'tiers/redis/cluster/node-commands.js',
  ShardSubscriber: 'tiers/redis/cluster/subscriber.js',
  Bus: 'tiers/redis/bus.js',
  ChangeLog: 'tiers/redis/change-log.js',
  RedisCommands: 'tiers/redis/redis-commands.js',
  RedisRemote: 'tiers/redis/redis-remote.js',
  Incoming: 'engine/incoming.js',
  Flights: 'engine/flights.js',
  Loading: 'engine/loading.js',
};

/** @param {string | undefined} name @param {string} dist */
export async function applyBreak(name, dist) {
  if (name !== undefined) await breakBuild(name, { ...BREAKS, ...CLUSTER_BREAKS }[name].make, dist, PLACES);
}

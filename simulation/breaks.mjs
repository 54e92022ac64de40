// `--mutations`, `--break <name>`: mistakes made on purpose. Each must be found by the checker, or the checker is none. They
// reach into the build, and say so when it has changed under them. Those of the bus are in breaks-bus.mjs.
import { createHash } from 'node:crypto';
import { BUS_BREAKS } from './breaks-bus.mjs';
import { built } from './engine.mjs';

/**
 * @typedef {{ what: string, bus?: boolean, expected?: 'clean', make(inside: any): void }} Break
 * `bus`: it means something only in a build that has one. `expected: 'clean'`: it is no mistake by itself, something else
 * gives the same protection.
 */

const ZERO = '0'.repeat(32);
const CREATES = 'local found = setIfAbsent(key, ARGV[2 * i - 1], ARGV[2 * i], isOurs)\n  if found then';

/** @type {Record<string, Break>} */
export const BREAKS = {
  fillNoCas: {
    what: 'a fill stores without comparing versions',
    make: ({ edit }) => edit('FILL', 'local same = hasVersion(key, ARGV[3 * i - 2])', 'local same = true'),
  },
  absentToken: {
    what: 'absent counts as a version: no holds',
    make({ edit, replace, RedisRemote }) {
      replace(
        RedisRemote,
        'hold',
        () =>
          async function (key) {
            return (await this.read(key, [])).entry;
          },
      );
      const absent = "redis.call('EXISTS', key) == 0";
      edit(
        'FILL',
        'local same = hasVersion(key, ARGV[3 * i - 2])',
        `local same = ${absent} or hasVersion(key, ARGV[3 * i - 2])`,
      );
      edit('PUT', "local same = token == ''", `local same = token == '' or ${absent}`);
    },
  },
  versionsReused: {
    what: 'versions are not unique',
    make({ replace, VersionSource }) {
      let count = 0;
      replace(VersionSource, 'next', () => () => `v${count++ % 2}`.padEnd(16, '0'));
    },
  },
  markersAfterLoad: {
    what: 'the markers known before a load are read after it',
    make({ replace, Loading, markerLife }) {
      for (const name of ['fillAndEnd', 'fillOrAdopt'])
        replace(
          Loading,
          name,
          (store) =>
            async function (flight, value, policy, permit) {
              const markers = await this.core.remote
                .mark(flight.markers, markerLife(policy))
                .catch(() => permit.markers);
              return store.call(this, flight, value, policy, { ...permit, markers });
            },
        );
    },
  },
  missingIsZero: {
    what: 'a missing marker is version zero: loads make none',
    make({ edit, replace, RedisRemote }) {
      edit('MARK', CREATES, "local found = redis.call('GET', key)\n  if found then");
      edit('MARK', 'answers[i] = found or ARGV[2 * i - 1]', `answers[i] = found or '${ZERO}'`);
      edit('CHANGE', "redis.call('UNLINK', key)", "redis.call('SET', key, ARGV[i + 1], 'PX', 10000)");
      replace(
        RedisRemote,
        'read',
        (read) =>
          async function (key, names) {
            const { entry, markers } = await read.call(this, key, names);
            return { entry, markers: markers.map((marker) => marker ?? ZERO) };
          },
      );
    },
  },
  noMarkers: {
    what: 'markers are not compared',
    make({ replace, RedisRemote, Epochs, decodeEntry }) {
      const then = new Map();
      replace(
        RedisRemote,
        'read',
        (read) =>
          async function (key, names) {
            const { entry, markers } = await read.call(this, key, names);
            const stored = entry === null ? undefined : decodeEntry(entry);
            if (stored?.kind === 'value')
              for (const [i, name] of stored.markers.entries()) then.set(name, stored.markerValues[i]);
            return { entry, markers: markers.map((marker, i) => then.get(names[i]) ?? marker) };
          },
      );
      replace(Epochs, 'since', () => () => 'valid');
    },
  },
  epochsIgnored: {
    what: 'what the process itself changed by markers is not remembered',
    make: ({ replace, Epochs }) => replace(Epochs, 'since', () => () => 'valid'),
  },
  epochAtInsert: {
    what: 'an entry belongs to the epoch in which it is stored',
    make: ({ replace, Flights }) =>
      replace(Flights, 'spoiled', () => (flight, _late, despiteFlag) => flight.flagged && !despiteFlag),
  },
  strongL1: {
    what: 'strong reads use memory',
    make: ({ replace, ReadPath }) =>
      replace(
        ReadPath,
        'getOrLoad',
        (getOrLoad) =>
          function (key, load, policy) {
            return (policy.strong && this.hit(key)) || getOrLoad.call(this, key, load, policy);
          },
      ),
  },
  strongJoins: {
    what: 'strong reads share loads begun before',
    make: ({ replace, ReadPath }) =>
      replace(
        ReadPath,
        'leader',
        () =>
          function (key) {
            return this.core.flights.joinable(key);
          },
      ),
  },
  noAdopt: {
    what: 'a strong read whose value was refused answers it all the same',
    make: ({ replace, Loading, fill }) =>
      replace(
        Loading,
        'fillOrAdopt',
        () =>
          async function (flight, value, policy, permit) {
            await fill(this.core, flight, value, policy, permit).catch(() => undefined);
            return value.entry;
          },
      ),
  },
  noKill: {
    what: 'a strong read whose value was refused leaves the tokens of others alive',
    make: ({ replace, Loading, fill, lookUp }) =>
      replace(
        Loading,
        'fillOrAdopt',
        () =>
          async function (flight, value, policy, permit) {
            try {
              if ((await fill(this.core, flight, value, policy, permit)) === 'stored') return value.entry;
              return (await lookUp(this.core, flight)).fresh ?? value.entry;
            } catch {
              return value.entry;
            }
          },
      ),
  },
  joinFlagged: {
    what: 'new callers share loads that something came between',
    make: ({ replace, Flights }) =>
      replace(
        Flights,
        'joinable',
        () =>
          function (key) {
            let flight = this.heads.get(key);
            while (flight && flight.shared === undefined) flight = flight.next;
            return flight;
          },
      ),
  },
  ownNoFlag: {
    what: 'a change of its own does not flag what is under way',
    make: ({ replace, Flights }) => replace(Flights, 'flag', () => () => undefined),
  },
  refusedInL1: {
    what: 'a refused value goes into memory',
    make: ({ replace, Loading, fill, inMemory, toMemory }) =>
      replace(
        Loading,
        'fillAndEnd',
        () =>
          async function (flight, value, policy, permit) {
            const { core } = this;
            try {
              const done = await fill(core, flight, value, policy, permit);
              if (done === 'refused' && inMemory(core, policy) && !flight.flagged)
                toMemory(core, flight.key, value.entry);
            } catch {
            } finally {
              core.flights.end(flight);
            }
          },
      ),
  },
  flightEndsAtLoad: {
    what: 'a load is forgotten when it ends, not when its value is stored',
    make: ({ replace, Loading }) =>
      replace(
        Loading,
        'fillAndEnd',
        (store) =>
          function (flight, ...rest) {
            this.core.flights.end(flight);
            return store.call(this, flight, ...rest);
          },
      ),
  },
  putUnconditional: {
    what: 'a put stores without comparing versions',
    make: ({ edit }) => edit('PUT', "local same = token == '' or hasVersion(key, token)", 'local same = true'),
  },
  putTokenLate: {
    what: 'the token of a put is read after the write to the database',
    make: ({ replace, WritePath }) =>
      replace(
        WritePath,
        'write',
        (write) =>
          async function (key, change, policy) {
            let outcome;
            try {
              const value = await change();
              outcome = async () => value;
            } catch (error) {
              outcome = async () => {
                throw error;
              };
            }
            return write.call(this, key, outcome, policy);
          },
      ),
  },
  putRefusedKeeps: {
    what: 'a refused put leaves what is there',
    make: ({ edit }) => edit('PUT', " else redis.call('UNLINK', key) end", ' end'),
  },
  putFailsKeeps: {
    what: 'a write that failed is taken for one that did nothing',
    make: ({ replace, WritePath }) =>
      replace(
        WritePath,
        'write',
        (write) =>
          async function (key, change, policy) {
            let failure;
            const tried = async () => {
              try {
                return await change();
              } catch (error) {
                failure = error;
                return undefined;
              }
            };
            const { evictQuietly } = this;
            this.evictQuietly = async (...args) => (failure ? undefined : evictQuietly.apply(this, args));
            const value = await write.call(this, key, tried, policy);
            if (failure) throw failure;
            return value;
          },
      ),
  },
  evictDropsOnce: {
    what: 'memory is cleaned when an eviction is called, not again when it has ended',
    make: ({ replace, WritePath }) =>
      replace(
        WritePath,
        'drop',
        (drop) =>
          function (key, change, called) {
            if (called) drop.call(this, key, change, called);
          },
      ),
  },
  setEndsEarly: {
    what: 'a set that an eviction overtakes is done before the eviction is',
    make: ({ replace, WritePath }) =>
      replace(
        WritePath,
        'leaveNothing',
        (leave) =>
          async function (flight) {
            if (flight.successor || !flight.flagged) await leave.call(this, flight);
          },
      ),
  },
  undIgnored: {
    what: 'Redis is believed about what it was not told yet',
    expected: 'clean',
    make: ({ replace, RedisRemote }) => replace(RedisRemote, 'refuses', () => () => false),
  },
  redeliverOnTimer: {
    what: 'what was not delivered is not the first thing on a new connection',
    expected: 'clean',
    make: ({ replace, RedisConnection }) =>
      replace(
        RedisConnection,
        'listen',
        (listen) =>
          function (listener) {
            return listen.call(this, { ...listener, ready: () => this.clock.after(60, () => listener.ready()) });
          },
      ),
  },
  dropUndelivered: {
    what: 'what was not delivered is forgotten',
    make({ replace, Undelivered }) {
      replace(Undelivered, 'addKeys', () => () => undefined);
      replace(Undelivered, 'addMarkers', () => () => undefined);
    },
  },
  overflowDrops: {
    what: 'too many undelivered changes are forgotten',
    make: ({ replace, Undelivered }) =>
      replace(
        Undelivered,
        'bound',
        () =>
          function () {
            if (this.size > this.limit) {
              this.keys = new Map();
              this.markers = new Map();
            }
          },
      ),
  },
  evictOverPut: {
    what: 'an eviction overtakes a put of the same tick',
    expected: 'clean',
    make: ({ replace, RedisRemote }) =>
      replace(
        RedisRemote,
        'sendChange',
        (send) =>
          function (...args) {
            const { puts } = this;
            return send.apply(Object.create(this, { puts: { value: { ...puts, flush() {} } } }), args);
          },
      ),
  },
  expireKeepsVersion: {
    what: 'expire leaves the version as it was',
    make: ({ edit }) => edit('EXPIRE', "redis.call('SETRANGE', key, 0, ARGV[i])", ''),
  },
  ...BUS_BREAKS,
};

/** @param {boolean} bus */
export const breaksFor = (bus) => Object.keys(BREAKS).filter((name) => bus || !BREAKS[name].bus);

/** @param {string | undefined} names one, or several with `+` between them */
export async function applyBreak(names) {
  if (names === undefined) return;
  const scripts = await built('tiers/redis/scripts.js');
  const inside = {
    ...(await built('engine/core.js')),
    ...(await built('engine/entry-format.js')),
    ...(await built('engine/epochs.js')),
    ...(await built('engine/flights.js')),
    ...(await built('engine/loading.js')),
    ...(await built('engine/lookup.js')),
    ...(await built('engine/read-path.js')),
    ...(await built('engine/storing.js')),
    ...(await built('engine/version.js')),
    ...(await built('engine/write-path.js')),
    ...(await built('tiers/redis/connection.js')),
    ...(await built('tiers/redis/redis-remote.js')),
    ...(await built('tiers/redis/undelivered.js')),
    built,
    /** Replaces a piece of a script. */
    edit(script, from, to) {
      const target = scripts[script];
      if (!target?.source.includes(from)) throw new Error(`--break ${names}: ${script} has no "${from}" any more`);
      target.source = target.source.replaceAll(from, to);
      target.sha = createHash('sha1').update(target.source).digest('hex');
    },
    /** Replaces a method; `make` is given the one there was. */
    replace(type, method, make) {
      const original = type?.prototype[method];
      if (typeof original !== 'function')
        throw new Error(`--break ${names}: ${type?.name} has no method "${method}" any more`);
      type.prototype[method] = make(original);
    },
  };
  for (const name of names.split('+')) await BREAKS[name].make(inside);
}

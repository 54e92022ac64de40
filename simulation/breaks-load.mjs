// Mistakes in what a load may store and who may share it: versions, holds, flights, strong reads.

const FILL_COMPARES = 'if found == ARGV[3 * i - 2] and #found ==';

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const LOAD_BREAKS = {
  fillNoCas: {
    what: 'a fill stores without comparing versions',
    make: ({ edit }) => edit('FILL', FILL_COMPARES, 'if true or #found =='),
  },
  absentToken: {
    what: 'absent counts as a version: no holds',
    make({ edit, around, RedisRemote }) {
      const none = async (remote, key) => (await remote.read(key, [])).entry;
      around(RedisRemote, 'hold', (remote, _hold, key) => none(remote, key));
      around(RedisRemote, 'claim', async (remote, claim, key, ...rest) =>
        (await none(remote, key)) === null ? null : claim(key, ...rest),
      );
      edit('FILL', FILL_COMPARES, "if found == '' or found == ARGV[3 * i - 2] and #found ==");
      edit('PUT', "local same = token == ''", "local same = token == '' or redis.call('EXISTS', key) == 0");
    },
  },
  versionsReused: {
    what: 'versions are not unique',
    make({ around, VersionSource }) {
      let count = 0;
      around(VersionSource, 'next', () => `v${count++ % 2}`.padEnd(16, '0'));
    },
  },
  flightEndsAtLoad: {
    what: 'a load is forgotten when it ends, not when its value is stored',
    plan: 'flightEndsAtLoad',
    make: ({ around, Loading }) =>
      around(Loading, 'fillAndEnd', (loading, store, flight, ...rest) => {
        loading.core.flights.end(flight);
        return store(flight, ...rest);
      }),
  },
  refusedInL1: {
    what: 'a refused value goes into memory',
    make: ({ around, Loading, fill, inMemory, toMemory }) =>
      around(Loading, 'fillAndEnd', async ({ core }, _store, flight, value, policy, permit) => {
        const done = await fill(core, flight, value, policy, permit).catch(() => 'unknown');
        if (done === 'refused' && inMemory(core, policy)) toMemory(core, flight.key, value.entry);
        core.flights.end(flight);
      }),
  },
  claimsForgotten: {
    what: 'claims whose end Redis has lost with its last writes are not ended again',
    plan: 'claimsForgotten',
    make: ({ around, EndedClaims }) => around(EndedClaims, 'takeAll', () => []),
  },
  joinFlagged: {
    what: 'new callers share loads that something came between',
    make: ({ around, Flights }) =>
      around(Flights, 'joinable', ({ heads }, _joinable, key) => {
        let flight = heads.get(key);
        while (flight && flight.shared === undefined) flight = flight.next;
        return flight;
      }),
  },
  ownNoFlag: {
    what: 'a change of its own does not flag what is under way',
    make: ({ around, Flights }) => around(Flights, 'flag', () => undefined),
  },
  strongL1: {
    what: 'strong reads use memory',
    make: ({ around, ReadPath }) =>
      around(
        ReadPath,
        'getOrLoad',
        (reading, getOrLoad, key, load, policy) => (policy.strong && reading.hit(key)) || getOrLoad(key, load, policy),
      ),
  },
  strongJoins: {
    what: 'strong reads share loads begun before',
    make: ({ around, ReadPath }) =>
      around(ReadPath, 'leader', (reading, _leader, key) => reading.core.flights.joinable(key)),
  },
  noAdopt: {
    what: 'a strong read whose value was refused answers it all the same',
    make: ({ around, Loading, fill }) =>
      around(Loading, 'fillOrAdopt', async ({ core }, _store, flight, value, policy, permit) => {
        await fill(core, flight, value, policy, permit).catch(() => undefined);
        return value.entry;
      }),
  },
  noKill: {
    what: 'a strong read whose value was refused leaves the tokens of others alive',
    plan: 'noKill',
    make: ({ around, Loading, fill, lookUp }) =>
      around(Loading, 'fillOrAdopt', async ({ core }, _store, flight, value, policy, permit) => {
        try {
          if ((await fill(core, flight, value, policy, permit)) === 'stored') return value.entry;
          return (await lookUp(core, flight)).fresh ?? value.entry;
        } catch {
          return value.entry;
        }
      }),
  },
};

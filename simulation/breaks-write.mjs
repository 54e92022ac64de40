// Mistakes in puts, evictions, and in what becomes of them when Redis does not answer.

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const WRITE_BREAKS = {
  putUnconditional: {
    what: 'a put stores without comparing versions',
    make: ({ edit }) => edit('PUT', "local same = token == '' or hasVersion(key, token)", 'local same = true'),
  },
  putTokenLate: {
    what: 'the token of a put is read after the write to the database',
    make: ({ around, WritePath }) =>
      around(WritePath, 'write', async (_writing, write, key, change, policy) => {
        const [outcome] = await Promise.allSettled([change()]);
        const known = async () => {
          if (outcome.status === 'rejected') throw outcome.reason;
          return outcome.value;
        };
        return write(key, known, policy);
      }),
  },
  putRefusedKeeps: {
    what: 'a refused put leaves what is there',
    make: ({ edit }) => edit('PUT', " else redis.call('UNLINK', key) end", ' end'),
  },
  putFailsKeeps: {
    what: 'a write that failed is taken for one that did nothing',
    make({ around, WritePath }) {
      const failed = new Set();
      around(WritePath, 'write', (_writing, write, key, change, policy) => {
        const watched = () =>
          change().catch((error) => {
            failed.add(key);
            throw error;
          });
        return write(key, watched, policy).finally(() => failed.delete(key));
      });
      around(WritePath, 'evictQuietly', async (_writing, evict, key) => failed.has(key) || evict(key));
    },
  },
  setEndsEarly: {
    what: 'a set that an eviction overtakes is done before the eviction is',
    plan: 'setEndsEarly',
    make: ({ around, WritePath }) =>
      around(WritePath, 'leaveNothing', async (_writing, leave, flight) => {
        if (flight.successor || !flight.flagged) await leave(flight);
      }),
  },
  evictDropsOnce: {
    what: 'memory is cleaned when an eviction is called, not again when it has ended',
    make: ({ around, WritePath }) =>
      around(WritePath, 'drop', (_writing, drop, key, change, called) => called && drop(key, change, called)),
  },
  expireKeepsVersion: {
    what: 'expire leaves the version as it was',
    plan: 'expireKeepsVersion',
    make: ({ edit }) => edit('EXPIRE', "redis.call('SETRANGE', key, 0, ARGV[i])", ''),
  },
  undIgnored: {
    what: 'Redis is believed about what it was not told yet',
    make: ({ around, RedisRemote }) => around(RedisRemote, 'refuses', () => false),
  },
  redeliverOnTimer: {
    what: 'what was not delivered is not the first thing on a new connection',
    expected: 'clean',
    why: 'until it is delivered Redis is not believed about it; without both: see the next line',
    make: ({ around, RedisConnection }) =>
      around(RedisConnection, 'listen', ({ clock }, listen, listener) =>
        listen({ ...listener, ready: () => clock.after(60, () => listener.ready()) }),
      ),
  },
  'redeliverOnTimer+undIgnored': { what: 'both: late, and believed meanwhile' },
  dropUndelivered: {
    what: 'what was not delivered is forgotten',
    make({ around, Undelivered }) {
      around(Undelivered, 'addKeys', () => undefined);
      around(Undelivered, 'addMarkers', () => undefined);
    },
  },
  overflowDrops: {
    what: 'too many undelivered changes are forgotten',
    make: ({ around, Undelivered }) =>
      around(Undelivered, 'bound', (list) => {
        if (list.size <= list.limit) return;
        list.keys = new Map();
        list.markers = new Map();
      }),
  },
  overflowKept: {
    what: 'the list of undelivered changes has no bound',
    expected: 'clean',
    why: 'the bound is there for memory, not for coherence',
    make: ({ around, Undelivered }) => around(Undelivered, 'bound', () => undefined),
  },
  noReplay: {
    what: 'what Redis confirmed shortly before a connection broke is not made again',
    make: ({ around, Delivered }) => around(Delivered, 'takeAll', () => []),
  },
  recheckKeeps: {
    what: 'the replay of a put leaves what is there',
    plan: 'recheckKeeps',
    make: ({ edit }) => edit('RECHECK', "redis.call('UNLINK', key)", ''),
  },
};

// Mistakes in what tells other processes of changes, and in how far memory is believed.

const SPEAKS = "if ARGV[#ARGV - 1] ~= '' then";

/** Scripts that tell nobody. */
const silent =
  (...scripts) =>
  ({ edit }) => {
    for (const script of scripts) edit(script, SPEAKS, 'if false then');
  };

/** Entries as they are put into memory. */
const onEntry =
  (change) =>
  ({ around, BoundedStore }) =>
    around(BoundedStore, 'set', (_store, set, key, entry) => {
      change(entry);
      return set(key, entry);
    });

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const BUS_BREAKS = {
  noPublish: { what: 'nothing is published', make: silent('EVICT', 'PUT', 'RECHECK', 'EXPIRE', 'CHANGE') },
  evictSilent: { what: 'evictions are not published', make: silent('EVICT') },
  putSilent: { what: 'puts are not published', make: silent('PUT') },
  changeSilent: { what: 'changes of markers are not published', make: silent('CHANGE') },
  expireSilent: { what: 'expirations are not published', make: silent('EXPIRE') },
  recheckSilent: {
    what: 'the replay of puts is not published',
    expected: 'clean',
    why: 'the restart that makes it necessary is a gap for everybody',
    make: silent('RECHECK'),
  },
  patternUntold: {
    what: 'patterns are told only for the keys that Redis has',
    plan: 'patternUntold',
    make: ({ around, RedisRemote }) => around(RedisRemote, 'tell', async () => undefined),
  },
  busNoFlag: {
    what: 'a message does not flag what is under way',
    plan: 'busNoFlag',
    make: ({ around, Incoming }) =>
      around(Incoming, 'key', ({ core: { memory } }, _told, key, _change, version) => {
        if (version === undefined || memory?.peek(key)?.version !== version) memory?.delete(key);
      }),
  },
  overtakenAnyway: {
    what: 'what was read while another process put is kept, whatever was read',
    plan: 'overtakenAnyway',
    make: ({ around, Flights }) =>
      around(Flights, 'outOfDate', (flights, _old, flight, found) =>
        flights.spoiled(flight, found.markers, flight.overtakenBy !== undefined),
      ),
  },
  gapIgnored: {
    what: 'memory is kept when messages may have been missed',
    make: ({ around, Incoming }) => around(Incoming, 'gap', () => undefined),
  },
  gapNoFlag: {
    what: 'messages that may have been missed do not concern what is under way',
    plan: 'gapNoFlag',
    make: ({ around, Incoming }) => around(Incoming, 'gap', ({ core }) => core.memory?.clear()),
  },
  noLease: {
    what: 'memory is believed as long as there is a subscription',
    make({ around, Bus }) {
      around(Bus, 'echoed', (bus, echoed, number) => {
        echoed(number);
        bus.until = Number.POSITIVE_INFINITY;
      });
      around(Bus, 'lost', (bus, lost) => {
        lost();
        if (!bus.subscriber.connected) bus.until = 0;
      });
    },
  },
  leaseFromEcho: {
    what: 'the lease counts from the echo, not from the call',
    make: ({ around, Bus }) =>
      around(Bus, 'echoed', (bus, echoed, number) => {
        const known = bus.awaited.has(number) && bus.subscribed;
        echoed(number);
        if (known) bus.until = bus.clock.now() + bus.bound;
      }),
  },
  setBackIgnored: {
    what: 'a clock that is set back prolongs the lease',
    plan: 'setBackIgnored',
    make: ({ around, Bus }) => around(Bus, 'endLease', () => undefined),
  },
  silenceEndless: {
    what: 'a connection that says nothing is not ended',
    make: ({ around, Bus }) => around(Bus, 'endSilence', () => undefined),
  },
  blindForever: {
    what: 'what was loaded here is believed without a lease, without end',
    make: onEntry((entry) => {
      if (entry.believedUntil > 0) entry.believedUntil = Number.POSITIVE_INFINITY;
    }),
  },
  noBlindLife: {
    what: 'memory is not believed without a lease at all',
    expected: 'clean',
    why: 'it costs availability, not coherence',
    make: onEntry((entry) => {
      entry.believedUntil = 0;
    }),
  },
  joinWithoutTrust: {
    what: 'loads are shared however old they are, also without a lease',
    plan: 'joinWithoutTrust',
    make: ({ around, ReadPath }) =>
      around(ReadPath, 'leader', ({ core }, _leader, key, policy) =>
        policy.strong ? undefined : core.flights.joinable(key),
      ),
  },
};

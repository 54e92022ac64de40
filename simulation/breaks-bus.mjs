// Mistakes in what tells other processes of changes, and in how far memory is believed.

const bus = true;
const SPEAKS = "if ARGV[#ARGV - 1] ~= '' then";

/** Entries as they are put into memory. */
const onEntry =
  (change) =>
  async ({ built, replace }) => {
    const { LruStore } = await built('tiers/memory/lru-store.js');
    replace(
      LruStore,
      'set',
      (set) =>
        function (key, entry) {
          change(entry);
          return set.call(this, key, entry);
        },
    );
  };

const silent =
  (...scripts) =>
  ({ edit }) => {
    for (const script of scripts) edit(script, SPEAKS, 'if false then');
  };

const inBus = (make) => async (inside) => {
  const { Bus } = await inside.built('tiers/redis/bus.js');
  make({ ...inside, Bus });
};

const inIncoming = (make) => async (inside) => {
  const { Incoming } = await inside.built('engine/incoming.js');
  make({ ...inside, Incoming });
};

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const BUS_BREAKS = {
  noLease: {
    bus,
    what: 'memory is believed as long as there is a subscription',
    make: inBus(({ Bus, replace }) => {
      replace(
        Bus,
        'echoed',
        (echoed) =>
          function (number) {
            echoed.call(this, number);
            this.until = Number.POSITIVE_INFINITY;
          },
      );
      replace(
        Bus,
        'lost',
        (lost) =>
          function () {
            lost.call(this);
            if (!this.subscriber.connected) this.until = 0;
          },
      );
    }),
  },
  leaseFromEcho: {
    bus,
    what: 'the lease counts from the echo, not from the call',
    make: inBus(({ Bus, replace }) =>
      replace(
        Bus,
        'echoed',
        (echoed) =>
          function (number) {
            const known = this.awaited.has(number) && this.subscribed;
            echoed.call(this, number);
            if (known) this.until = this.clock.now() + this.bound;
          },
      ),
    ),
  },
  setBackIgnored: {
    bus,
    what: 'a clock that is set back prolongs the lease',
    make: inBus(({ Bus, replace }) => replace(Bus, 'endLease', () => () => undefined)),
  },
  silenceEndless: {
    bus,
    what: 'a connection that says nothing is not ended',
    make: inBus(({ Bus, replace }) => replace(Bus, 'endSilence', () => () => undefined)),
  },
  blindForever: {
    bus,
    what: 'what was loaded here is believed without a lease, without end',
    make: onEntry((entry) => {
      if (entry.believedUntil > 0) entry.believedUntil = Number.POSITIVE_INFINITY;
    }),
  },
  noBlindLife: {
    bus,
    what: '(memory is not believed without a lease at all)',
    expected: 'clean',
    make: onEntry((entry) => {
      entry.believedUntil = 0;
    }),
  },
  joinWithoutTrust: {
    bus,
    what: 'loads are shared however old they are, also without a lease',
    make: ({ replace, ReadPath }) =>
      replace(
        ReadPath,
        'leader',
        () =>
          function (key, policy) {
            return policy.strong ? undefined : this.core.flights.joinable(key);
          },
      ),
  },
  noPublish: { bus, what: 'nothing is published', make: silent('EVICT', 'PUT', 'RECHECK', 'EXPIRE', 'CHANGE') },
  evictSilent: { bus, what: 'evictions are not published', make: silent('EVICT') },
  putSilent: { bus, what: 'puts are not published', make: silent('PUT') },
  changeSilent: { bus, what: 'changes of markers are not published', make: silent('CHANGE') },
  expireSilent: { bus, what: 'expirations are not published', make: silent('EXPIRE') },
  recheckSilent: { bus, what: 'the replay of puts is not published', expected: 'clean', make: silent('RECHECK') },
  patternUntold: {
    bus,
    what: 'patterns are told only for the keys that Redis has',
    make: ({ replace, RedisRemote }) => replace(RedisRemote, 'tell', () => async () => undefined),
  },
  busNoFlag: {
    bus,
    what: 'a message does not flag what is under way',
    make: inIncoming(({ Incoming, replace }) =>
      replace(
        Incoming,
        'key',
        () =>
          function (key, _change, version) {
            if (version === undefined || this.core.memory?.peek(key)?.version !== version)
              this.core.memory?.delete(key);
          },
      ),
    ),
  },
  overtakenAnyway: {
    bus,
    what: 'what was read while another process put is kept, whatever was read',
    make: ({ replace, Flights }) =>
      replace(
        Flights,
        'outOfDate',
        () =>
          function (flight, found) {
            return this.spoiled(flight, found.markers, flight.overtakenBy !== undefined);
          },
      ),
  },
  gapIgnored: {
    bus,
    what: 'memory is kept when messages may have been missed',
    make: inIncoming(({ Incoming, replace }) => replace(Incoming, 'gap', () => () => undefined)),
  },
  gapNoFlag: {
    bus,
    what: 'messages that may have been missed do not concern what is under way',
    make: inIncoming(({ Incoming, replace }) =>
      replace(
        Incoming,
        'gap',
        () =>
          function () {
            this.core.memory?.clear();
          },
      ),
    ),
  },
  lateUnchecked: {
    bus,
    what: 'values with late tags are stored unchecked',
    make: ({ replace, Flights }) =>
      replace(
        Flights,
        'spoiled',
        (spoiled) =>
          function (flight, _late, despite) {
            return spoiled.call(this, flight, undefined, despite);
          },
      ),
  },
  lateNoSync: {
    bus,
    what: 'late tags are checked without waiting for the echo',
    make: ({ replace, RedisRemote }) => replace(RedisRemote, 'settle', () => async () => undefined),
  },
  noReplay: {
    bus,
    what: 'what Redis confirmed shortly before a connection broke is not made again',
    async make({ built, replace }) {
      const { Delivered } = await built('tiers/redis/delivered.js');
      replace(Delivered, 'takeAll', () => () => []);
    },
  },
  recheckKeeps: {
    bus,
    what: 'the replay of a put leaves what is there',
    make: ({ edit }) => edit('RECHECK', "redis.call('UNLINK', key)", ''),
  },
};

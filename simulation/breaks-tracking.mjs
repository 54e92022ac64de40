// Mistakes in what the server tells of names it tracks. They mean something only with SIMULATION_BUS=tracking, where other
// programs change Redis, too.

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const TRACKING_BREAKS = {
  touchedIgnored: {
    what: 'what the server tells of an entry is ignored',
    make: ({ around, Incoming }) => around(Incoming, 'touched', () => {}),
  },
  touchedFlights: {
    what: 'what the server tells of an entry does not concern what is under way',
    make: ({ around, Flights }) => around(Flights, 'touch', () => {}),
  },
  notRead: {
    what: 'scripts do not read their keys again, so that a write ends the tracking',
    make: ({ around, RedisCommands }) => around(RedisCommands, 'variantOf', (_commands, _original, script) => script),
  },
  markersNotSeen: {
    what: 'a marker with another value than it had is not noticed',
    make: ({ around, MarkerWatch }) => around(MarkerWatch, 'observe', () => {}),
  },
  markersNotLookedAt: {
    what: 'what the server tells of a marker is ignored',
    make: ({ around, RedisRemote }) => around(RedisRemote, 'lookAt', async () => {}),
  },
  notBegunAnew: {
    what: 'tracking is not begun anew with a new command connection, and nobody looks whether it is there',
    make({ around, Bus, Tracking }) {
      around(Bus, 'connected', async (bus) => {
        if (bus.tracking) bus.tracking.armed = true;
        await bus.speak();
      });
      around(Tracking, 'intact', async () => true);
    },
  },
};

// Mistakes in what makes entries stale together: markers, epochs, late tags.

const MARK_CREATES = 'local found = setIfAbsent(key, value, life, isOurs)\n  if found and';
const MARK_READS = "local found = redis.call('GET', key)\n  if found and";
const ZERO = '0'.repeat(32);

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const MARKER_BREAKS = {
  markersAfterLoad: {
    what: 'the markers known before a load are read after it',
    plan: 'markersAfterLoad',
    make({ around, Loading, markerLife }) {
      for (const name of ['fillAndEnd', 'fillOrAdopt'])
        around(Loading, name, async ({ core }, store, flight, value, policy, permit) => {
          const life = markerLife(policy);
          const markers = await core.remote.mark(flight.markers, life).catch(() => permit.markers);
          return store(flight, value, policy, { ...permit, markers });
        });
    },
  },
  missingIsZero: {
    what: 'a missing marker is version zero: loads make none',
    make({ edit, around, RedisRemote }) {
      edit('MARK', MARK_CREATES, MARK_READS);
      edit('MARK', 'answers[i] = found or value', `answers[i] = found or '${ZERO}'`);
      edit('CHANGE', "redis.call('UNLINK', key)", "redis.call('SET', key, ARGV[i + 1], 'PX', 10000)");
      around(RedisRemote, 'read', async (_remote, read, ...args) => {
        const { entry, markers } = await read(...args);
        return { entry, markers: markers.map((marker) => marker ?? ZERO) };
      });
    },
  },
  markersByFill: {
    what: 'missing markers are made when the value is stored, not before the load',
    plan: 'markersByFill',
    make({ edit, around, RedisRemote, decodeEntry }) {
      edit('MARK', MARK_CREATES, MARK_READS);
      around(RedisRemote, 'fill', async ({ connection, names }, fill, key, token, bytes, life) => {
        const { markers, markerValues } = decodeEntry(Buffer.from(bytes));
        for (const [i, name] of markers.entries())
          await connection.send('SET', [names.marker(name), markerValues[i], 'NX', 'PX', 2 * life]);
        return fill(key, token, bytes, life);
      });
    },
  },
  markersRemembered: {
    what: 'versions of markers are remembered, and loads take them from there too',
    make({ around, RedisRemote, Incoming }) {
      const known = new WeakMap();
      const of = (remote) => known.get(remote) ?? known.set(remote, new Map()).get(remote);
      const ask = async (remote, names, fetch) => {
        if (names.every((name) => of(remote).has(name))) return names.map((name) => of(remote).get(name));
        const values = await fetch();
        for (const [i, name] of names.entries()) if (values[i] !== null) of(remote).set(name, values[i]);
        return values;
      };
      around(RedisRemote, 'mark', (remote, mark, names, life) => ask(remote, names, () => mark(names, life)));
      around(RedisRemote, 'read', async (remote, read, key, names) => {
        const { entry, markers } = await read(key, names);
        return { entry, markers: await ask(remote, names, () => markers) };
      });
      around(RedisRemote, 'change', (remote, change, names, ...rest) => {
        const forget = () => {
          for (const name of names) of(remote).delete(name);
        };
        forget();
        return change(names, ...rest).finally(forget);
      });
      around(Incoming, 'marker', ({ core }, told, name, ...rest) => {
        of(core.remote).delete(name);
        told(name, ...rest);
      });
      around(Incoming, 'gap', ({ core }, gap) => {
        of(core.remote).clear();
        gap();
      });
    },
  },
  noMarkers: {
    what: 'markers are not compared',
    make({ around, RedisRemote, Epochs, decodeEntry }) {
      const then = new Map();
      around(RedisRemote, 'read', async (_remote, read, key, names) => {
        const { entry, markers } = await read(key, names);
        const stored = entry === null ? undefined : decodeEntry(entry);
        if (stored?.kind === 'value')
          for (const [i, name] of stored.markers.entries()) then.set(name, stored.markerValues[i]);
        return { entry, markers: markers.map((marker, i) => then.get(names[i]) ?? marker) };
      });
      around(Epochs, 'since', () => 'valid');
    },
  },
  epochsIgnored: {
    what: 'what the process itself changed by markers is not remembered',
    make: ({ around, Epochs }) => around(Epochs, 'since', () => 'valid'),
  },
  epochAtInsert: {
    what: 'an entry belongs to the epoch in which it is stored',
    make: ({ around, Flights }) =>
      around(Flights, 'spoiled', (_flights, _spoiled, flight, _late, despiteFlag) => flight.flagged && !despiteFlag),
  },
  lateUnchecked: {
    what: 'values with late tags are stored unchecked',
    make: ({ around, Flights }) =>
      around(Flights, 'spoiled', (_flights, spoiled, flight, _late, despite) => spoiled(flight, undefined, despite)),
  },
  lateNoSync: {
    what: 'late tags are checked without waiting for the echo',
    plan: 'lateNoSync',
    make: ({ around, RedisRemote }) => around(RedisRemote, 'settle', async () => true),
  },
};

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ALL, Epochs } from '../../src/engine/epochs.js';
import { type Flight, Flights } from '../../src/engine/flights.js';

function setUp(): { epochs: Epochs; flights: Flights; load: (key: string, markers?: string[]) => Flight } {
  const epochs = new Epochs();
  const flights = new Flights(epochs, { now: () => 0 });
  const load = (key: string, markers = [ALL, 't:sale']): Flight => {
    const flight = flights.start(key, markers);
    flight.shared = Promise.resolve();
    return flight;
  };
  return { epochs, flights, load };
}

describe('a flight', () => {
  it('can be joined while it loads, by callers of its key', () => {
    const { flights, load } = setUp();
    const flight = load('a');
    expect(flights.joinable('a')).toBe(flight);
    expect(flights.joinable('b')).toBeUndefined();
    flights.end(flight);
    expect(flights.joinable('a')).toBeUndefined();
  });

  it('that loads nothing cannot be joined, and hides none that does', () => {
    const { flights, load } = setUp();
    const flight = load('a');
    flights.start('a', [ALL]);
    expect(flights.joinable('a')).toBe(flight);
  });

  it('takes no callers and stores nothing once its key was changed', () => {
    const { flights, load } = setUp();
    const [before, other] = [load('a'), load('b')];
    flights.flag('a', { dead: true, called: true });
    const after = load('a');
    expect([before, other, after].map((flight) => flights.spoiled(flight))).toEqual([true, false, false]);
    expect(flights.joinable('a')).toBe(after);
  });

  it('takes no callers and stores nothing once one of its markers was changed, also if it only expired', () => {
    for (const kind of ['dead', 'expired'] as const) {
      const { epochs, flights, load } = setUp();
      const flight = load('a');
      epochs.change('t:other', kind);
      expect(flights.spoiled(flight)).toBe(false);
      epochs.change('t:sale', kind);
      expect(flights.spoiled(flight)).toBe(true);
      expect(flights.joinable('a')).toBeUndefined();
    }
  });

  it('stores nothing if a tag was changed that only its result told', () => {
    const { epochs, flights, load } = setUp();
    const flight = load('a');
    epochs.change('t:late', 'dead');
    expect(flights.spoiled(flight)).toBe(false);
    expect(flights.spoiled(flight, ['t:late'])).toBe(true);
    expect(flights.spoiled(load('a'), ['t:late'])).toBe(false);
  });

  it('of a writer is not spoiled by its own change of the key', () => {
    const { flights, load } = setUp();
    const [reader, writer] = [load('a'), load('a')];
    flights.flag('a', { dead: true, called: false }, writer);
    expect([reader.flagged, writer.flagged]).toEqual([true, false]);
  });

  it('may be flagged with all whose keys match', () => {
    const { flights, load } = setUp();
    const all = [load('a:1'), load('a:2'), load('a:2'), load('b:1')];
    flights.flagWhere((key) => key.startsWith('a:'), { dead: true, called: true });
    expect(all.map((flight) => flight.flagged)).toEqual([true, true, true, false]);
  });

  it('ends once, however often it is told to', () => {
    const { flights, load } = setUp();
    const [first, second] = [load('a'), load('a')];
    flights.end(first);
    flights.end(first);
    expect([flights.count, flights.has('a'), flights.joinable('a')]).toEqual([1, true, second]);
    flights.end(second);
    flights.end(second);
    expect([flights.count, flights.has('a')]).toEqual([0, false]);
  });
});

describe('the flights of a cache', () => {
  it('are exactly those that began and did not end, in whatever order they do', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b'), end: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { flights, load } = setUp();
        let open: Flight[] = [];
        for (const { key, end, which } of steps) {
          const chosen = open[which % Math.max(1, open.length)];
          if (end && chosen) {
            flights.end(chosen);
            open = open.filter((flight) => flight !== chosen);
          } else {
            open.push(load(key));
          }
          expect(flights.count).toBe(open.length);
          for (const name of ['a', 'b']) {
            const own = open.filter((flight) => flight.key === name);
            expect(flights.has(name)).toBe(own.length > 0);
            expect(flights.joinable(name)).toBe(own.at(-1));
          }
        }
        flights.flag('a', { dead: true, called: true });
        expect(open.every((flight) => flight.flagged === (flight.key === 'a'))).toBe(true);
      }),
    );
  });
});

import { indexOf, product } from './product.mjs';

/** How long the pretended database takes. */
const ROUND_TRIP_MS = 2;

/**
 * The source of truth behind the caches: counts its calls and answers after a round trip. Calls of one tick share a
 * timer, so that a thousand of them cost the harness next to nothing.
 */
export function createSource() {
  /** @type {Promise<void> | undefined} */
  let roundTrip;
  const source = {
    loads: 0,
    /** @param {string} key */
    load: async (key) => {
      source.loads++;
      if (!roundTrip) {
        roundTrip = new Promise((resolve) => setTimeout(resolve, ROUND_TRIP_MS));
        setImmediate(() => {
          roundTrip = undefined;
        });
      }
      await roundTrip;
      return product(indexOf(key));
    },
  };
  return source;
}

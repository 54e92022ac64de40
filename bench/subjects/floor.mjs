/** The floor: an async function around Map.get. No bound, no expiry, no statistics: what `await` itself costs. */
/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ load }) {
  const map = new Map();
  return {
    read: async (key) => {
      const value = map.get(key);
      if (value !== undefined) return value;
      const loaded = await load(key);
      map.set(key, loaded);
      return loaded;
    },
    write: (key, value) => map.set(key, value),
    close: () => map.clear(),
  };
}

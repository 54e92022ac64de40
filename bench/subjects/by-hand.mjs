/**
 * Row 3, for orientation: what the parts of a caching decorator cost when written by hand around a Map. The baseline
 * is the same lookup with a ready-made key.
 */
import { keyOf } from '../lib/product.mjs';

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export function open({ variant, maxEntries, load }) {
  const map = new Map();
  const ready = Array.from({ length: maxEntries }, (_, id) => keyOf(id));
  const lookUp = async (key, id) => {
    const value = map.get(key);
    if (value !== undefined) return value;
    const loaded = await load(ready[id]);
    map.set(key, loaded);
    return loaded;
  };
  const baseline = (id) => lookUp(ready[id], id);
  const decorated = {
    proxy: new Proxy(baseline, { apply: (target, self, args) => Reflect.apply(target, self, args) }),
    template: (id) => lookUp(`product:${id}`, id),
    stringify: (...args) => lookUp(`Products.find:${JSON.stringify(args)}`, args[0]),
  }[variant];
  return { baseline, decorated, close: () => map.clear() };
}

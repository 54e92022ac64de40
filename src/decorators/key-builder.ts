import { type CacheKey, type EncodedKey, encodeKey, encodeParts } from '../engine/key.js';
import { encodePart } from '../engine/key-part.js';
import { configOf } from './metadata.js';

export type KeyBuilder = (args: unknown[]) => EncodedKey;

/** How many encoded arguments a builder remembers. */
const REMEMBERED = 4096;

/** Makes keys for a method of a class: from its `key` option, else from the names of class and method and all arguments. */
export function keyBuilder(
  type: Function,
  method: string | symbol,
  key: CacheKey | ((...args: never[]) => CacheKey) | undefined,
): KeyBuilder {
  const { keyPrefix } = configOf(type);
  const head = keyPrefix === undefined ? '' : encodePart(keyPrefix);
  if (key === undefined) {
    const name = `${encodePart(type.name)}.${encodePart(String(method))}`;
    return fromArguments(head === '' ? name : `${head}:${name}`);
  }
  const encode = prefixed(head);
  if (typeof key !== 'function') {
    const fixed = encode(key);
    return () => fixed;
  }
  return (args) => encode(key(...(args as never[])));
}

function prefixed(head: string): (key: CacheKey) => EncodedKey {
  if (head === '') return encodeKey;
  return (key) => (typeof key === 'string' ? encodeKey(`${head}:${key}`) : encodeParts(head, key));
}

/**
 * The default key. The text of a single primitive argument is remembered: looking it up costs a fifth of building it,
 * and the same string object makes the look-up in memory cheaper too.
 */
function fromArguments(head: string): KeyBuilder {
  const remembered = new Map<unknown, EncodedKey>();
  return (args) => {
    if (args.length !== 1) return encodeParts(head, args);
    const argument = args[0];
    const known = remembered.get(argument);
    if (known !== undefined) return known;
    const key = encodeParts(head, args);
    if (typeof argument === 'string' || typeof argument === 'number') {
      if (remembered.size >= REMEMBERED) remembered.clear();
      // -0 and 0 are one key of a Map and one of ours; NaN finds itself in both.
      remembered.set(argument, key);
    }
    return key;
  };
}

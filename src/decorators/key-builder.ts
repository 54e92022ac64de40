import { CacheKeyError, CacheOptionsError } from '../cache.errors.js';
import { type CacheKey, type EncodedKey, encodeKey, encodeParts } from '../engine/key.js';
import { encodePart } from '../engine/key-part.js';
import { configOf } from './metadata.js';

export type KeyBuilder = (args: readonly unknown[]) => EncodedKey;

/** The method that keys are made for. */
export interface KeySite {
  /** The class of the instance: a class that extends the one which declares the method has keys of its own. */
  type: Function;
  /** Of the class that declares the method. */
  prototype: object;
  method: string | symbol;
  /** What errors call it. */
  where: string;
}

/** How many encoded arguments a builder remembers. */
const REMEMBERED = 4096;

/** Makes keys for a method of a class: from its `key` option, else from the names of class and method and all arguments. */
export function keyBuilder(site: KeySite, key: CacheKey | ((...args: never[]) => CacheKey) | undefined): KeyBuilder {
  if (key === undefined) return fromArguments(defaultKeyOf(site), site.where);
  const encode = prefixed(headOf(site.type));
  if (typeof key === 'function') {
    return (args) => {
      try {
        return encode(key(...(args as never[])));
      } catch (error) {
        throw located(error, site.where);
      }
    };
  }
  const fixed = fixedKey(key, encode);
  return () => fixed;
}

/** What the default keys of a method begin with. An overridden method that is called by `super` is not the one that overrides it. */
export function defaultKeyOf({ type, prototype, method }: Omit<KeySite, 'where'>): EncodedKey {
  const head = headOf(type);
  const base = declares(type.prototype as object, method) === prototype ? '' : `${prototype.constructor.name}/`;
  const name = `${encodePart(type.name)}.${base}${encodePart(String(method))}`;
  return head === '' ? name : `${head}:${name}`;
}

/** The class level on which a call of the method ends up. */
function declares(prototype: object | null, method: string | symbol): object | null {
  let level = prototype;
  while (level && !Object.hasOwn(level, method)) level = Object.getPrototypeOf(level) as object | null;
  return level;
}

function headOf(type: Function): EncodedKey {
  const { keyPrefix } = configOf(type);
  return keyPrefix === undefined ? '' : encodePart(keyPrefix);
}

function prefixed(head: string): (key: CacheKey) => EncodedKey {
  if (head === '') return encodeKey;
  return (key) => (typeof key === 'string' ? encodeKey(`${head}:${key}`) : encodeParts(head, key));
}

/**
 * The default key. The text of a single primitive argument is remembered: looking it up costs a fifth of building it,
 * and the same string object makes the look-up in memory cheaper too.
 */
function fromArguments(head: string, where: string): KeyBuilder {
  const remembered = new Map<unknown, EncodedKey>();
  const encode = (args: readonly unknown[]): EncodedKey => {
    try {
      return encodeParts(head, args);
    } catch (error) {
      throw located(error, where);
    }
  };
  return (args) => {
    if (args.length !== 1) return encode(args);
    const argument = args[0];
    const known = remembered.get(argument);
    if (known !== undefined) return known;
    const key = encode(args);
    if (typeof argument === 'string' || typeof argument === 'number') {
      if (remembered.size >= REMEMBERED) remembered.clear();
      // -0 and 0 are one key of a Map and one of ours; NaN finds itself in both.
      remembered.set(argument, key);
    }
    return key;
  };
}

/** A key that does not depend on the call. One that cannot be used is an error of the options, found at boot. */
function fixedKey(key: CacheKey, encode: (key: CacheKey) => EncodedKey): EncodedKey {
  try {
    return encode(key);
  } catch (error) {
    if (!(error instanceof CacheKeyError)) throw error;
    throw new CacheOptionsError([{ option: 'key', value: key, remedy: error.message }]);
  }
}

/** Says in a key error which method it is about. Errors of the app's own functions stay as they are. */
function located(error: unknown, where: string): unknown {
  if (!(error instanceof CacheKeyError)) return error;
  const problem = error.message.slice(0, -error.remedy.length - 1);
  return new CacheKeyError(`${where}: ${problem}`, error.remedy, error);
}

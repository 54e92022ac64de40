import type { Binding } from './binding.js';
import type { CacheConfigOptions } from './types.js';

/** What a decorator says of its method. */
export interface MethodInfo {
  decorator: 'Cacheable' | 'CacheableMany' | 'CachePut' | 'CacheEvict' | 'Fallback' | 'UseFallback';
  method: string | symbol;
  cache: string | undefined;
  policy: string | undefined;
  /** It has no `key`: its keys begin with the names of class and method. */
  defaultKey: boolean;
  /** It keeps last good answers, under keys that begin with the names of class and method. */
  keepsLast?: boolean;
  /** It writes to a database: never left out, not even at shutdown. */
  durable?: boolean;
  /** Declared to return an `Observable`, it may give all of its values, not only the last one. */
  streams?: boolean;
}

/** A decorated method, for the checks at boot. */
export interface DecoratedMethod extends MethodInfo {
  /** Of the class that declares it. */
  prototype: object;
  /** Makes it ready for a class of an app. Throws when its options cannot be used. */
  prepare(binding: Binding, type: Function): unknown;
}

const methods = new WeakMap<object, DecoratedMethod[]>();
const configs = new WeakMap<Function, CacheConfigOptions>();

export function addMethod(prototype: object, method: DecoratedMethod): void {
  const list = methods.get(prototype);
  if (list) list.push(method);
  else methods.set(prototype, [method]);
}

/** The decorated methods of a class, its own and inherited ones. */
export function methodsOf(prototype: object | null): DecoratedMethod[] {
  const found: DecoratedMethod[] = [];
  for (let level = prototype; level && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    found.push(...(methods.get(level) ?? []));
  }
  return found;
}

/** A decorated method as errors call it. */
export function whereIs({ decorator, method }: MethodInfo, type: Function): string {
  return `@${decorator} of ${type.name}.${String(method)}`;
}

export function setConfig(type: Function, config: CacheConfigOptions): void {
  configs.set(type, config);
}

/** The class's `@CacheConfig`, completed by those of the classes it extends. */
export function configOf(type: Function): CacheConfigOptions {
  const base: unknown = Object.getPrototypeOf(type);
  const inherited = typeof base === 'function' ? configOf(base) : {};
  const own = configs.get(type);
  if (!own) return inherited;
  const { cache, keyPrefix, tags } = inherited;
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  // A policy means all of it: an inherited ttl would take the place of the policy's otherwise.
  return { ...(own.policy === undefined ? inherited : { cache, keyPrefix, tags }), ...said };
}

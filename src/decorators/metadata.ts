import type { CacheConfigOptions } from './types.js';

/** A decorated method, for the checks at boot and `explain`-like tools. */
export interface DecoratedMethod {
  decorator: 'Cacheable' | 'CacheableMany' | 'CachePut' | 'CacheEvict';
  method: string | symbol;
  cache: string | undefined;
  policy: string | undefined;
  /** It has no `key`: its keys begin with the names of class and method. */
  defaultKey: boolean;
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

export function setConfig(type: Function, config: CacheConfigOptions): void {
  configs.set(type, config);
}

/** The class's `@CacheConfig`, else that of the nearest class it extends. */
export function configOf(type: Function): CacheConfigOptions {
  for (let level: unknown = type; typeof level === 'function'; level = Object.getPrototypeOf(level)) {
    const config = configs.get(level);
    if (config) return config;
  }
  return {};
}

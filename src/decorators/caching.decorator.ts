import { CacheEvict, type CacheEvictOptions } from './cache-evict.decorator.js';
import { CachePut, type CachePutOptions } from './cache-put.decorator.js';
import { Cacheable, type CacheableOptions } from './cacheable.decorator.js';
import type { DecoratorFor, Method, PlainDecorator, ResultOf } from './types.js';

type OneOrMore<T> = T | readonly T[];

/** Options of `@Caching`. */
export interface CachingOptions<M extends Method> {
  cacheable?: OneOrMore<CacheableOptions<Parameters<M>, ResultOf<M>>>;
  put?: OneOrMore<CachePutOptions<Parameters<M>, ResultOf<M>>>;
  evict?: OneOrMore<CacheEvictOptions<Parameters<M>, ResultOf<M>>>;
}

/** Several cache decorators on one method. From the inside: `cacheable`, then `put`, then `evict`. */
export function Caching<M extends Method>(options: CachingOptions<M>): DecoratorFor<M>;
export function Caching({ cacheable, put, evict }: CachingOptions<Method>): PlainDecorator {
  return (prototype, name, descriptor) => {
    for (const one of list(cacheable)) Cacheable(one)(prototype, name, descriptor);
    for (const one of list(put)) CachePut(one)(prototype, name, descriptor);
    for (const one of list(evict)) CacheEvict(one)(prototype, name, descriptor);
  };
}

function list<T>(options: OneOrMore<T> | undefined): readonly T[] {
  return options === undefined ? [] : Array.isArray(options) ? (options as readonly T[]) : [options as T];
}

import type { LoadOptions } from '../engine/policy.js';
import { setConfig } from './metadata.js';

/** Defaults for the decorated methods of a class. What a method says itself counts. */
export interface CacheConfigOptions extends Omit<LoadOptions, 'tags'> {
  /** The named cache to use. Default: that of `CacheModule.forRoot`. */
  cache?: string;
  /** Put before all keys of the class, as first segment: `'product'` makes `['product', ...key]`. */
  keyPrefix?: string;
  /** Given to everything the class stores, beside the method's own tags. */
  tags?: readonly string[];
}

/** Class decorator: defaults for its `@Cacheable`, `@CachePut` and `@CacheEvict` methods, also in classes that extend it. */
export function CacheConfig(options: CacheConfigOptions): ClassDecorator {
  return (type) => setConfig(type, options);
}

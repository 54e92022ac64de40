import { setConfig } from './metadata.js';
import type { CacheConfigOptions } from './types.js';

/** Class decorator: defaults for its `@Cacheable`, `@CachePut` and `@CacheEvict` methods, also in classes that extend it. */
export function CacheConfig(options: CacheConfigOptions): ClassDecorator {
  return (type) => setConfig(type, options);
}

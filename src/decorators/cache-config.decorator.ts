import { setConfig } from './metadata.js';
import type { CacheConfigOptions } from './types.js';

/**
 * Class decorator: defaults for its decorated methods, also in classes that extend it. A class that extends one with a
 * `@CacheConfig` and has one itself changes what it names and leaves the rest.
 */
export function CacheConfig(options: CacheConfigOptions): ClassDecorator {
  return (type) => setConfig(type, options);
}

import { DEFAULT_CACHE } from './cache.resolve.js';
import { CacheService } from './cache.service.js';

/** The options of `forRoot`, as the app passed them. */
export const CACHE_OPTIONS = Symbol('nestjs-strata.options');

/** Injection token of a cache: `CacheService` itself, or that of a named cache. */
export function getCacheToken(name: string = DEFAULT_CACHE): string | typeof CacheService {
  return name === DEFAULT_CACHE ? CacheService : `nestjs-strata.cache.${name}`;
}

import { Inject } from '@nestjs/common';
import { getCacheToken } from '../cache.tokens.js';

/** Injects a cache as `CacheService`: the one of `forRoot`, or by name one of `CacheModule.register({ name })`. */
export function InjectCache(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheToken(name));
}

import { whereIs } from '../decorators/metadata.js';
import type { DecoratorFor, Method, PlainDecorator, ResultOf } from '../decorators/types.js';
import { wrapMethod } from '../decorators/wrap-method.js';
import { type FallbackOptions, prepareFallback } from './fallback.method.js';

/**
 * When the method fails, or takes too long, backups answer in its place: methods of other providers, in their order. If
 * none does, the last good answer (`serveStale`), else the method's own error, whose `cause` is an `AllSourcesFailedError`. Errors
 * that are answers (4xx) go to the caller at once. The method should return a promise; callers always get one. Of an
 * `Observable` the last value is the answer.
 *
 * Below `@Cacheable` (the usual place) it is the load that falls back: backups before a stale value, and what a backup gave
 * lives shorter. Above it, a stale value comes before backups, and what these give is not cached.
 *
 * @example
 * ```ts
 * @Cacheable({ key: (id) => ['product', id], ttl: '5m', grace: '1h' })
 * @Fallback({ to: [ReplicaCatalogue, SnapshotCatalogue], timeout: '200ms' })
 * async find(id: string): Promise<Product> { ... }
 * ```
 */
export function Fallback<M extends Method>(options: FallbackOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function Fallback(options: FallbackOptions<never[], never>): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache, serveStale } = options;
    const base = { decorator: 'Fallback', method, cache, policy: undefined, defaultKey: false } as const;
    const info = { ...base, keepsLast: serveStale !== undefined };
    wrapMethod(prototype, descriptor, info, (binding, type) => {
      const where = whereIs(info, type);
      return prepareFallback(binding, type, options, { prototype, method, where, handler: false, lenient: false });
    });
  };
}

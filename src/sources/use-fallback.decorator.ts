import { UseInterceptors } from '@nestjs/common';
import { whereIs } from '../decorators/metadata.js';
import { wrapMethod } from '../decorators/wrap-method.js';
import { FallbackInterceptor } from './fallback.interceptor.js';
import { type FallbackOptions, prepareFallback } from './fallback.method.js';

/** Marks handlers that have a fallback of their own. */
const OWN = 'nestjs-strata:fallback';

/** What Nest's packages put on handlers: HTTP, microservices and gateways, GraphQL. */
const HANDLER_METADATA = [
  'path',
  'microservices:pattern',
  'message',
  'graphql:resolver_type',
  'graphql:resolve_property',
  'graphql:resolver_name',
];

/**
 * For handlers of controllers and resolvers (HTTP, microservices, GraphQL): when one fails, or takes too long, backups answer: methods
 * of other providers, which get the arguments of the handler, in their order. If none does, the last good answer (`serveStale`, with a
 * `key`), else the handler's own error. Errors that are answers (4xx) go to the caller at once. HTTP responses say in `Cache-Status`
 * (RFC 9211) who answered.
 *
 * On a class it holds for all of its handlers that have none of their own; backups without the method of a handler are left out
 * for it. Guards and pipes run before, once; interceptors see a backup's answer as they see the handler's.
 *
 * @example
 * ```ts
 * @Get(':id')
 * @UseFallback({ to: [CATALOGUE_BACKUP], timeout: '300ms', serveStale: '1h', key: (id) => [id] })
 * find(@Param('id') id: string): Promise<Product> { ... }
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: what a handler's parameters are cannot be known here
export function UseFallback<Args extends readonly unknown[] = any[], Result = unknown>(
  options: FallbackOptions<Args, Result>,
): MethodDecorator & ClassDecorator {
  const given = options as unknown as FallbackOptions<never[], never>;
  return ((target: object | Function, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (method !== undefined && descriptor) {
      wrapHandler(target, method, descriptor, given, false);
      UseInterceptors(FallbackInterceptor)(target, method, descriptor);
      return;
    }
    const { prototype } = target as { prototype: object };
    for (const [name, handler] of handlersOf(prototype)) {
      const own: PropertyDescriptor = { value: handler, writable: true, configurable: true, enumerable: false };
      wrapHandler(prototype, name, own, given, true);
      Object.defineProperty(prototype, name, own);
    }
    UseInterceptors(FallbackInterceptor)(target as Function);
  }) as MethodDecorator & ClassDecorator;
}

function wrapHandler(
  prototype: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
  options: FallbackOptions<never[], never>,
  lenient: boolean,
): void {
  const { cache, serveStale } = options;
  const base = { decorator: 'UseFallback', method, cache, policy: undefined, defaultKey: false } as const;
  const info = { ...base, keepsLast: serveStale !== undefined, streams: true };
  wrapMethod(prototype, descriptor, info, (binding, type) => {
    const where = whereIs(info, type);
    return prepareFallback(binding, type, options, { prototype, method, where, handler: true, lenient });
  });
  Reflect.defineMetadata(OWN, true, descriptor.value as object);
}

/** The handlers of a class, inherited ones too, that have no fallback of their own. */
function handlersOf(prototype: object): Map<string | symbol, Function> {
  const handlers = new Map<string | symbol, Function>();
  const seen = new Set<string | symbol>();
  for (let level = prototype; level && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Reflect.ownKeys(level)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const method: unknown = Object.getOwnPropertyDescriptor(level, name)?.value;
      if (typeof method !== 'function' || name === 'constructor' || Reflect.hasMetadata(OWN, method)) continue;
      if (HANDLER_METADATA.some((key) => Reflect.hasMetadata(key, method))) handlers.set(name, method);
    }
  }
  return handlers;
}

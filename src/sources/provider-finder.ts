import { Scope } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ModuleRef } from '@nestjs/core';
import type { ProviderFinder } from './backup.js';

const SCOPES = { [Scope.DEFAULT]: 'static', [Scope.TRANSIENT]: 'transient', [Scope.REQUEST]: 'request' } as const;

/** Looks in all modules of the app. */
export function providerFinder(moduleRef: ModuleRef): ProviderFinder {
  const everywhere = { strict: false } as const;
  return {
    scopeOf: (token) => {
      try {
        return SCOPES[moduleRef.introspect(token as never).scope];
      } catch {
        return undefined; // UnknownElementException: nothing else is thrown here
      }
    },
    get: (token) => moduleRef.get(token as never, everywhere),
    resolve: (token, request) => {
      if (!request) return moduleRef.resolve(token as never, ContextIdFactory.create(), everywhere);
      const id = request.contextId() as ContextId;
      // Where the handler itself does not live as long as the request, Nest has not done this.
      moduleRef.registerRequestByContextId(request.injected, id);
      return moduleRef.resolve(token as never, id, everywhere);
    },
  };
}

import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ContextIdFactory } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { addHeader, cacheStatus, isSent, type ResponseLike } from './cache-status.js';
import { type HandlerRequest, inRequest } from './call-scope.js';

/** Longest id of a request that is taken from outside. */
const LONGEST_ID = 128;

/**
 * What `@UseFallback` needs around a handler: gives its fallback the request's id and providers, and tells in the response who
 * answered. `@UseFallback` brings it along. Bound by hand (`APP_INTERCEPTOR`, `useGlobalInterceptors`) it tells nothing of handlers
 * without `@UseFallback`: fallbacks of services that they call get the request's id.
 */
@Injectable()
export class FallbackInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = requestOf(context);
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse<ResponseLike>() : undefined;
    const tell = (): void => {
      if (response && request.outcome) addHeader(response, cacheStatus(request.outcome));
      request.outcome = undefined;
    };
    // Before the first value (or the error) is made a response.
    return inRequest(request, () => next.handle()).pipe(tap({ next: tell, error: tell, complete: tell }));
  }
}

interface HttpRequest {
  id?: unknown;
  headers?: Record<string, unknown>;
}

function requestOf(context: ExecutionContext): HandlerRequest {
  const http = context.getType() === 'http';
  const injected = injectedOf(context);
  const { req, request = req, reply } = injected as Record<string, { request?: unknown } | undefined>;
  return {
    requestId: idOf((http ? injected : (request ?? reply?.request)) as HttpRequest | undefined),
    injected,
    contextId: () => ContextIdFactory.getByRequest(injected, ['req']),
    isSent: () => http && isSent(context.switchToHttp().getResponse<ResponseLike>()),
    outcome: undefined,
  };
}

/** Of HTTP the request, of GraphQL its context; else what there is. */
function injectedOf(context: ExecutionContext): object {
  const type: string = context.getType();
  if (type === 'http') return context.switchToHttp().getRequest<object>();
  const graphql: unknown = type === 'graphql' ? context.getArgByIndex(2) : undefined;
  if (typeof graphql === 'object' && graphql !== null) return graphql;
  const [data, about]: unknown[] = context.getArgs();
  return { data, context: about };
}

function idOf(request: HttpRequest | undefined): string | undefined {
  const given = request?.headers?.['x-request-id'] ?? request?.id;
  return typeof given === 'string' && /^[\x21-\x7e]+$/.test(given) && given.length <= LONGEST_ID ? given : undefined;
}

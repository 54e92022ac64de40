import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  Inject,
  Optional,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { OverloadError } from './cache.errors.js';

/**
 * Answers an `OverloadError` that a handler lets through with 503 and `Retry-After`. `CacheModule` registers it for the whole app; a
 * filter of the app that catches it on a handler, on a controller or by `app.useGlobalFilters()` comes first.
 */
@Catch(OverloadError)
export class OverloadFilter implements ExceptionFilter<OverloadError> {
  constructor(@Optional() @Inject(HttpAdapterHost) private readonly adapters?: HttpAdapterHost) {}

  catch(error: OverloadError, host: ArgumentsHost): unknown {
    const { retryAfter } = error;
    const message = new ServiceUnavailableException().message;
    switch (host.getType<string>()) {
      case 'http':
        return this.reply(host.switchToHttp().getResponse(), retryAfter);
      case 'rpc':
        return throwError(() => ({ status: 'error', message, retryAfter }));
      case 'ws':
        return host.switchToWs().getClient().emit?.('exception', { status: 'error', message, retryAfter });
      default:
        throw error; // GraphQL and others put errors into their answers themselves
    }
  }

  private reply(response: unknown, retryAfter: number): void {
    const adapter = this.adapters?.httpAdapter;
    if (adapter === undefined) return;
    if (adapter.isHeadersSent(response)) {
      adapter.end(response);
      return;
    }
    const exception = new ServiceUnavailableException();
    adapter.setHeader(response, 'Retry-After', String(retryAfter));
    adapter.reply(response, exception.getResponse(), exception.getStatus());
  }
}

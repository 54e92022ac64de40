import { type ArgumentsHost, Catch, ServiceUnavailableException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import {
  WriteBehindConflictError,
  WriteBehindOverflowError,
  WriteBehindUnavailableError,
} from 'nestjs-strata/write-behind';

/** A write that was not acknowledged is no fault of the customer, nor a bug: 503. */
@Catch(WriteBehindConflictError, WriteBehindOverflowError, WriteBehindUnavailableError)
export class UnavailableFilter extends BaseExceptionFilter {
  override catch(error: Error, host: ArgumentsHost): void {
    const message =
      error instanceof WriteBehindUnavailableError
        ? 'It is not known whether the change was taken: look before you try again'
        : 'The change was not taken: try again later';
    super.catch(new ServiceUnavailableException(message, { cause: error }), host);
  }
}

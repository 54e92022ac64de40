import { CacheError, type CacheErrorCode } from '../cache.errors.js';
import type { Milliseconds } from '../engine/duration.js';

/** Errors of sources have a status for HTTP, in the form of the package http-errors, which Nest understands. */
abstract class SourceError extends CacheError {
  readonly statusCode: number;
  /** The message names sources: clients get that of the status only (from Nest 12 on). */
  readonly expose = false;

  constructor(
    code: CacheErrorCode,
    message: string,
    remedy: string,
    readonly status: 503 | 504,
  ) {
    super(code, message, remedy);
    this.statusCode = status;
  }
}

/** An attempt took longer than the `timeout` of its source. It was told by its signal. */
export class SourceTimeoutError extends SourceError {
  constructor(
    readonly source: string,
    readonly timeout: Milliseconds,
  ) {
    super(
      'CACHE_SOURCE_TIMEOUT',
      `The source "${source}" did not answer within ${timeout} ms.`,
      'Make it faster, raise its timeout, or give the chain another source.',
      504,
    );
  }
}

/** A source was not asked: its breaker is open, or too many wait for it already. Nothing was done. */
export class SourceUnavailableError extends SourceError {
  constructor(
    readonly source: string,
    readonly reason: 'open' | 'full',
  ) {
    const why = reason === 'open' ? 'its breaker is open after too many failures' : 'too many calls wait for it';
    super('CACHE_SOURCE_UNAVAILABLE', `The source "${source}" is not asked: ${why}.`, 'Try again later.', 503);
  }
}

/** Why one source of a chain did not answer. */
export interface SourceFailure {
  source: string;
  error: unknown;
  /** How often it was asked; 0: its breaker was open, or its queue full. */
  attempts: number;
  took: Milliseconds;
}

/** Where errors that cannot have it as their `cause` keep it. */
const kept = new WeakMap<object, AllSourcesFailedError>();

/**
 * No source of a chain answered, and there was no stale value. It is the `cause` of the error that is thrown, the primary's
 * own; see {@link AllSourcesFailedError.of}.
 */
export class AllSourcesFailedError extends SourceError {
  constructor(
    readonly chain: string,
    /** In the order of the sources. */
    readonly failures: readonly SourceFailure[],
  ) {
    const names = failures.map(({ source }) => source).join(', ');
    super(
      'CACHE_ALL_SOURCES_FAILED',
      `No source of "${chain}" answered (${names}).`,
      'error.failures tells why each of them did not; a stale value (grace, serveStale) would have been an answer.',
      503,
    );
  }

  /**
   * What is thrown to the caller: the primary's error, with this as its `cause`. An error that has a cause of its own, is
   * frozen, or is no object stays as it is; {@link of} finds this by it, unless it is no object.
   */
  within(error: unknown): unknown {
    if (typeof error !== 'object' || error === null) return error;
    const { cause } = error as { cause?: unknown };
    if (Object.isExtensible(error) && (cause === undefined || cause instanceof AllSourcesFailedError)) {
      Object.defineProperty(error, 'cause', { value: this, configurable: true, writable: true, enumerable: false });
    } else {
      kept.set(error, this);
    }
    return error;
  }

  /** What is known of an error that a chain threw; `undefined` if it does not come from one. */
  static of(error: unknown): AllSourcesFailedError | undefined {
    if (error instanceof AllSourcesFailedError) return error;
    if (typeof error !== 'object' || error === null) return undefined;
    const { cause } = error as { cause?: unknown };
    return cause instanceof AllSourcesFailedError ? cause : kept.get(error);
  }
}

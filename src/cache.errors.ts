/** What went wrong, for programs. Messages may change between releases, codes do not. */
export type CacheErrorCode =
  | 'CACHE_OPTIONS'
  | 'CACHE_KEY'
  | 'CACHE_TARGET'
  | 'CACHE_UNAVAILABLE'
  | 'CACHE_LOAD_TIMEOUT'
  | 'CACHE_LOAD_BACK_OFF'
  | 'CACHE_OVERLOAD'
  | 'CACHE_SOURCE_TIMEOUT'
  | 'CACHE_SOURCE_UNAVAILABLE'
  | 'CACHE_ALL_SOURCES_FAILED'
  | 'CACHE_ENTRY'
  | 'CACHE_INVALIDATION_RULE'
  | 'CACHE_INVALIDATION_SOURCE'
  | 'WRITE_BEHIND_OVERFLOW'
  | 'WRITE_BEHIND_UNAVAILABLE'
  | 'WRITE_BEHIND_ROW'
  | 'WRITE_BEHIND_CONFLICT'
  | 'WRITE_BEHIND_DEAD_LETTER'
  | 'WRITE_BEHIND_TIMEOUT'
  | 'WRITE_BEHIND_DATABASE';

/** Marks our errors across copies of this package (two versions in one `node_modules`). */
const brand = Symbol.for('nestjs-strata.error');

/** Base of every error this package throws. Its message ends with what to do about it. */
export class CacheError extends Error {
  readonly [brand] = true;

  constructor(
    readonly code: CacheErrorCode,
    message: string,
    /** What the reader can do; appended to the message. */
    readonly remedy: string,
    cause?: unknown,
  ) {
    super(`${message}${message.endsWith('\n') ? '' : ' '}${remedy}`, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
  }

  /** True for errors of this package, also for those of another copy of it. */
  static is(error: unknown): error is CacheError {
    return typeof error === 'object' && error !== null && brand in error;
  }
}

/** One option that cannot be used: where it stands, what it was, what to write instead. */
export interface OptionProblem {
  option: string;
  value: unknown;
  remedy: string;
}

/** A configuration (or the use of a decorator) is wrong. Lists all of its problems at once. */
export class CacheOptionsError extends CacheError {
  constructor(
    readonly problems: readonly OptionProblem[],
    where = 'The cache is configured wrongly',
  ) {
    const lines = problems.map((p) => `  - ${p.option}: ${show(p.value)}. ${p.remedy}`);
    super(
      'CACHE_OPTIONS',
      `${where}:\n${lines.join('\n')}\n`,
      problems.length === 1 ? 'Correct this option.' : `Correct these ${problems.length} options.`,
    );
  }
}

/** A key that cannot address an entry: empty, too long, or made of something that has no stable text form. */
export class CacheKeyError extends CacheError {
  constructor(message: string, remedy: string, cause?: unknown) {
    super('CACHE_KEY', message, remedy, cause);
  }
}

/** `evict`, `expire`: the target is none of key, keys, `{ tags }`, `{ prefix }`, `{ pattern }`. */
export class CacheTargetError extends CacheError {
  constructor(message: string, remedy: string) {
    super('CACHE_TARGET', message, remedy);
  }
}

/** Redis was asked for something that only Redis can answer (a counter, a lease, `mustDeliver`) and did not. */
export class CacheUnavailableError extends CacheError {
  constructor(operation: string, cause?: unknown) {
    super(
      'CACHE_UNAVAILABLE',
      `Redis did not carry out "${operation}"${cause instanceof Error ? ` (${cause.message})` : ''}.`,
      'Try again when it is back; stats().redis and the "error" event tell how it is.',
      cause,
    );
  }
}

/**
 * A load did not settle within `hardTimeout`, and no stale value could stand in. The `stale` event has it as well, also with
 * `softTimeout` as limit.
 */
export class LoadTimeoutError extends CacheError {
  constructor(
    readonly key: string,
    readonly timeout: number,
    readonly limit: 'hardTimeout' | 'softTimeout' = 'hardTimeout',
    aborted = false,
  ) {
    const onward = aborted
      ? 'It was aborted (lateLoads).'
      : 'It goes on in the background, and is stored if it ends before its hold in Redis (hardTimeout + 5 s).';
    super(
      'CACHE_LOAD_TIMEOUT',
      `The load of a cached value took longer than ${limit} (${timeout} ms).`,
      `${onward} Make the source faster, raise ${limit}, or set grace so that a stale value can be served.`,
    );
  }
}

/** Why a stale value is served without a load: another process tried lately, in vain. Only in the `stale` event. */
export class LoadBackOffError extends CacheError {
  constructor(readonly key: string) {
    super(
      'CACHE_LOAD_BACK_OFF',
      'Another process tried to load a cached value in vain.',
      'The next try is due after graceBackoff; the "stale" event of that process has its error.',
    );
  }
}

/**
 * A lane has as much to do as it bears: its queue is full, or the time to wait in it was over. Nothing was run. Over HTTP it
 * is a 503 with `Retry-After`, unless the app says otherwise.
 */
export class OverloadError extends CacheError {
  /** What Nest answers with when no filter knows the error. */
  readonly statusCode = 503;
  /** When it may be tried again, in whole seconds: about the time until those who wait now have been served. */
  readonly retryAfter: number;

  constructor(
    /** The lane: that of a policy, `default` for that of the cache, or the name it was made with. */
    readonly lane: string,
    readonly reason: 'full' | 'deadline',
    /** Until those who wait now have been served, in ms. */
    wait: number,
  ) {
    super(
      'CACHE_OVERLOAD',
      reason === 'full'
        ? `The queue of the lane "${lane}" is full.`
        : `A request waited too long for its turn in the lane "${lane}".`,
      'The source gets more requests than it can answer. Try again later; raise concurrency if it bears more, queue or queueTimeout if callers may wait longer, or set grace so that stale values can be served.',
    );
    this.retryAfter = Math.max(1, Math.ceil(wait / 1_000));
  }
}

/** Bytes or values that this version cannot turn into an entry or back. Never reaches a caller: it becomes a miss and an event. */
export class CacheEntryError extends CacheError {
  constructor(message: string, remedy: string, cause?: unknown) {
    super('CACHE_ENTRY', message, remedy, cause);
  }
}

/** A rule for events (`invalidation`, `@InvalidateOn`) threw, or what it returned is no target. */
export class InvalidationRuleError extends CacheError {
  constructor(
    readonly event: string,
    /** Where the rule stands: `invalidation[0]`, `@InvalidateOn of ProductService.changed`. */
    readonly rule: string,
    cause: unknown,
  ) {
    // Not the message of the cause: it may quote the payload, and this one is logged.
    const kind = CacheError.is(cause)
      ? cause.message
      : cause instanceof Error
        ? cause.name
        : `a thrown ${typeof cause}`;
    super(
      'CACHE_INVALIDATION_RULE',
      `The rule ${rule} failed for the event "${event}": ${kind}.`,
      'Correct its functions; give it a missed target, which is invalidated when they throw. The cause is in error.cause.',
      cause,
    );
  }
}

/** Longest text of a value in a message. */
const SHOWN = 200;

function show(value: unknown): string {
  const text = textOf(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return `[function ${value.name || 'anonymous'}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value) ?? '[object]';
    } catch {
      return '[object that cannot be shown]';
    }
  }
  return String(value);
}

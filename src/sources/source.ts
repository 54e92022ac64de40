import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  CountBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
  type IPolicy,
  type RetryPolicy,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { SourceStats } from '../engine/stats.js';
import { LatencyWindow } from './latency-window.js';
import { FULL, type Limiter, laneLimiter, UNLIMITED } from './limiter.js';
import { SourceTimeoutError, SourceUnavailableError } from './source.errors.js';
import { isForever, type ResolvedSource } from './source.options.js';

/** For tests: where time and randomness come from. */
export interface ChainParts {
  clock?: Clock;
  /** Like `Math.random`: of the delays between retries. */
  random?: () => number;
}

/** What a source is told of the call. */
export interface SourceContext {
  /** Its own name. */
  readonly source: string;
  /** Aborted when the answer is not wanted any more: it took too long, another source was faster, the cache is closed. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** That of the load or request: for logs, and to be passed on. */
  readonly requestId: string;
}

/** One call of a source, with all its attempts. */
export interface SourceCall<T> {
  load(context: SourceContext): T | Promise<T>;
  /** Its answer is not wanted any more. */
  signal: AbortSignal;
  requestId: string;
  /** Nobody waits for it. */
  background: boolean;
  /** Counts the attempts as they begin. */
  attempts: number;
}

/** Rejects calls whose answer is not wanted any more. Counts as nothing. */
export const CANCELLED = Symbol('cancelled');

/**
 * The reason of a signal: another source was faster. If that made the loser slower than it usually is, it counts as a failure for
 * its breaker (like the slow calls of resilience4j): a source that hangs would never time out behind a faster backup.
 */
export const LOST = Symbol('lost');

/** Who calls it, in which order: retry, limit, breaker, timeout, attempt. Policies are those of cockatiel. */
export class Source {
  private readonly limiter: Limiter;
  private readonly breaker: CircuitBreakerPolicy | undefined;
  private readonly retrying: RetryPolicy | undefined;
  private readonly timing: IPolicy<{ signal: AbortSignal }> | undefined;
  private readonly latencies = new LatencyWindow();
  /** Its own errors for calls that it was not asked for: those of a chain within it are failures like others. */
  private readonly refusals = new WeakSet<SourceUnavailableError>();
  private counts = {
    opened: 0,
    successes: 0,
    failures: 0,
    timeouts: 0,
    refused: 0,
    cancelled: 0,
    retries: 0,
    inFlight: 0,
  };
  /** Answers that were taken. */
  chosen = 0;

  constructor(
    readonly name: string,
    readonly options: ResolvedSource,
    { clock, random }: Required<ChainParts>,
    onClose: () => void,
  ) {
    this.limiter = options.concurrency ? laneLimiter(name, options.concurrency, clock) : UNLIMITED;
    this.breaker = breakerOf(options.breaker, this.isFailure, { onOpen: () => this.counts.opened++, onClose });
    this.retrying = retryOf(options.retry, this.isFailure, random);
    this.timing = isForever(options.timeout)
      ? undefined
      : // The answer may be a stream that is still read: what ends the attempt must not abort it.
        timeout(options.timeout, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false });
  }

  /** Asks it. Rejects with what it threw, `SourceTimeoutError`, `SourceUnavailableError` or `CANCELLED`. */
  async run<T>(call: SourceCall<T>): Promise<T> {
    if (!this.retrying) return this.tryOnce(call);
    return this.retrying.execute(() => this.tryOnce(call), call.signal);
  }

  /** Slower than this is slow for it; `undefined` while it is not known well enough. */
  get slow(): Milliseconds | undefined {
    return this.latencies.count < 20 ? undefined : this.latencies.percentile(0.95);
  }

  /** Whether calls are refused, or one of them just tries. */
  get broken(): boolean {
    return this.breaker !== undefined && this.breaker.state !== CircuitState.Closed;
  }

  stats(): SourceStats {
    const latency = { p50: this.latencies.percentile(0.5), p95: this.latencies.percentile(0.95) };
    return { source: this.name, breaker: this.breakerState(), ...this.counts, chosen: this.chosen, latency };
  }

  private async tryOnce<T>(call: SourceCall<T>): Promise<T> {
    if (call.signal.aborted) throw CANCELLED;
    try {
      return await this.limiter.run(() => this.throughBreaker(call), call);
    } catch (error) {
      if (error === FULL) throw this.refuse('full');
      // Its signal's reason: it was not wanted any more while it waited in the queue.
      throw call.signal.aborted && error === call.signal.reason ? CANCELLED : error;
    }
  }

  private async throughBreaker<T>(call: SourceCall<T>): Promise<T> {
    const { breaker } = this;
    if (!breaker) return this.attempt(call, call.signal);
    // cockatiel would have all calls wait for the one that tries, and then send all of them.
    if (breaker.state === CircuitState.HalfOpen) throw this.refuse('open');
    // One that tries is not cancelled by a faster backup: nothing would be learned of this source.
    const signal = breaker.state === CircuitState.Open ? new AbortController().signal : call.signal;
    const before = call.attempts;
    // cockatiel counts an error that is no failure as nothing: an answer, for which it must be a success, is handed through it.
    const answer = (): Promise<Handed<T>> =>
      this.attempt(call, signal).then(
        (value) => ({ value }),
        (error: unknown) => {
          if (error === CANCELLED || this.isFailure(error)) throw error;
          return { error };
        },
      );
    let handed: Handed<T>;
    try {
      handed = await breaker.execute(answer);
    } catch (error) {
      throw error instanceof BrokenCircuitError && call.attempts === before ? this.refuse('open') : error;
    }
    if ('error' in handed) throw handed.error;
    return handed.value;
  }

  private async attempt<T>(call: SourceCall<T>, parent: AbortSignal): Promise<T> {
    if (call.attempts > 0) this.counts.retries++;
    const attempt = ++call.attempts;
    const start = performance.now();
    this.counts.inFlight++;
    const load = async (signal: AbortSignal): Promise<T> =>
      call.load({ source: this.name, signal, attempt, requestId: call.requestId });
    try {
      const answer = await (this.timing ? this.timing.execute(({ signal }) => load(signal), parent) : load(parent));
      this.answered(start);
      return answer;
    } catch (error) {
      throw this.failed(error, start, parent);
    } finally {
      this.counts.inFlight--;
    }
  }

  private answered(start: number): void {
    this.counts.successes++;
    this.latencies.add(performance.now() - start);
  }

  /** Counts it; answers what the caller gets. */
  private failed(error: unknown, start: number, parent: AbortSignal): unknown {
    if (parent.aborted) {
      this.counts.cancelled++;
      const wasSlow = this.slow === undefined || performance.now() - start >= this.slow;
      return parent.reason === LOST && wasSlow ? LOST : CANCELLED;
    }
    if (error instanceof TaskCancelledError) {
      this.counts.failures++;
      this.counts.timeouts++;
      return new SourceTimeoutError(this.name, this.options.timeout);
    }
    if (this.options.shouldHandle(error)) this.counts.failures++;
    else this.answered(start);
    return error;
  }

  private refuse(reason: 'open' | 'full'): SourceUnavailableError {
    this.counts.refused++;
    const refusal = new SourceUnavailableError(this.name, reason);
    this.refusals.add(refusal);
    return refusal;
  }

  /** What the breaker counts and a retry repeats. */
  private readonly isFailure = (error: unknown): boolean => {
    if (error === CANCELLED || (error instanceof SourceUnavailableError && this.refusals.has(error))) return false;
    return error === LOST || error instanceof SourceTimeoutError || this.options.shouldHandle(error);
  };

  private breakerState(): SourceStats['breaker'] {
    if (!this.broken) return 'closed';
    return this.breaker?.state === CircuitState.HalfOpen ? 'half-open' : 'open';
  }
}

type Handed<T> = { value: T } | { error: unknown };

type IsFailure = (error: unknown) => boolean;

function breakerOf(
  breaker: ResolvedSource['breaker'],
  isFailure: IsFailure,
  { onOpen, onClose }: { onOpen: () => void; onClose: () => void },
): CircuitBreakerPolicy | undefined {
  if (!breaker) return undefined;
  const { threshold, calls: size, minimum: minimumNumberOfCalls, halfOpenAfter } = breaker;
  const policy = circuitBreaker(handleWhen(isFailure), {
    breaker: new CountBreaker({ threshold, size, minimumNumberOfCalls }),
    halfOpenAfter,
  });
  let closed = true;
  policy.onBreak(() => {
    if (closed) onOpen();
    closed = false;
  });
  policy.onReset(() => {
    closed = true;
    onClose();
  });
  return policy;
}

function retryOf(
  { times, delay, maxDelay }: ResolvedSource['retry'],
  isFailure: IsFailure,
  random: () => number,
): RetryPolicy | undefined {
  if (times === 0) return undefined;
  return retry(handleWhen(isFailure), {
    maxAttempts: times,
    backoff: new DelegateBackoff<{ attempt: number }>(({ attempt }) =>
      Math.round(random() * Math.min(maxDelay, delay * 2 ** (attempt - 1))),
    ),
  });
}

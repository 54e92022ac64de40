import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import {
  AllSourcesFailedError,
  type SourceFailure,
  SourceTimeoutError,
  SourceUnavailableError,
} from './source.errors.js';
import { CANCELLED, LOST, type Source, type SourceCall, type SourceContext } from './source.js';

/** An answer and where it came from. */
export interface Answer<T> {
  value: T;
  /** Name of the source. */
  source: string;
  /** It is not the first source of the chain. */
  backup: boolean;
  /** How often sources were asked for it, all together. */
  attempts: number;
  took: Milliseconds;
  requestId: string;
  /** Why the sources before it did not answer; those that were only slower are not among them. */
  failures: SourceFailure[];
}

/** What one request to a chain is about. */
export interface Request<T> {
  chain: string;
  /** As many as may be asked, in their order. */
  sources: readonly Source[];
  load(index: number, context: SourceContext): T | Promise<T>;
  /** After how long the next source is asked too, though this one has not failed. */
  hedgeAfter(source: Source): Milliseconds | undefined;
  signal: AbortSignal | undefined;
  requestId: string;
  background: boolean;
  clock: Clock;
}

interface Running {
  call: SourceCall<unknown>;
  abort: AbortController;
  begun: number;
}

/** Asks the sources of a chain until one has answered: the next one when one has failed, or takes too long. */
export class Attempts<T> {
  private readonly running = new Map<number, Running>();
  private readonly failures: SourceFailure[] = [];
  private readonly timers: (() => void)[] = [];
  private readonly start = performance.now();
  private attempts = 0;
  private next = 0;
  private over = false;
  private resolve!: (answer: Answer<T>) => void;
  private reject!: (error: unknown) => void;

  constructor(private readonly request: Request<T>) {}

  /** Rejects with an error that counts as an answer as it is, and with `AllSourcesFailedError` if all have failed. */
  run(): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      const { signal } = this.request;
      if (signal?.aborted) return this.cancel();
      signal?.addEventListener('abort', this.cancel, { once: true });
      this.ask();
    });
  }

  private readonly cancel = (): void => {
    this.end();
    this.reject(this.request.signal?.reason);
  };

  private ask(): void {
    const { request } = this;
    const index = this.next++;
    const source = request.sources[index] as Source;
    const abort = new AbortController();
    const { requestId, background } = request;
    const load = (context: SourceContext): T | Promise<T> => request.load(index, context);
    const call: SourceCall<T> = { load, signal: abort.signal, requestId, background, attempts: 0 };
    this.running.set(index, { call, abort, begun: performance.now() });
    source.run(call).then(
      (value) => this.answered(index, value),
      (error: unknown) => this.failed(index, error),
    );
    const slow = this.next < request.sources.length ? request.hedgeAfter(source) : undefined;
    if (slow === undefined) return;
    const hedge = (): void => {
      if (!this.over && this.next === index + 1) this.ask();
    };
    this.timers.push(request.clock.after(slow, hedge));
  }

  private answered(index: number, value: T): void {
    if (this.over) return;
    const source = this.request.sources[index] as Source;
    source.chosen++;
    this.leave(index);
    this.end(LOST);
    const took = performance.now() - this.start;
    const { requestId } = this.request;
    const failures = this.failures.sort((a, b) => this.placeOf(a) - this.placeOf(b));
    this.resolve({
      value,
      source: source.name,
      backup: index > 0,
      attempts: this.attempts,
      took,
      requestId,
      failures,
    });
  }

  private failed(index: number, error: unknown): void {
    if (this.over) return;
    const source = this.request.sources[index] as Source;
    const { attempts, took } = this.leave(index);
    const ours = error === CANCELLED || error instanceof SourceTimeoutError || error instanceof SourceUnavailableError;
    if (!ours && !source.options.shouldHandle(error)) {
      this.end();
      this.reject(error);
      return;
    }
    this.failures.push({ source: source.name, error, attempts, took });
    if (this.next < this.request.sources.length) this.ask();
    if (this.running.size > 0) return;
    this.end();
    this.failures.sort((a, b) => this.placeOf(a) - this.placeOf(b));
    this.reject(new AllSourcesFailedError(this.request.chain, this.failures));
  }

  private leave(index: number): { attempts: number; took: Milliseconds } {
    const { call, begun } = this.running.get(index) as Running;
    this.running.delete(index);
    this.attempts += call.attempts;
    return { attempts: call.attempts, took: performance.now() - begun };
  }

  /** Nobody else is needed: those who are still asked are told so. */
  private end(reason: unknown = CANCELLED): void {
    this.over = true;
    this.request.signal?.removeEventListener('abort', this.cancel);
    for (const stop of this.timers) stop();
    for (const { abort, call } of this.running.values()) {
      this.attempts += call.attempts;
      abort.abort(reason);
    }
    this.running.clear();
  }

  private placeOf({ source }: SourceFailure): number {
    return this.request.sources.findIndex(({ name }) => name === source);
  }
}

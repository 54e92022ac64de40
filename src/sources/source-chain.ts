import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Check } from '../cache.check.js';
import { type Clock, SystemClock } from '../engine/clock.js';
import { FOREVER, type Milliseconds } from '../engine/duration.js';
import { type LoadContext, LoadRecord, type OpenLoad } from '../engine/load-context.js';
import type { SourceChainStats, SourceReporter } from '../engine/stats.js';
import { type Answer, Attempts } from './attempts.js';
import { Recovery } from './recovery.js';
import { AllSourcesFailedError } from './source.errors.js';
import { type ChainParts, Source, type SourceContext } from './source.js';
import {
  CHAIN_OPTIONS,
  type ChainOptions,
  checkSourceName,
  type ResolvedChain,
  resolveChain,
  resolveSource,
  SOURCE_OPTIONS,
  type SourceOptions,
} from './source.options.js';

/** One source of a chain. */
export interface SourceDefinition<Args extends readonly unknown[], T> extends SourceOptions {
  /** What it is called in `getEntry(key).source`, events, logs and `stats()`. Unique in its chain. */
  name: string;
  /** Asks it. Should end when `context.signal` is aborted. */
  load: (context: SourceContext, ...args: Args) => T | Promise<T>;
}

/** Options of a {@link SourceChain}. */
export interface SourceChainOptions<Args extends readonly unknown[], T> extends ChainOptions {
  /** What the chain is called in events, logs and `stats()`. Unique in its app. */
  name: string;
  /** In the order in which they are asked: the primary, then its backups. */
  sources: readonly SourceDefinition<Args, T>[];
}

/** What a request to a chain may say. */
export interface AskOptions {
  /** Ends it: the sources' signals are aborted, and the call rejects with its reason. */
  signal?: AbortSignal;
  /** Passed to the sources. Default: a new one. */
  requestId?: string;
}

/**
 * Sources of the same values, in the order in which they are asked: a primary and its backups, each with timeout, retries,
 * circuit breaker and concurrency limit. Make it once, not for each request: it keeps what it knows of their health.
 *
 * @example
 * ```ts
 * private readonly products = new SourceChain<[id: number], Product>({
 *   name: 'products',
 *   timeout: '200ms',
 *   sources: [
 *     { name: 'primary', load: ({ signal }, id) => this.primary.find(id, signal) },
 *     { name: 'replica', load: ({ signal }, id) => this.replica.find(id, signal) },
 *   ],
 * });
 *
 * find(id: number) {
 *   return this.cache.getOrLoad(['product', id], this.products.loader(id), { ttl: '5m', grace: '1h' });
 * }
 * ```
 */
export class SourceChain<Args extends readonly unknown[], T> implements SourceReporter {
  readonly name: string;
  private readonly sources: readonly Source[];
  private readonly definitions: readonly SourceDefinition<Args, T>[];
  private readonly options: ResolvedChain;
  private readonly clock: Clock;
  private readonly recovery: Recovery;
  private fallbacks = 0;
  private failures = 0;

  /** Throws `CacheOptionsError` with everything that is wrong. */
  constructor(
    options: SourceChainOptions<Args, T>,
    { clock = new SystemClock(), random = Math.random }: ChainParts = {},
  ) {
    const check = new Check('');
    this.name = options.name;
    this.clock = clock;
    this.definitions = options.sources;
    this.options = resolveChain(check, options);
    const checked = checkedSources(check, options);
    check.end(`The chain of sources "${String(options.name)}" is configured wrongly`);
    this.sources = checked.map(({ name, resolved }, index) => {
      return new Source(name, resolved, { clock, random }, () => index === 0 && this.recovery.back());
    });
    const [primary] = this.sources as [Source];
    const every = primary.options.breaker?.halfOpenAfter ?? 5_000;
    const answers = (error: unknown): boolean =>
      !AllSourcesFailedError.of(error) && !primary.options.shouldHandle(error);
    this.recovery = new Recovery(clock, every, this.options.maxRecovering, answers);
  }

  /** A loader for `getOrLoad`. Its values say where they come from, and those of backups live shorter. */
  loader(...args: Args): (context: LoadContext<T>) => Promise<T> {
    return async (context) => {
      const record = context instanceof LoadRecord ? context : undefined;
      const answer = await this.through(record, args, context);
      return answer.value;
    };
  }

  /**
   * The answer with its provenance, without a cache. Rejects with the primary's error when all sources have failed, which has an
   * `AllSourcesFailedError` as its cause.
   */
  async ask(args: Args, options: AskOptions = {}): Promise<Answer<T>> {
    const { signal, requestId = randomUUID() } = options;
    if (signal) setMaxListeners(0, signal); // as many calls as share it
    return this.answer(args, { signal, requestId, background: false });
  }

  stats(): SourceChainStats {
    const { name: chain, fallbacks, failures, recovery } = this;
    const sources = this.sources.map((source) => source.stats());
    return { chain, sources, fallbacks, failures, waiting: recovery.size, recovered: recovery.recovered };
  }

  /** For decorators: an answer for a load that the call is part of, if it is part of one. */
  async through(record: OpenLoad | undefined, args: Args, context?: AskOptions): Promise<Answer<T>> {
    record?.host.introduce(this);
    const { signal, requestId = randomUUID() } = context ?? {};
    const background = record?.background ?? false;
    try {
      const answer = await this.answer(args, { signal, requestId, background });
      if (record) this.tell(record, answer);
      return answer;
    } catch (error) {
      const failed = AllSourcesFailedError.of(error);
      if (record && !background && failed?.chain === this.name) {
        const attempts = failed.failures.reduce((sum, failure) => sum + failure.attempts, 0);
        const took = failed.failures.reduce((sum, failure) => sum + failure.took, 0);
        record.host.fellBack({ chain: this.name, source: 'none', attempts, took, requestId, error });
      }
      throw error;
    }
  }

  private tell(record: OpenLoad, { source, backup, attempts, took, requestId, failures }: Answer<T>): void {
    const { backupTtl } = this.options;
    record.answered({ source, backup, attempts, longest: backup ? backupTtl : FOREVER });
    if (!backup) return;
    const [failure] = failures;
    record.host.fellBack({
      chain: this.name,
      source,
      attempts,
      took,
      requestId,
      ...(failure && { error: failure.error }),
    });
    const { host } = record;
    // A primary that was only slower has no time for more calls now.
    if (!host.lasting || failures.length === 0) return;
    const reload = (from: string): Promise<string | undefined> => host.reload(from);
    this.recovery.note({ id: host.key, source, until: this.clock.now() + backupTtl, reload });
  }

  private async answer(
    args: Args,
    how: { signal: AbortSignal | undefined; requestId: string; background: boolean },
  ): Promise<Answer<T>> {
    const load = (index: number, context: SourceContext): T | Promise<T> =>
      (this.definitions[index] as SourceDefinition<Args, T>).load(context, ...args);
    // What is loaded again is there: a backup could only give the same.
    const sources = how.background ? this.sources.slice(0, 1) : this.sources;
    const hedgeAfter = (source: Source): Milliseconds | undefined =>
      this.options.hedge === 'p95' ? source.slow : this.options.hedge;
    const { name: chain, clock } = this;
    try {
      const answer = await new Attempts<T>({ chain, sources, load, hedgeAfter, clock, ...how }).run();
      if (answer.backup) this.fallbacks++;
      return answer;
    } catch (error) {
      if (!(error instanceof AllSourcesFailedError) || error.chain !== chain) throw error;
      if (!how.background) this.failures++;
      throw error.within(error.failures[0]?.error);
    }
  }
}

function checkedSources<Args extends readonly unknown[], T>(check: Check, options: SourceChainOptions<Args, T>) {
  check.known(options, [...CHAIN_OPTIONS, 'name', 'sources']);
  checkSourceName(check, options.name);
  const { sources } = options;
  if (!Array.isArray(sources) || sources.length === 0) {
    check.fail('sources', sources, "Pass an array: [{ name: 'primary', load: (context, id) => ... }, ...].");
    return [];
  }
  const names = new Set<unknown>();
  const ofBackups = { ...options, concurrency: undefined };
  // Who comes last is asked in any case: if its breaker refused, nobody would answer, though all may be back.
  const ofLast: SourceOptions = { ...ofBackups, breaker: false };
  return (sources as readonly SourceDefinition<Args, T>[]).map((source, index) => {
    const inside = check.inside(`sources[${index}]`);
    inside.known(source, [...SOURCE_OPTIONS, 'name', 'load']);
    checkSourceName(inside, source.name);
    if (names.has(source.name)) inside.fail('name', source.name, 'Another source of the chain has this name.');
    names.add(source.name);
    if (typeof source.load !== 'function')
      inside.fail('load', source.load, 'Pass a function: (context, ...args) => ...');
    return {
      name: source.name,
      resolved: resolveSource(inside, source, index === 0 ? options : index < sources.length - 1 ? ofBackups : ofLast),
    };
  });
}

import { randomUUID } from 'node:crypto';
import { isObservable, takeUntil, tap } from 'rxjs';
import { Check } from '../cache.check.js';
import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';
import type { Binding } from '../decorators/binding.js';
import { defaultKeyOf, keyBuilder } from '../decorators/key-builder.js';
import { configOf } from '../decorators/metadata.js';
import type { KeyOption } from '../decorators/types.js';
import { type AnyFunction, type Prepared, settle } from '../decorators/wrap-method.js';
import type { Cache } from '../engine/cache.js';
import type { Clock } from '../engine/clock.js';
import type { Duration } from '../engine/duration.js';
import { type BackupOption, findBackups, type ProviderFinder } from './backup.js';
import { aborted, begun } from './begun.js';
import { currentLoad, currentRequest, type HandlerRequest, inSource } from './call-scope.js';
import { isClientError } from './client-error.js';
import { LastAnswers } from './last-answers.js';
import { AllSourcesFailedError } from './source.errors.js';
import type { SourceContext } from './source.js';
import { CHAIN_OPTIONS, type ChainOptions } from './source.options.js';
import { SourceChain, type SourceDefinition } from './source-chain.js';

/** What `@Fallback` and `@UseFallback` have in common. */
export interface FallbackOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends ChainOptions {
  /** The backups in the order in which they are asked. */
  to: readonly BackupOption<Args, Result>[];
  /** What the method itself is called where sources are told. Default `'primary'`. */
  name?: string;
  /**
   * Keeps the last good answer for so long, for when no source answers. Default: none is kept. On a method that is cached,
   * `grace` of the cached value does the same, and this is not needed. An answer is stored again after 10 s at the earliest.
   */
  serveStale?: Duration;
  /** The key of the last good answer. Default for `@Fallback`: class, method and all arguments. */
  key?: KeyOption<Args>;
  /** The cache that keeps last good answers, and whose events and `stats()` tell of the sources. Default: as for `@Cacheable`. */
  cache?: string;
}

/** The decorated method. */
export interface FallbackSite {
  prototype: object;
  method: string | symbol;
  /** What errors call it. */
  where: string;
  handler: boolean;
  /** The decorator stands on the class. */
  lenient: boolean;
}

interface Call {
  args: unknown[];
  instance: object;
  original: AnyFunction;
  request: HandlerRequest | undefined;
}

/** Makes a method with a fallback ready, for one class in one app. Throws `CacheOptionsError`. */
export function prepareFallback(
  { registry }: Binding,
  type: Function,
  options: FallbackOptions<never[], never>,
  site: FallbackSite,
): Prepared {
  const { finder, clock, random } = registry.sources;
  const cache = registry.get(options.cache ?? configOf(type).cache);
  const problems: OptionProblem[] = [];
  const check = new Check('', problems);
  check.known(options, [...CHAIN_OPTIONS, 'to', 'name', 'serveStale', 'key', 'cache']);
  const backups = findBackups(options.to, finder as ProviderFinder, site, problems);
  const last = lastAnswers(check, { cache, clock }, type, options, site);
  if (problems.length > 0) throw new CacheOptionsError(problems);
  const { to: _to, name = 'primary', serveStale: _serveStale, key: _key, cache: _cache, ...chainOptions } = options;
  const sent = new WeakSet<object>();
  const counts = chainOptions.shouldHandle ?? ((error: unknown) => !isClientError(error));
  const sources: SourceDefinition<[Call], unknown>[] = [
    { name, load: (context, call) => askPrimary(context, call, site, sent) },
    ...backups.map(({ name, options, ask }) => ({
      ...options,
      name,
      load: (context: SourceContext, call: Call) =>
        answerOf(
          inSource(context, () => ask(call)),
          context,
          site,
        ),
    })),
  ];
  const chain = new SourceChain<[Call], unknown>(
    {
      ...chainOptions,
      name: `${type.name}.${String(site.method)}`,
      sources,
      // A handler that has sent its response has answered, whatever it threw then.
      shouldHandle: (error) => !(typeof error === 'object' && error !== null && sent.has(error)) && counts(error),
    },
    { clock, random },
  );
  cache.addSources(chain);
  registry.sources.used = true;
  return new FallbackMethod(chain, cache, last, site.handler).prepared;
}

/** A method with its chain: primary, backups, the last good answer, the original error. */
class FallbackMethod {
  constructor(
    private readonly chain: SourceChain<[Call], unknown>,
    private readonly cache: Cache,
    private readonly last: LastAnswers | undefined,
    private readonly handler: boolean,
  ) {}

  readonly prepared: Prepared = async (instance, args, original) => {
    const load = currentLoad();
    const around = currentRequest();
    // A service called by a handler does not answer its request.
    const request = this.handler ? around : undefined;
    const call: Call = { args, instance, original, request };
    const requestId = load?.requestId ?? around?.requestId ?? randomUUID();
    const how = { ...(load && { signal: load.signal }), requestId };
    try {
      const answer = await this.chain.through(load, [call], how);
      if (request) request.outcome = { path: 'source', answer };
      const { failures, source, attempts, took } = answer;
      if (answer.backup && !load) {
        const [failure] = failures;
        const error = failure && { error: failure.error };
        const event = { chain: this.chain.name, source, attempts, took, requestId, ...error };
        this.cache.toldFallback(event);
      }
      return this.keep(args, answer.value, answer.backup);
    } catch (error) {
      return this.afterAll(call, error, load !== undefined, requestId);
    }
  };

  /** Only what the primary said is worth keeping: a backup's answer may be older than what is kept. */
  private keep(args: unknown[], value: unknown, backup: boolean): unknown {
    const { last } = this;
    if (!last || backup) return value;
    if (!isObservable(value)) {
      last.store(args, value);
      return value;
    }
    let count = 0;
    let latest: unknown;
    return value.pipe(
      tap({
        next: (one) => {
          count++;
          latest = one;
        },
        // Several values are a stream: the last of them is not the answer.
        complete: () => count === 1 && last.store(args, latest),
      }),
    );
  }

  private async afterAll(call: Call, error: unknown, inLoad: boolean, requestId: string): Promise<unknown> {
    const { request, args } = call;
    const failed = AllSourcesFailedError.of(error);
    if (failed?.chain !== this.chain.name) {
      if (request) request.outcome = { path: 'none', error };
      throw error;
    }
    const stale = await this.last?.find(args);
    const source = stale === undefined ? 'none' : 'stale';
    if (request) request.outcome = { path: source, error };
    const attempts = failed.failures.reduce((sum, failure) => sum + failure.attempts, 0);
    const took = failed.failures.reduce((sum, failure) => sum + failure.took, 0);
    if (!inLoad || source === 'stale') {
      this.cache.toldFallback({ chain: this.chain.name, source, attempts, took, requestId, error });
    }
    if (stale === undefined) throw error;
    return stale;
  }
}

async function askPrimary(
  context: SourceContext,
  { instance, args, original, request }: Call,
  site: FallbackSite,
  sent: WeakSet<object>,
): Promise<unknown> {
  try {
    return await answerOf(
      inSource(context, () => Reflect.apply(original, instance, args)),
      context,
      site,
    );
  } catch (error) {
    if (request?.isSent() && typeof error === 'object' && error !== null) sent.add(error);
    throw error;
  }
}

/** Of a service method the last value, as for `@Cacheable`; of a handler all of them, from the first one on. */
async function answerOf(result: unknown, { signal }: SourceContext, { handler }: FallbackSite): Promise<unknown> {
  const answer = await result;
  if (!isObservable(answer)) return answer;
  return handler ? begun(answer, signal) : settle(answer.pipe(takeUntil(aborted(signal))));
}

function lastAnswers(
  check: Check,
  { cache, clock }: { cache: Cache; clock: Clock },
  type: Function,
  options: FallbackOptions<never[], never>,
  site: FallbackSite,
): LastAnswers | undefined {
  const { serveStale, key } = options;
  if (serveStale === undefined) {
    if (key !== undefined) check.fail('key', key, 'It is the key of the last good answer: give serveStale too.');
    return undefined;
  }
  if (site.handler && key === undefined) {
    const remedy =
      "Give a key that says whose answer it is: key: (id) => [id]. Without one, one user's answer could be shown to another.";
    check.fail('serveStale', serveStale, `It needs a key here. ${remedy}`);
  }
  const life = check.time('serveStale', serveStale, 0, 1);
  const { method, prototype, where } = site;
  const own = keyBuilder({ type, prototype, method, where }, key);
  // The explorer sees to it that no other method's begin like this.
  const head = defaultKeyOf({ type, prototype, method });
  return new LastAnswers(cache, clock, life, (args) => ['fallback', head, own(args)]);
}

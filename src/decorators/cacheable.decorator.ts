import { CacheOptionsError } from '../cache.errors.js';
import type { Cache } from '../engine/cache.js';
import type { LoadContext } from '../engine/load-context.js';
import type { Loader } from '../engine/loading.js';
import type { AppSources } from '../sources/app-sources.js';
import { inLoad } from '../sources/call-scope.js';
import { type EntityOption, type EntityTarget, entityTarget } from './entity-option.js';
import { type KeyBuilder, keyBuilder } from './key-builder.js';
import { configOf, whereIs } from './metadata.js';
import { checkedTags, entryOptions, type TagFunction, tagFunction } from './stored-options.js';
import type { DecoratorFor, KeyOption, Method, PlainDecorator, ResultOf, StoringOptions } from './types.js';
import { type WarmOption, WarmSite } from './warm-site.js';
import { type AnyFunction, type Prepared, settle, when, wrapMethod } from './wrap-method.js';

/** Options of `@Cacheable`. */
export interface CacheableOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends StoringOptions<Args> {
  /**
   * The key, or how to make it from the arguments: `(id) => ['product', id]`. Default: class, method and all arguments,
   * which must then be data (strings, numbers, dates, plain objects, ...).
   */
  key?: KeyOption<Args>;
  /** Sees the result; when it answers `true`, it is not stored. */
  unless?: (result: Result, ...args: Args) => boolean;
  /**
   * A write-behind entity whose row the method reads from the database. What is acknowledged and not there yet is the
   * answer then (`null` for a row that is to be deleted), and the method does not run.
   */
  entity?: EntityOption<Args>;
  /**
   * Whether the jobs may call the method for its own sake, to keep what is asked for often in the cache (see docs/jobs.md).
   * Default: for keys that show all arguments (the default key does, `(id) => ['product', id]` does), because the arguments are
   * kept in Redis. `true`: whatever the key shows. `false`: never. `{ always: [['en'], ['de']] }`: like `true`, and calls with these
   * arguments are kept warm whether somebody asks for them or not.
   */
  warm?: WarmOption<Args>;
  /** Further tags, made from the result. */
  resultTags?: (result: Result, ...args: Args) => readonly string[];
}

/**
 * The method runs only if no tier has its result; then the result is stored. All who call it with the same key at the
 * same time share one run, and its error. The method should return a promise; after a plain value its callers get a
 * promise as well. A method declared to return an `Observable` gives one, of the last value.
 *
 * @example
 * ```ts
 * @Cacheable({ key: (id) => ['product', id], ttl: '5m', tags: ['products'] })
 * async find(id: string): Promise<Product> { ... }
 * ```
 */
export function Cacheable<M extends Method>(options?: CacheableOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function Cacheable(options: AnyOptions = {}): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache: cacheName, policy, key, condition } = options;
    const defaultKey = key === undefined;
    const info = { decorator: 'Cacheable', method, cache: cacheName, policy, defaultKey } as const;
    const original = descriptor?.value as AnyFunction;
    wrapMethod(prototype, descriptor, info, ({ registry }, type) => {
      const where = whereIs(info, type);
      checkWarm(options.warm, where);
      const parts: Parts = {
        cache: registry.get(cacheName ?? configOf(type).cache),
        keyOf: keyBuilder({ type, prototype, method, where }, key),
        options,
        target: entityTarget(registry, options.entity),
        where,
        type,
        sources: registry.sources,
      };
      const site = registry.addSite(type, warmSite(parts, `${type.name}.${String(method)}`, original));
      return when(condition, prepareCacheable(parts, site));
    });
  };
}

/** Those of any method. */
type AnyOptions = Omit<CacheableOptions<never[], never>, 'warm'> & { warm?: WarmOption<readonly unknown[]> };

/** What the calls of one method of one class in one app have in common. */
interface Parts {
  cache: Cache;
  keyOf: KeyBuilder;
  options: AnyOptions;
  target: EntityTarget | undefined;
  where: string;
  type: Function;
  sources: AppSources;
}

function prepareCacheable(parts: Parts, site: WarmSite): Prepared {
  const { cache, keyOf, options, type, where } = parts;
  const policy = cache.policyOf(entryOptions(options, type));
  const tags = tagFunction(options, where);
  const fast = cache.answersFromMemory(policy);
  const { wanted } = cache;
  return (instance, args, method) => {
    try {
      const key = keyOf(args);
      const hit = fast ? cache.hit(key) : undefined;
      const answer = hit ?? cache.load(key, loaderOf(parts, instance, args, method), withTags(policy, tags, args));
      if (wanted.key !== undefined) site.tell(key, args);
      return answer;
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function loaderOf(parts: Parts, instance: object, args: unknown[], method: AnyFunction): Loader {
  const { options, target, where, sources } = parts;
  const original = target ? unlessPending(target, method) : method;
  const load: Loader =
    options.unless === undefined && options.resultTags === undefined
      ? () => settle(Reflect.apply(original, instance, args))
      : (context) => loadAndTell(instance, args, original, options, context, where);
  // Fallbacks that are part of the load tell where its value comes from.
  return sources.used ? (context) => inLoad(context, () => load(context)) : load;
}

function warmSite(parts: Parts, name: string, original: AnyFunction): WarmSite {
  const { cache, keyOf, options, type, where } = parts;
  const policy = cache.policyOf(entryOptions(options, type));
  const tags = tagFunction(options, where);
  return new WarmSite(name, cache, {
    option: options.warm,
    defaultKey: options.key === undefined,
    policy,
    keyOf,
    holds: (args) => options.condition?.(...(args as never[])) ?? true,
    refresh: (instance, args, key, horizon) =>
      cache.loadAhead(key, horizon, loaderOf(parts, instance, args, original), withTags(policy, tags, args)),
  });
}

function checkWarm(warm: unknown, where: string): void {
  if (warm === undefined || typeof warm === 'boolean') return;
  const always: unknown = (warm as { always?: unknown } | null)?.always;
  if (typeof always === 'function' || (Array.isArray(always) && always.every(Array.isArray))) return;
  const remedy = 'Use true, false, or { always: [[...arguments of one call], ...] }.';
  throw new CacheOptionsError([{ option: 'warm', value: warm, remedy }], `${where} is wrong`);
}

/** The method, unless its row waits to be written: the database has an older one then. */
function unlessPending({ entity, idOf }: EntityTarget, original: AnyFunction): AnyFunction {
  return async function (this: object, ...args: unknown[]) {
    const pending = await entity.pending(idOf(args));
    return pending === undefined ? settle(Reflect.apply(original, this, args)) : pending;
  };
}

async function loadAndTell(
  instance: object,
  args: unknown[],
  original: AnyFunction,
  { unless, resultTags }: AnyOptions,
  context: LoadContext<never>,
  where: string,
): Promise<unknown> {
  const result = await settle(Reflect.apply(original, instance, args));
  if (unless?.(result as never, ...(args as never[]))) {
    context.skip();
  } else if (resultTags) {
    const tags = resultTags(result as never, ...(args as never[]));
    context.setTags(checkedTags(tags, `The resultTags function in ${where} is wrong`));
  }
  return result;
}

function withTags(policy: ReturnType<Cache['policyOf']>, tags: TagFunction | undefined, args: unknown[]) {
  return tags === undefined ? policy : { ...policy, tags: [...policy.tags, ...tags(args)] };
}

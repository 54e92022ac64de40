import type { Cache } from '../engine/cache.js';
import type { LoadContext } from '../engine/load-context.js';
import type { Loader } from '../engine/loading.js';
import { type EntityOption, type EntityTarget, entityTarget } from './entity-option.js';
import { type KeyBuilder, keyBuilder } from './key-builder.js';
import { configOf, whereIs } from './metadata.js';
import { checkedTags, entryOptions, type TagFunction, tagFunction } from './stored-options.js';
import type { DecoratorFor, KeyOption, Method, PlainDecorator, ResultOf, StoringOptions } from './types.js';
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
export function Cacheable(options: CacheableOptions<never[], never> = {}): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache: cacheName, policy, key, condition } = options;
    const defaultKey = key === undefined;
    const info = { decorator: 'Cacheable', method, cache: cacheName, policy, defaultKey } as const;
    wrapMethod(prototype, descriptor, info, ({ registry }, type) => {
      const cache = registry.get(cacheName ?? configOf(type).cache);
      const where = whereIs(info, type);
      const keyOf = keyBuilder({ type, prototype, method, where }, key);
      const target = entityTarget(registry, options.entity);
      return when(condition, prepareCacheable(cache, keyOf, options, type, where, target));
    });
  };
}

function prepareCacheable(
  cache: Cache,
  keyOf: KeyBuilder,
  options: CacheableOptions<never[], never>,
  type: Function,
  where: string,
  target: EntityTarget | undefined,
): Prepared {
  const policy = cache.policyOf(entryOptions(options, type));
  const tags = tagFunction(options, where);
  const fast = cache.answersFromMemory(policy);
  const plain = options.unless === undefined && options.resultTags === undefined;
  return (instance, args, method) => {
    try {
      const original = target ? unlessPending(target, method) : method;
      const key = keyOf(args);
      const hit = fast ? cache.hit(key) : undefined;
      if (hit !== undefined) return hit;
      const load = plain
        ? () => settle(Reflect.apply(original, instance, args))
        : (context: LoadContext<never>) => loadAndTell(instance, args, original, options, context, where);
      return cache.load(key, load as Loader, withTags(policy, tags, args));
    } catch (error) {
      return Promise.reject(error);
    }
  };
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
  { unless, resultTags }: CacheableOptions<never[], never>,
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

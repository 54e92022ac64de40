import 'reflect-metadata';
import { defer, from, isObservable, lastValueFrom, Observable } from 'rxjs';
import type { Cache } from '../engine/cache.js';
import type { LoadContext } from '../engine/load-context.js';
import type { Loader } from '../engine/loading.js';
import { type KeyBuilder, keyBuilder } from './key-builder.js';
import { configOf } from './metadata.js';
import { entryOptions, type TagFunction, tagFunction } from './stored-options.js';
import type {
  CheckedDecorator,
  DecoratorFor,
  KeyOption,
  Method,
  PlainDecorator,
  ResultOf,
  StoringOptions,
} from './types.js';
import { type AnyFunction, type Prepared, wrapMethod } from './wrap-method.js';

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
 * @Cacheable({ key: (id: string) => ['product', id], ttl: '5m', tags: ['products'] })
 * async find(id: string): Promise<Product> { ... }
 * ```
 */
export function Cacheable<M extends Method>(options?: CacheableOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function Cacheable<Args extends readonly unknown[], Result>(
  options?: CacheableOptions<Args, Result>,
): CheckedDecorator<Args>;
export function Cacheable(options: CacheableOptions<never[], never> = {}): PlainDecorator {
  return (prototype, name, descriptor) => {
    const type: unknown = Reflect.getMetadata('design:returntype', prototype, name);
    const info = { decorator: 'Cacheable', method: name, cache: options.cache, policy: options.policy } as const;
    wrapMethod(prototype, descriptor, { ...info, defaultKey: options.key === undefined }, ({ registry }, owner) => {
      const cache = registry.get(options.cache ?? configOf(owner).cache);
      const key = keyBuilder(owner, name, options.key);
      const call = prepareCacheable(cache, key, options, owner);
      if (type !== Observable) return call;
      return (instance, args, original) => defer(() => from(call(instance, args, original) as Promise<unknown>));
    });
  };
}

function prepareCacheable(
  cache: Cache,
  keyOf: KeyBuilder,
  options: CacheableOptions<never[], never>,
  owner: Function,
): Prepared {
  const policy = cache.policyOf(entryOptions(options, owner));
  const tags = tagFunction(options);
  const { condition } = options;
  const fast = cache.answersFromMemory(policy);
  const plain = options.unless === undefined && options.resultTags === undefined;
  return (instance, args, original) => {
    let key: string;
    try {
      if (condition !== undefined && !condition(...(args as never[]))) return Reflect.apply(original, instance, args);
      key = keyOf(args);
      const hit = fast ? cache.hit(key) : undefined;
      if (hit !== undefined) return hit;
      const load = plain
        ? () => settle(Reflect.apply(original, instance, args))
        : (context: LoadContext<never>) => loadAndTell(instance, args, original, options, context);
      return cache.load(key, load as Loader, withTags(policy, tags, args));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** What a method returned, as a promise or value: of an observable the last value. */
export function settle(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

async function loadAndTell(
  instance: object,
  args: unknown[],
  original: AnyFunction,
  { unless, resultTags }: CacheableOptions<never[], never>,
  context: LoadContext<never>,
): Promise<unknown> {
  const result = await settle(Reflect.apply(original, instance, args));
  if (unless?.(result as never, ...(args as never[]))) context.skip();
  else if (resultTags) context.setTags(resultTags(result as never, ...(args as never[])));
  return result;
}

function withTags(policy: ReturnType<Cache['policyOf']>, tags: TagFunction | undefined, args: unknown[]) {
  return tags === undefined ? policy : { ...policy, tags: [...policy.tags, ...tags(args)] };
}

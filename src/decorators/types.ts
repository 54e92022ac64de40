import type { Observable } from 'rxjs';
import type { CacheKey } from '../engine/key.js';
import type { LoadOptions } from '../engine/policy.js';

/** Any method. */
export type Method = (...args: never[]) => unknown;

/** What a method's promise or observable brings. */
export type ResultOf<M extends Method> = ReturnType<M> extends Observable<infer T> ? T : Awaited<ReturnType<M>>;

/** A key, or how to make it from the method's arguments. */
export type KeyOption<Args extends readonly unknown[]> = CacheKey | ((...args: Args) => CacheKey);

/** Tags, or how to make them from the method's arguments. */
export type TagsOption<Args extends readonly unknown[]> = readonly string[] | ((...args: Args) => readonly string[]);

/** What all decorators take. */
export interface CommonOptions<Args extends readonly unknown[]> {
  /** The named cache to use. Default: that of `@CacheConfig`, else that of `CacheModule.forRoot`. */
  cache?: string;
  /** Sees the arguments; when it answers `false` the method runs as if it were not decorated. */
  condition?: (...args: Args) => boolean;
}

export interface StoringOptions<Args extends readonly unknown[]>
  extends CommonOptions<Args>,
    Omit<LoadOptions, 'tags'> {
  tags?: TagsOption<Args>;
}

/**
 * Defaults for the decorated methods of a class. What a method says itself counts; when it names a policy, that takes the
 * place of all that is said here of how values are kept.
 */
export interface CacheConfigOptions extends Omit<LoadOptions, 'tags'> {
  /** The named cache to use. Default: that of `CacheModule.forRoot`. */
  cache?: string;
  /** Put before all keys of the class, as first segment: `'product'` makes `['product', ...key]`. */
  keyPrefix?: string;
  /** Given to everything the class stores, beside the method's own tags. */
  tags?: readonly string[];
}

/**
 * A method decorator for methods of one type, which TypeScript takes from the method below it. Where there is none, as in
 * `applyDecorators(Cacheable({ ... }))`, it goes on every method and the functions in its options are not checked.
 */
export type DecoratorFor<M extends Method> = Method extends M
  ? MethodDecorator
  : (prototype: object, name: string | symbol, descriptor: TypedPropertyDescriptor<M>) => void;

/** How decorators are implemented; their overload says what TypeScript checks. */
export type PlainDecorator = (prototype: object, name: string | symbol, descriptor: PropertyDescriptor) => void;

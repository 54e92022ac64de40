import type { CacheKey } from '../engine/key.js';
import type { LoadOptions } from '../engine/policy.js';

/** Any method. */
export type Method = (...args: never[]) => unknown;

/** What a method's promise or observable brings. */
export type ResultOf<M extends Method> =
  ReturnType<M> extends { subscribe(...args: never[]): unknown } ? unknown : Awaited<ReturnType<M>>;

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

/** Defaults for the decorated methods of a class. What a method says itself counts. */
export interface CacheConfigOptions extends Omit<LoadOptions, 'tags'> {
  /** The named cache to use. Default: that of `CacheModule.forRoot`. */
  cache?: string;
  /** Put before all keys of the class, as first segment: `'product'` makes `['product', ...key]`. */
  keyPrefix?: string;
  /** Given to everything the class stores, beside the method's own tags. */
  tags?: readonly string[];
}

/** When a key function does not accept the method's arguments, the decorator asks for an argument that says so. */
type Fits<Args extends readonly unknown[], M extends Method> = ((...args: Args) => void) extends (
  ...args: Parameters<M>
) => void
  ? []
  : [error: 'the functions in the options do not accept the arguments of this method'];

/** A method decorator whose option functions take `Args`. */
export type CheckedDecorator<Args extends readonly unknown[]> = <M extends Method>(
  prototype: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
  ...fits: Fits<Args, M>
) => void;

/** A method decorator for methods of one type. */
export type DecoratorFor<M extends Method> = (
  prototype: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/** How decorators are implemented; their overloads say what TypeScript checks. */
export type PlainDecorator = (prototype: object, name: string | symbol, descriptor: PropertyDescriptor) => void;

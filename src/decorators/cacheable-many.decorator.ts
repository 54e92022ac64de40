import { CacheOptionsError } from '../cache.errors.js';
import type { CacheKey } from '../engine/key.js';
import type { LoadGroup } from '../engine/load-context.js';
import { inLoad } from '../sources/call-scope.js';
import { keyBuilder } from './key-builder.js';
import { configOf, whereIs } from './metadata.js';
import { entryOptions } from './stored-options.js';
import type { DecoratorFor, Method, PlainDecorator, ResultOf, StoringOptions } from './types.js';
import { settle, when, wrapMethod } from './wrap-method.js';

type ItemOf<M extends Method> = Parameters<M> extends [readonly (infer Item)[], ...unknown[]] ? Item : never;
type RestOf<M extends Method> = Parameters<M> extends [unknown, ...infer Rest] ? Rest : never[];
type RowOf<M extends Method> =
  ResultOf<M> extends ReadonlyMap<unknown, infer V> ? V : ResultOf<M> extends readonly (infer V)[] ? V : never;

/** The decorator, unless the method is none for it. */
type ManyDecoratorFor<M extends Method> = Method extends M
  ? MethodDecorator
  : M extends (items: never[], ...rest: never[]) => unknown
    ? DecoratorFor<M>
    : (prototype: object, name: string | symbol, error: 'The first parameter of the method must be an array.') => void;

/** Options of `@CacheableMany`. */
export interface CacheableManyOptions<
  Item = unknown,
  Row = unknown,
  Rest extends readonly unknown[] = readonly unknown[],
> extends StoringOptions<readonly [readonly Item[], ...Rest]> {
  /**
   * The key of one item of the first argument; it is given the method's other arguments too. Default: class, method, the
   * item and all other arguments.
   */
  key?: (item: Item, ...rest: Rest) => CacheKey;
  /**
   * For methods that return an array: which item a row belongs to. Databases return rows in any order and leave out what
   * they do not have, so the place in the array does not tell.
   */
  itemOf?: (row: Row) => Item;
  /** Tags of everything this method stores. */
  tags?: readonly string[];
}

/**
 * For a method that takes an array of items and returns a `Map` by item, or an array of rows (then `itemOf` tells to which
 * item each belongs). Each item has an entry of its own; the method runs once for those that no tier has. The result has
 * the items in the order asked for, each once, without those that were not found.
 */
export function CacheableMany<M extends Method>(
  options?: CacheableManyOptions<ItemOf<M>, RowOf<M>, RestOf<M>>,
): ManyDecoratorFor<M>;
export function CacheableMany(options: CacheableManyOptions<never, never, never> = {}): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache: cacheName, policy, key, itemOf, condition } = options;
    const defaultKey = key === undefined;
    const info = { decorator: 'CacheableMany', method, cache: cacheName, policy, defaultKey } as const;
    wrapMethod(prototype, descriptor, info, ({ registry }, type) => {
      const cache = registry.get(cacheName ?? configOf(type).cache);
      const where = whereIs(info, type);
      const keyOf = keyBuilder({ type, prototype, method, where }, key as ((...args: never[]) => CacheKey) | undefined);
      const entry = entryOptions(options as StoringOptions<never[]>, type);
      cache.policyOf(entry); // wrong options are found now, not at the first call
      return when(condition as (...args: never[]) => boolean, async (instance, [first, ...rest], original) => {
        const byKey = new Map(itemsOf(first, where).map((item) => [keyOf([item, ...rest]), item]));
        const load = async (missing: CacheKey[], group: LoadGroup): Promise<Map<CacheKey, unknown>> => {
          const items = missing.map((one) => byKey.get(one as string));
          const run = (): unknown => settle(Reflect.apply(original, instance, [items, ...rest]));
          const found = pairs(await (registry.sources.used ? inLoad(group, run) : run()), itemOf, where);
          const loaded = new Map<CacheKey, unknown>(found.map(([item, row]) => [keyOf([item, ...rest]), row]));
          if (loaded.size > 0 && !missing.some((one) => loaded.has(one))) throw strangers(where, items, found);
          return loaded;
        };
        const values = await cache.loadMany([...byKey.keys()], load, entry);
        // Among rows, null is what a @Cacheable of the same key kept for "not found".
        return itemOf
          ? [...values.values()].filter((row) => row !== null)
          : new Map(Array.from(values, ([one, row]) => [byKey.get(one as string), row]));
      });
    });
  };
}

function itemsOf(argument: unknown, where: string): unknown[] {
  if (Array.isArray(argument)) return argument;
  throw wrong(where, 'first argument', argument, 'Call the method with an array of items first.');
}

function pairs(result: unknown, itemOf: ((row: never) => unknown) | undefined, where: string): [unknown, unknown][] {
  if (result instanceof Map && !itemOf) return [...result];
  if (Array.isArray(result) && itemOf) return result.map((row) => [itemOf(row as never), row]);
  const remedy = Array.isArray(result)
    ? 'The method returns an array: add itemOf: (row) => row.id, or return a Map by item.'
    : `Return ${itemOf ? 'an array of rows (itemOf is set)' : 'a Map by item, or an array with itemOf set'}.`;
  throw wrong(where, 'result', kindOf(result), remedy);
}

/** Rows of which none was asked for: every call would load again, and find nothing. */
function strangers(where: string, items: readonly unknown[], found: readonly [unknown, unknown][]): CacheOptionsError {
  const remedy =
    'No row belongs to an item that was asked for. Items and what tells them from the rows must be the same kind of value.';
  const value = `rows of ${kindOf(found[0]?.[0])} items for ${kindOf(items[0])} items`;
  return wrong(where, 'result', value, remedy);
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return value.constructor?.name ?? 'object';
}

function wrong(where: string, option: string, value: unknown, remedy: string): CacheOptionsError {
  return new CacheOptionsError([{ option, value, remedy }], `${where} does not work`);
}

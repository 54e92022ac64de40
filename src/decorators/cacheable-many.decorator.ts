import { CacheOptionsError } from '../cache.errors.js';
import type { CacheKey } from '../engine/key.js';
import { settle } from './cacheable.decorator.js';
import { keyBuilder } from './key-builder.js';
import { configOf } from './metadata.js';
import { entryOptions } from './stored-options.js';
import type { DecoratorFor, Method, StoringOptions } from './types.js';
import { wrapMethod } from './wrap-method.js';

type Item<M extends Method> = Parameters<M>[0] extends readonly (infer I)[] ? I : never;
type Row<M extends Method> =
  Awaited<ReturnType<M>> extends infer R
    ? R extends ReadonlyMap<unknown, infer V>
      ? V
      : R extends readonly (infer V)[]
        ? V
        : never
    : never;

/** Options of `@CacheableMany`. */
export interface CacheableManyOptions<I = unknown, R = unknown> extends StoringOptions<never[]> {
  /** The key of one item of the first argument. Default: class, method and the item. */
  key?: (item: I) => CacheKey;
  /**
   * For methods that return an array: which item a row belongs to. Databases return rows in any order and leave out what
   * they do not have, so the place in the array does not tell.
   */
  itemOf?: (row: R) => I;
  /** Tags of everything this method stores. */
  tags?: readonly string[];
}

/**
 * For a method that takes an array of items and returns a `Map` by item, or an array of rows (then `itemOf` tells to which
 * item each belongs). Each item has an entry of its own; the method runs once for those that no tier has. The result has
 * the items in the order asked for, without those that were not found.
 */
export function CacheableMany<M extends Method>(options?: CacheableManyOptions<Item<M>, Row<M>>): DecoratorFor<M> {
  return (prototype, name, descriptor) => {
    const { key, itemOf, condition } = (options ?? {}) as unknown as CacheableManyOptions<never, never>;
    const common = { method: name, cache: options?.cache, policy: options?.policy };
    const info = { decorator: 'CacheableMany', ...common, defaultKey: key === undefined } as const;
    wrapMethod(prototype, descriptor, info, ({ registry }, owner) => {
      const cache = registry.get(options?.cache ?? configOf(owner).cache);
      const keyOf = keyBuilder(owner, name, key as ((...args: never[]) => CacheKey) | undefined);
      const entry = entryOptions((options ?? {}) as StoringOptions<never[]>, owner);
      const where = `${owner.name}.${String(name)}`;
      return async (instance, args, original) => {
        const run = async (items: unknown[]): Promise<unknown> =>
          settle(Reflect.apply(original, instance, [items, ...args.slice(1)]));
        const items = itemsOf(args[0], where);
        if (condition !== undefined && !condition(...(args as never[]))) return run(items);
        const byKey = new Map(items.map((item) => [keyOf([item]), item]));
        const load = async (missing: CacheKey[]): Promise<Map<CacheKey, unknown>> => {
          const rows = pairs(await run(missing.map((one) => byKey.get(one as string))), itemOf, where);
          return new Map(rows.map(([item, row]) => [keyOf([item]), row]));
        };
        const values = await cache.getOrLoadMany([...byKey.keys()], load, entry);
        return itemOf
          ? [...values.values()]
          : new Map(Array.from(values, ([one, row]) => [byKey.get(one as string), row]));
      };
    });
  };
}

function itemsOf(argument: unknown, where: string): unknown[] {
  if (Array.isArray(argument)) return argument;
  throw wrong(where, argument, 'Call it with an array of items as first argument.');
}

function pairs(result: unknown, itemOf: ((row: never) => unknown) | undefined, where: string): [unknown, unknown][] {
  if (result instanceof Map && !itemOf) return [...result];
  if (Array.isArray(result) && itemOf) return result.map((row) => [itemOf(row as never), row]);
  const remedy = Array.isArray(result)
    ? 'The method returns an array: add itemOf: (row) => row.id, or return a Map by item.'
    : `Return ${itemOf ? 'an array of rows (itemOf is set)' : 'a Map by item, or an array with itemOf set'}.`;
  throw wrong(where, typeof result, remedy);
}

function wrong(where: string, value: unknown, remedy: string): CacheOptionsError {
  return new CacheOptionsError([{ option: where, value, remedy }], '@CacheableMany is used wrongly');
}

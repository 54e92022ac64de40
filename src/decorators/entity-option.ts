import type { CacheOptionsError } from '../cache.errors.js';
import type { CacheRegistry } from '../cache.registry.js';
import type { EntityAccess } from '../write-behind/write-behind.port.js';

/**
 * A write-behind entity, and which of its rows a call is about: `'Product'` takes the method's first argument as the id;
 * else `{ name: 'Product', id: (shop, id) => id }`.
 */
export type EntityOption<Args extends readonly unknown[]> = string | { name: string; id: (...args: Args) => unknown };

/** An entity ready for calls of one method. */
export interface EntityTarget {
  entity: EntityAccess;
  idOf(args: readonly unknown[]): unknown;
}

/** Throws {@link CacheOptionsError} for an entity that is not configured. */
export function entityTarget(
  registry: CacheRegistry,
  option: EntityOption<never[]> | undefined,
): EntityTarget | undefined {
  if (option === undefined) return undefined;
  if (typeof option === 'string') return { entity: registry.entity(option), idOf: (args) => args[0] };
  const { name, id } = option;
  return { entity: registry.entity(name), idOf: (args) => id(...(args as never[])) };
}

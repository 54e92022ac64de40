import { CacheOptionsError } from '../cache.errors.js';
import { settle } from './cacheable.decorator.js';
import { keyBuilder } from './key-builder.js';
import { configOf } from './metadata.js';
import { entryOptions, tagFunction } from './stored-options.js';
import type {
  CheckedDecorator,
  DecoratorFor,
  KeyOption,
  Method,
  PlainDecorator,
  ResultOf,
  StoringOptions,
} from './types.js';
import { wrapMethod } from './wrap-method.js';

/** Options of `@CachePut`. */
export interface CachePutOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends StoringOptions<Args> {
  /** The key that is written: that of the `@Cacheable` method which reads it. */
  key: KeyOption<Args>;
  /** What to store of the result. Default: the result. `undefined` evicts. */
  value?: (result: Result, ...args: Args) => unknown;
  /**
   * `'through'` (default): the method writes to the database and its result is stored, unless somebody else changed the
   * key meanwhile; then the key is evicted. `'around'`: the key is evicted, and the next read loads.
   */
  write?: 'through' | 'around';
}

/**
 * The method always runs; afterwards the cache has its result. For methods that write to a database and return the row.
 * When the method throws, the key is evicted: the write may have taken effect all the same.
 */
export function CachePut<M extends Method>(options: CachePutOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function CachePut<Args extends readonly unknown[], Result>(
  options: CachePutOptions<Args, Result>,
): CheckedDecorator<Args>;
export function CachePut(options: CachePutOptions<never[], never>): PlainDecorator {
  return (prototype, name, descriptor) => {
    checkWrite(options, `${prototype.constructor.name}.${String(name)}`);
    const info = { decorator: 'CachePut', method: name, cache: options.cache, policy: options.policy } as const;
    wrapMethod(prototype, descriptor, { ...info, defaultKey: false }, ({ registry }, owner) => {
      const cache = registry.get(options.cache ?? configOf(owner).cache);
      const keyOf = keyBuilder(owner, name, options.key);
      const entry = entryOptions(options, owner);
      const tags = tagFunction(options);
      const { condition, value, write } = options;
      return async (instance, args, original) => {
        const run = async (): Promise<unknown> => settle(Reflect.apply(original, instance, args));
        if (condition !== undefined && !condition(...(args as never[]))) return run();
        const key = keyOf(args);
        let result: unknown;
        const change = async (): Promise<unknown> => {
          result = await run();
          return write === 'around' ? undefined : value ? value(result as never, ...(args as never[])) : result;
        };
        await cache.write(key, change, tags ? { ...entry, tags: [...(entry.tags ?? []), ...tags(args)] } : entry);
        return result;
      };
    });
  };
}

function checkWrite({ write, key }: CachePutOptions<never[], never>, where: string): void {
  if (write !== undefined && write !== 'through' && write !== 'around') {
    const remedy = "Use 'through' or 'around'.";
    throw new CacheOptionsError([{ option: 'write', value: write, remedy }], `@CachePut of ${where} is wrong`);
  }
  if (key === undefined) {
    const remedy = 'Say which key the method writes: key: (product) => [product.id].';
    throw new CacheOptionsError([{ option: 'key', value: key, remedy }], `@CachePut of ${where} is wrong`);
  }
}

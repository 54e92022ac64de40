import { CacheOptionsError } from '../cache.errors.js';
import { entityTarget } from './entity-option.js';
import { keyBuilder } from './key-builder.js';
import { configOf, whereIs } from './metadata.js';
import { entryOptions, tagFunction } from './stored-options.js';
import type { DecoratorFor, KeyOption, Method, PlainDecorator, ResultOf, StoringOptions } from './types.js';
import { settle, when, wrapMethod } from './wrap-method.js';

/** Options of `@CachePut`. */
export interface CachePutOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends StoringOptions<Args> {
  /** The key that is written: that of the `@Cacheable` method which reads it. */
  key: KeyOption<Args>;
  /** What to store of the result. Default: the result. `undefined` evicts. */
  value?: (result: Result, ...args: Args) => unknown;
  /**
   * `'through'` (default): the method writes to the database and its result is stored, unless somebody else changed the
   * key meanwhile; then the key is evicted. `'around'`: the key is evicted, and the next read loads. `'behind'`: the method
   * only makes the row; its result goes to the write-behind `entity`, and Postgres gets it later.
   */
  write?: 'through' | 'around' | 'behind';
  /** For `write: 'behind'`: the entity that the returned row belongs to. */
  entity?: string;
  /**
   * Inside a transaction that the cache knows of nothing is stored: the row is not committed. The key is evicted instead, so
   * the next read loads; with `'after'` (default) at once and again after the COMMIT, with `'afterCommit'` only then, and
   * not at all after a rollback. Outside of a transaction both store the result when the method has succeeded.
   */
  phase?: 'after' | 'afterCommit';
}

/**
 * The method always runs; afterwards the cache has its result. For methods that write to a database and return the row.
 * When the method throws, the key is evicted: the write may have taken effect all the same.
 */
export function CachePut<M extends Method>(options: CachePutOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function CachePut(options: CachePutOptions<never[], never>): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache: cacheName, policy, key, condition, value, write } = options;
    const durable = write === 'behind';
    const info = { decorator: 'CachePut', method, cache: cacheName, policy, defaultKey: false, durable } as const;
    check(options, whereIs(info, prototype.constructor));
    wrapMethod(prototype, descriptor, info, ({ registry }, type) => {
      const cache = registry.get(cacheName ?? configOf(type).cache);
      const where = whereIs(info, type);
      const keyOf = keyBuilder({ type, prototype, method, where }, key);
      const entry = entryOptions(options, type);
      cache.policyOf(entry); // wrong options are found now, not at the first call
      const tags = tagFunction(options, where);
      const target = entityTarget(registry, options.entity);
      return when(condition, async (instance, args, original) => {
        const writtenKey = keyOf(args);
        let result: unknown;
        const change = async (): Promise<unknown> => {
          result = await settle(Reflect.apply(original, instance, args));
          await target?.entity.put(result as object);
          return write === 'around' ? undefined : value ? value(result as never, ...(args as never[])) : result;
        };
        await cache.write(
          writtenKey,
          change,
          tags ? { ...entry, tags: [...(entry.tags ?? []), ...tags(args)] } : entry,
          options.phase === 'afterCommit',
        );
        return result;
      });
    });
  };
}

function check({ write, key, entity, phase }: CachePutOptions<never[], never>, where: string): void {
  const problems = [];
  if (key === undefined) {
    const remedy = 'Say which key the method writes: key: (product) => [product.id].';
    problems.push({ option: 'key', value: key, remedy });
  }
  if (write !== undefined && write !== 'through' && write !== 'around' && write !== 'behind') {
    problems.push({ option: 'write', value: write, remedy: "Use 'through', 'around' or 'behind'." });
  }
  if (phase !== undefined && phase !== 'after' && phase !== 'afterCommit') {
    problems.push({ option: 'phase', value: phase, remedy: "Use 'after' or 'afterCommit'." });
  }
  if (phase === 'afterCommit' && write === 'behind') {
    const remedy = "What is written behind is written, whatever the transaction does: use phase 'after'.";
    problems.push({ option: 'phase', value: phase, remedy });
  }
  if ((write === 'behind') !== (entity !== undefined)) {
    const remedy = "Give both: write: 'behind' and the entity that the row belongs to.";
    problems.push({ option: 'entity', value: entity, remedy });
  }
  if (problems.length > 0) throw new CacheOptionsError(problems, `${where} is wrong`);
}

import { CacheOptionsError } from '../cache.errors.js';
import type { Cache } from '../engine/cache.js';
import type { CacheKey } from '../engine/key.js';
import { settle } from './cacheable.decorator.js';
import { type KeyBuilder, keyBuilder } from './key-builder.js';
import { configOf } from './metadata.js';
import type {
  CheckedDecorator,
  CommonOptions,
  DecoratorFor,
  KeyOption,
  Method,
  PlainDecorator,
  TagsOption,
} from './types.js';
import { wrapMethod } from './wrap-method.js';

/** Options of `@CacheEvict`. At least one of `key`, `keys`, `tags`, `prefix`, `pattern`, `all`; several of them add up. */
export interface CacheEvictOptions<Args extends readonly unknown[] = readonly unknown[]> extends CommonOptions<Args> {
  key?: KeyOption<Args>;
  keys?: readonly CacheKey[] | ((...args: Args) => readonly CacheKey[]);
  tags?: TagsOption<Args>;
  /** All keys that begin with this text, in the whole cache: `'search:'`. */
  prefix?: string | ((...args: Args) => string);
  /** All keys that match, with `*` and `?`. Searched for in Redis: not for methods that run often. */
  pattern?: string | ((...args: Args) => string);
  /** Everything in the cache. */
  all?: boolean;
  /** `'after'` (default): when the method has succeeded. `'before'`: before it runs, whatever becomes of it. */
  phase?: 'before' | 'after';
}

const TARGETS = ['key', 'keys', 'tags', 'prefix', 'pattern', 'all'] as const;

/** The method runs, and what it makes out of date leaves the cache. */
export function CacheEvict<M extends Method>(options: CacheEvictOptions<Parameters<M>>): DecoratorFor<M>;
export function CacheEvict<Args extends readonly unknown[]>(options: CacheEvictOptions<Args>): CheckedDecorator<Args>;
export function CacheEvict(options: CacheEvictOptions<never[]>): PlainDecorator {
  return (prototype, name, descriptor) => {
    check(options, `${prototype.constructor.name}.${String(name)}`);
    const info = { decorator: 'CacheEvict', method: name, cache: options.cache, policy: undefined } as const;
    wrapMethod(prototype, descriptor, { ...info, defaultKey: false }, ({ registry }, owner) => {
      const cache = registry.get(options.cache ?? configOf(owner).cache);
      const keysOf = keyBuilders(options, owner, name);
      const { condition, phase = 'after' } = options;
      return async (instance, args, original) => {
        const run = async (): Promise<unknown> => settle(Reflect.apply(original, instance, args));
        if (condition !== undefined && !condition(...(args as never[]))) return run();
        // Before the method runs in any case: wrong arguments must not be found out after the database was changed.
        const evict = plan(cache, options, keysOf(args), args as never[]);
        if (phase === 'before') await evict();
        const result = await run();
        if (phase === 'after') await evict();
        return result;
      };
    });
  };
}

function plan(
  cache: Cache,
  { tags, prefix, pattern, all }: CacheEvictOptions<never[]>,
  keys: string[],
  args: never[],
): () => Promise<void> {
  const now = <T>(option: T | ((...args: never[]) => T)): T =>
    typeof option === 'function' ? (option as (...args: never[]) => T)(...args) : option;
  const found = { tags: now(tags), prefix: now(prefix), pattern: now(pattern) };
  return async () => {
    const work: Promise<void>[] = keys.map((key) => cache.evict(key));
    if (found.tags?.length) work.push(cache.evict({ tags: found.tags }));
    if (found.prefix !== undefined) work.push(cache.evict({ prefix: found.prefix }));
    if (found.pattern !== undefined) work.push(cache.evict({ pattern: found.pattern }));
    if (all) work.push(cache.clear());
    await Promise.all(work);
  };
}

function keyBuilders(
  { key, keys }: CacheEvictOptions<never[]>,
  owner: Function,
  name: string | symbol,
): (args: unknown[]) => string[] {
  const builders: KeyBuilder[] = key === undefined ? [] : [keyBuilder(owner, name, key)];
  return (args) => {
    const found = builders.map((build) => build(args));
    const many = typeof keys === 'function' ? keys(...(args as never[])) : (keys ?? []);
    return [...found, ...many.map((one) => keyBuilder(owner, name, one)(args))];
  };
}

function check(options: CacheEvictOptions<never[]>, where: string): void {
  const { phase } = options;
  const problems = [];
  if (!TARGETS.some((target) => options[target] !== undefined && options[target] !== false)) {
    problems.push({ option: 'target', value: undefined, remedy: `Give at least one of ${TARGETS.join(', ')}.` });
  }
  if (phase !== undefined && phase !== 'before' && phase !== 'after') {
    problems.push({ option: 'phase', value: phase, remedy: "Use 'before' or 'after'." });
  }
  if (problems.length > 0) throw new CacheOptionsError(problems, `@CacheEvict of ${where} is wrong`);
}

import { CacheOptionsError, CacheTargetError } from '../cache.errors.js';
import type { Cache } from '../engine/cache.js';
import type { CacheKey, EncodedKey } from '../engine/key.js';
import { type CacheTarget, parseTarget } from '../engine/target.js';
import { type EntityOption, entityTarget } from './entity-option.js';
import { type KeyBuilder, type KeySite, keyBuilder } from './key-builder.js';
import { configOf, whereIs } from './metadata.js';
import { checkedTags } from './stored-options.js';
import type { CommonOptions, DecoratorFor, KeyOption, Method, PlainDecorator, ResultOf, TagsOption } from './types.js';
import { settle, when, wrapMethod } from './wrap-method.js';

/** Options of `@CacheEvict`. At least one of those that say what to evict; several of them add up. */
export interface CacheEvictOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown>
  extends CommonOptions<Args> {
  key?: KeyOption<Args>;
  keys?: readonly CacheKey[] | ((...args: Args) => readonly CacheKey[]);
  tags?: TagsOption<Args>;
  /** Further keys, made from what the method returned: `(order) => [['orders', order.customerId]]`. Not with `phase: 'before'`. */
  resultKeys?: (result: Result, ...args: Args) => readonly CacheKey[];
  /** Further tags, made from what the method returned. Not with `phase: 'before'`. */
  resultTags?: (result: Result, ...args: Args) => readonly string[];
  /** All keys that begin with this text, in the whole cache: `'search:'`. */
  prefix?: string | ((...args: Args) => string);
  /** All keys that match, with `*` and `?`. Searched for in Redis: not for methods that run often. */
  pattern?: string | ((...args: Args) => string);
  /** Everything in the cache. */
  all?: boolean;
  /**
   * `'after'` (default): when the method has succeeded; inside a transaction that the cache knows of, again after its COMMIT.
   * `'afterCommit'`: inside such a transaction not before the COMMIT, and not at all after a rollback; outside of one like
   * `'after'`. `'before'`: before the method runs, whatever becomes of it.
   */
  phase?: 'before' | 'after' | 'afterCommit';
  /** `'behind'`: the row of the write-behind `entity` is deleted when the method has succeeded, before anything is evicted. */
  write?: 'behind';
  /** For `write: 'behind'`: the entity, and which row. */
  entity?: EntityOption<Args>;
}

const TARGETS = ['key', 'keys', 'tags', 'resultKeys', 'resultTags', 'prefix', 'pattern', 'all'] as const;

/** The method runs, and what it makes out of date leaves the cache. */
export function CacheEvict<M extends Method>(options: CacheEvictOptions<Parameters<M>, ResultOf<M>>): DecoratorFor<M>;
export function CacheEvict(options: CacheEvictOptions<never[], never>): PlainDecorator {
  return (prototype, method, descriptor) => {
    const { cache: cacheName, condition, all, phase = 'after' } = options;
    const durable = options.write === 'behind';
    const common = { method, cache: cacheName, policy: undefined, defaultKey: false, durable };
    const info = { decorator: 'CacheEvict', ...common } as const;
    check(options, whereIs(info, prototype.constructor));
    wrapMethod(prototype, descriptor, info, ({ registry }, type) => {
      const cache = registry.get(cacheName ?? configOf(type).cache);
      const site = { type, prototype, method, where: whereIs(info, type) };
      const targetsOf = prepareTargets(options, site);
      const target = entityTarget(registry, options.entity);
      return when(condition, async (instance, args, original) => {
        // Before the method runs in any case: wrong arguments must not be found out after the database was changed.
        const targets = targetsOf(args);
        if (phase === 'before') await evict(cache, targets, all);
        const result = await settle(Reflect.apply(original, instance, args));
        if (target) await target.entity.delete(target.idOf(args));
        if (phase === 'before') return result;
        // What is known goes first, whatever the functions that see the result may throw.
        const at = { afterCommit: phase === 'afterCommit' };
        await evict(cache, targets, all, at);
        await evict(cache, resultTargets(options, site, result, args), false, at);
        return result;
      });
    });
  };
}

async function evict(
  cache: Cache,
  targets: readonly CacheTarget[],
  all = false,
  at?: { afterCommit: boolean },
): Promise<void> {
  const work = targets.map((target) => cache.evict(target, at));
  if (all) work.push(cache.clear(at));
  await Promise.all(work);
}

/** What a call evicts, checked. */
function prepareTargets(
  options: CacheEvictOptions<never[], never>,
  site: KeySite,
): (args: readonly unknown[]) => readonly CacheTarget[] {
  const fixed = fixedTargets(options);
  for (const target of fixed) assertTarget(target, site.where);
  const { key, keys, tags, prefix, pattern } = options;
  if (keys !== undefined && typeof keys !== 'function' && !Array.isArray(keys)) throw notKeys(keys, site.where);
  const keysOf: KeyBuilder[] = [key, ...(Array.isArray(keys) ? (keys as CacheKey[]) : [])]
    .filter((one) => one !== undefined)
    .map((one) => keyBuilder(site, one));
  return (args) => {
    const call = <T>(made: (...args: never[]) => T): T => made(...(args as never[]));
    const found: CacheTarget[] = [...fixed, ...keysOf.map((keyOf) => keyOf(args))];
    if (typeof keys === 'function') found.push(...manyKeys(call(keys), site));
    if (typeof tags === 'function') {
      const names = call(tags);
      if (!Array.isArray(names) || names.length > 0) found.push({ tags: names });
    }
    if (typeof prefix === 'function') found.push({ prefix: call(prefix) });
    if (typeof pattern === 'function') found.push({ pattern: call(pattern) });
    for (const target of found) assertTarget(target, site.where);
    return found;
  };
}

function fixedTargets({ tags, prefix, pattern }: CacheEvictOptions<never[], never>): CacheTarget[] {
  const found: CacheTarget[] = [];
  if (tags !== undefined && typeof tags !== 'function') found.push({ tags });
  if (prefix !== undefined && typeof prefix !== 'function') found.push({ prefix });
  if (pattern !== undefined && typeof pattern !== 'function') found.push({ pattern });
  return found;
}

/** What only the result tells. */
function resultTargets(
  { resultKeys, resultTags }: CacheEvictOptions<never[], never>,
  site: KeySite,
  result: unknown,
  args: readonly unknown[],
): CacheTarget[] {
  const call = <T>(made: (result: never, ...args: never[]) => T): T => made(result as never, ...(args as never[]));
  const found: CacheTarget[] = resultKeys ? manyKeys(call(resultKeys), site, 'resultKeys') : [];
  if (resultTags) {
    const tags = checkedTags(call(resultTags), `The resultTags function in ${site.where} is wrong`);
    if (tags.length > 0) found.push({ tags });
  }
  return found;
}

function manyKeys(keys: readonly CacheKey[], site: KeySite, option = 'keys'): EncodedKey[] {
  if (Array.isArray(keys)) return keys.map((one: CacheKey) => keyBuilder(site, () => one)([]));
  throw notKeys(keys, site.where, option);
}

function notKeys(keys: unknown, where: string, option = 'keys'): CacheOptionsError {
  return wrong(option, keys, "Give an array of keys: (ids) => ids.map((id) => ['product', id]).", where);
}

function assertTarget(target: CacheTarget, where: string): void {
  try {
    parseTarget(target);
  } catch (error) {
    if (!(error instanceof CacheTargetError) || typeof target !== 'object') throw error;
    const [[option, value] = ['target', target]] = Object.entries(target);
    throw wrong(option, value, 'Give texts that are not empty.', where);
  }
}

function check(options: CacheEvictOptions<never[], never>, where: string): void {
  const { phase } = options;
  const problems = [];
  if (!TARGETS.some((target) => options[target] !== undefined && options[target] !== false)) {
    problems.push({ option: 'target', value: undefined, remedy: `Give at least one of ${TARGETS.join(', ')}.` });
  }
  if (phase !== undefined && phase !== 'before' && phase !== 'after' && phase !== 'afterCommit') {
    problems.push({ option: 'phase', value: phase, remedy: "Use 'before', 'after' or 'afterCommit'." });
  }
  if ((options.write === 'behind') !== (options.entity !== undefined) || (options.write ?? 'behind') !== 'behind') {
    const remedy = "Give both: write: 'behind' and the entity whose row is deleted.";
    problems.push({ option: 'entity', value: options.entity, remedy });
  }
  if ((phase === 'before' || phase === 'afterCommit') && options.entity !== undefined) {
    const remedy =
      "The row is deleted when the method has succeeded, whatever its transaction does: use phase 'after'.";
    problems.push({ option: 'phase', value: phase, remedy });
  }
  if (phase === 'before' && (options.resultKeys || options.resultTags)) {
    const remedy = "There is no result before the method runs: use phase 'after', or key, keys, tags.";
    problems.push({ option: 'phase', value: phase, remedy });
  }
  if (problems.length > 0) throw new CacheOptionsError(problems, `${where} is wrong`);
}

function wrong(option: string, value: unknown, remedy: string, where: string): CacheOptionsError {
  return new CacheOptionsError([{ option, value, remedy }], `${where} is wrong`);
}

import { CacheTargetError } from '../cache.errors.js';
import type { Cache } from '../engine/cache.js';
import type { CacheTarget } from '../engine/target.js';
import { parseTarget } from '../engine/target.js';
import type { InvalidationTarget, InvalidationTargets } from './invalidation.rule.js';

/** What becomes of a target. */
export type InvalidationMode = 'evict' | 'expire';

const EVERYTHING: InvalidationTarget = { all: true };

/** Targets of one kind of invalidation in one cache, each of them once: a bulk update makes the same ones again and again. */
export class TargetSet {
  private readonly keys = new Set<string>();
  private readonly tags = new Set<string>();
  private readonly prefixes = new Set<string>();
  private readonly patterns = new Set<string>();
  private all = false;

  /** Throws `CacheTargetError` or `CacheKeyError` for what is no target. */
  add(targets: InvalidationTargets): void {
    for (const target of listOf(targets)) this.addOne(target);
  }

  addEverything(): void {
    this.addOne(EVERYTHING);
  }

  invalidate(cache: Cache, mode: InvalidationMode): Promise<unknown> {
    if (this.all) return cache.clear();
    const targets: CacheTarget[] = [
      ...[...this.prefixes].map((prefix) => ({ prefix })),
      ...[...this.patterns].map((pattern) => ({ pattern })),
    ];
    if (this.tags.size > 0) targets.push({ tags: [...this.tags] });
    const [key] = this.keys;
    if (key !== undefined) targets.push(this.keys.size === 1 ? key : [...this.keys]);
    return Promise.all(targets.map((target) => (mode === 'evict' ? cache.evict(target) : cache.expire(target))));
  }

  private addOne(target: InvalidationTarget): void {
    if (isEverything(target)) {
      this.all = true;
      return;
    }
    // The tags of a row that has none.
    if (isObject(target) && 'tags' in target && Array.isArray(target.tags) && target.tags.length === 0) return;
    const parsed = parseTarget(target as CacheTarget);
    if (parsed.kind === 'keys') for (const key of parsed.keys) this.keys.add(key);
    else if (parsed.kind === 'tags') for (const tag of parsed.tags) this.tags.add(tag);
    else if (parsed.kind === 'prefix') this.prefixes.add(parsed.prefix);
    else this.patterns.add(parsed.pattern);
  }
}

/** An array is a key or a list of targets; where it may be both it means both: too little invalidated shows old data. */
function listOf(targets: InvalidationTargets): readonly InvalidationTarget[] {
  if (!Array.isArray(targets)) return [targets as InvalidationTarget];
  const list = targets as readonly unknown[];
  const objects = list.filter(isObject);
  if (objects.length === 0) return list.length === 0 ? [] : [list];
  // Nobody's key begins with an array or a plain object.
  if (Array.isArray(list[0]) || isObject(list[0])) return list as InvalidationTarget[];
  const mayBeList = list.every((item) => typeof item === 'string' || Array.isArray(item) || isTargetObject(item));
  return mayBeList ? [list, ...(list as InvalidationTarget[])] : [list];
}

function isTargetObject(value: unknown): boolean {
  if (!isObject(value)) return false;
  if (isEverything(value)) return true;
  try {
    parseTarget(value as CacheTarget);
    return true;
  } catch (error) {
    if (error instanceof CacheTargetError) return false;
    throw error;
  }
}

function isEverything(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 1 && (value as { all?: unknown }).all === true;
}

/** A plain object: targets are, and dates, maps and the like are parts of keys. */
function isObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

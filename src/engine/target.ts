import { CacheTargetError } from '../cache.errors.js';
import { type CacheKey, type EncodedKey, encodeKey, MAX_KEY_LENGTH } from './key.js';

/** What `evict` and `expire` act on: one key, several keys, everything with a tag, with a prefix, or matching a pattern. */
export type CacheTarget =
  | CacheKey
  | readonly CacheKey[]
  | { readonly tags: readonly string[] }
  /** All keys that begin with this text. `'product:'` costs one command; so do prefixes declared in `prefixes`; others are searched for. */
  | { readonly prefix: string }
  /** `*` stands for any text, `?` for one character. Searched for in Redis in small steps: not for hot paths. */
  | { readonly pattern: string };

export type ParsedTarget =
  | { kind: 'keys'; keys: EncodedKey[] }
  | { kind: 'tags'; tags: readonly string[] }
  | { kind: 'prefix'; prefix: string }
  | { kind: 'pattern'; pattern: string };

const REMEDY =
  "Pass a key ('product:42', ['product', 42]), an array of keys, { tags: ['sale'] }, { prefix: 'product:' } or { pattern: 'product:*:price' }.";

/**
 * Reads a target. An array of strings is ambiguous: `['a', 'b']` is the key `a:b` and also the keys `a` and `b`. Too much
 * invalidated costs a load, too little shows old data, so it means both.
 */
export function parseTarget(target: CacheTarget): ParsedTarget {
  if (typeof target === 'string') return { kind: 'keys', keys: [encodeKey(target)] };
  if (Array.isArray(target)) return { kind: 'keys', keys: keysOf(target as readonly unknown[]) };
  if (typeof target === 'object' && target !== null) {
    const given = Object.values(target).filter((value) => value !== undefined);
    if (given.length > 1) throw new CacheTargetError('What was passed has several targets.', 'Call it once for each.');
    if ('tags' in target && isTexts(target.tags)) return { kind: 'tags', tags: target.tags };
    if ('prefix' in target && isText(target.prefix)) return { kind: 'prefix', prefix: target.prefix };
    if ('pattern' in target && isText(target.pattern)) return { kind: 'pattern', pattern: target.pattern };
  }
  throw new CacheTargetError('There is nothing to invalidate in what was passed.', REMEDY);
}

function keysOf(target: readonly unknown[]): EncodedKey[] {
  if (target.length === 0) return [];
  const keys = new Set([encodeKey(target)]);
  if (target.every((item) => typeof item === 'string' || Array.isArray(item))) {
    for (const item of target) if (isKey(item)) keys.add(encodeKey(item));
  }
  return [...keys];
}

/** What cannot be a key by itself (the long text of `['search', text]`) is only a part of one. */
function isKey(item: string | readonly unknown[]): boolean {
  if (typeof item === 'string') return item.length > 0 && item.length <= MAX_KEY_LENGTH;
  return item.length > 1 || (item.length === 1 && item[0] !== '');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

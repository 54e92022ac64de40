import { createHash } from 'node:crypto';
import { CacheKeyError } from '../cache.errors.js';
import { encodePart } from './key-part.js';

/**
 * The name of a cached value. A string is taken as it is (`'product:42'`). An array is encoded part by part and joined by
 * `:`, so that no user input inside a part can forge a separator and `1` is not `'1'`: `['product', id]`.
 */
export type CacheKey = string | readonly unknown[];

/** A key in its text form, checked. */
export type EncodedKey = string;

/** Longest string key, in characters. */
export const MAX_KEY_LENGTH = 1024;

/** Encoded array keys longer than this end in a hash instead. */
const MAX_READABLE_LENGTH = 256;

/** How much of a hashed key stays readable, in whole segments, so that its prefixes still work. */
export const READABLE_HEAD = 128;

/** A first segment up to this length stays in any case: it is the prefix that every key has. */
const LONGEST_FIRST_SEGMENT = 512;

/** The text form of a key. Throws `CacheKeyError` for a key that is empty, too long or has no stable text form. */
export function encodeKey(key: CacheKey): EncodedKey {
  if (typeof key === 'string') {
    if (key.length === 0) throw emptyKey();
    if (key.length > MAX_KEY_LENGTH) throw longKey(key.length);
    return key;
  }
  if (!Array.isArray(key)) {
    throw new CacheKeyError(
      `A key must be a string or an array, not ${key === null ? 'null' : typeof key}.`,
      "Write 'product:42' or ['product', 42].",
    );
  }
  return encodeParts('', key);
}

/** Encodes `parts` behind `head`, which is already encoded (or empty). Long results end in a hash of 168 bits. */
export function encodeParts(head: string, parts: readonly unknown[]): EncodedKey {
  let text = head;
  for (let i = 0; i < parts.length; i++) {
    const part = encodePart(parts[i]);
    text = i === 0 && head === '' ? part : `${text}:${part}`;
  }
  if (text.length === 0) throw emptyKey();
  return text.length > MAX_READABLE_LENGTH ? shorten(text) : text;
}

/** The prefix that every key has without declaring it: its first segment with the colon; none if there is no colon. */
export function firstSegment(key: EncodedKey): string | undefined {
  const colon = key.indexOf(':');
  return colon < 0 ? undefined : key.slice(0, colon + 1);
}

function shorten(text: string): EncodedKey {
  const first = text.indexOf(':') + 1;
  const cut = Math.max(text.lastIndexOf(':', READABLE_HEAD) + 1, first <= LONGEST_FIRST_SEGMENT ? first : 0);
  // '~h' begins no other part, so a hashed key cannot equal one that was written out.
  return `${text.slice(0, cut)}~h${createHash('sha256').update(text).digest('base64url').slice(0, 28)}`;
}

function emptyKey(): CacheKeyError {
  return new CacheKeyError('The key is empty.', "Give it a name, such as 'product:42' or ['product', id].");
}

function longKey(length: number): CacheKeyError {
  return new CacheKeyError(
    `The key has ${length} characters; ${MAX_KEY_LENGTH} are allowed.`,
    "Pass the long part inside an array key (['search', text]): long array keys are hashed.",
  );
}

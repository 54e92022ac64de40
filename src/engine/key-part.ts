import { CacheKeyError } from '../cache.errors.js';

/**
 * One part of a key as text: injective, type-tagged and canonical. Strings stand for themselves (with what could be
 * mistaken escaped), everything else begins with `~`: `42` is `~42`, `null` is `~null`, `{ b: 1, a: 2 }` is `~{a=~2,b=~1}`.
 */
export function encodePart(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return outer.test(value) ? value.replace(outerAll, percent) : wellFormed(value);
    case 'number':
      return `~${value === 0 ? 0 : value}`;
    default:
      return encodeNested(value, 0);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not stand in a key
const outer = /[%:\u0000-\u001f\u007f]|^~/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const outerAll = /[%:\u0000-\u001f\u007f]|^~|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const inner = /[%:~,=[\]{}\u0000-\u001f\u007f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const MAX_DEPTH = 32;

function percent(char: string): string {
  const code = char.charCodeAt(0);
  // Lone surrogates have no UTF-8 form: left alone, all of them would become the same key in Redis.
  return code > 0xff ? `%u${code.toString(16)}` : `%${code.toString(16).padStart(2, '0')}`;
}

function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.replace(outerAll, percent);
}

function encodeNested(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      // The empty text needs a form of its own: without one `['']` would be `[]`.
      return value === '' ? '~' : value.replace(inner, percent);
    case 'number':
      return `~${value === 0 ? 0 : value}`;
    case 'bigint':
      return `~${value}n`;
    case 'boolean':
    case 'undefined':
      return `~${value}`;
    case 'object':
      return value === null ? '~null' : encodeObject(value, depth);
    default:
      throw unencodable(`a ${typeof value}`);
  }
}

function encodeObject(value: object, depth: number): string {
  if (depth > MAX_DEPTH) throw unencodable('an object that contains itself or is nested too deeply');
  const part = (inside: unknown): string => encodeNested(inside, depth + 1);
  if (Array.isArray(value)) return `~[${Array.from(value, part).join(',')}]`;
  if (value instanceof Date || value instanceof Map || value instanceof Set) assertBuiltIn(value);
  if (value instanceof Date) return `~d${value.getTime()}`;
  if (value instanceof Map) return `~m[${Array.from(value, ([k, v]) => `${part(k)}=${part(v)}`).sort()}]`;
  if (value instanceof Set) return `~s[${Array.from(value, part).sort()}]`;
  if (value instanceof RegExp) return `~r${part(value.source)}=${value.flags}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64url');
    return `~b${value instanceof Uint8Array ? '' : value.constructor.name}=${bytes}`;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return `~j${part(value.toJSON())}`;
  assertData(value);
  const record = value as Record<string, unknown>;
  return `~{${Object.keys(record)
    .sort()
    .map((name) => `${name.replace(inner, percent)}=${part(record[name])}`)
    .join(',')}}`;
}

/** A subclass (a Date with a time zone) has state that the built-in class does not know of. */
function assertBuiltIn(value: Date | Map<unknown, unknown> | Set<unknown>): void {
  const type = value.constructor;
  if (type !== Date && type !== Map && type !== Set) throw unencodable(`an instance of ${nameOf(type)}`);
}

/**
 * Plain objects and instances of the app's data classes (DTOs) are what their properties say. An object that hides
 * state is not: two different ones would get the same key.
 */
function assertData(value: object): void {
  if (Object.getOwnPropertySymbols(value).some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))) {
    throw unencodable('an object with a symbol as the name of a property');
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return;
  const name = nameOf(prototype.constructor);
  if (Object.prototype.toString.call(value) !== '[object Object]') throw unencodable(`a ${name}`);
  if (Object.keys(value).length === 0 || !isDataClass(prototype)) {
    throw unencodable(`an instance of ${name} whose state is not in its own properties`);
  }
}

const dataClasses = new WeakSet<object>();

/** Whether neither the class nor one of those it extends is native or has `#private` fields. */
function isDataClass(prototype: object): boolean {
  if (dataClasses.has(prototype)) return true;
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const source = typeof at.constructor === 'function' ? Function.prototype.toString.call(at.constructor) : '#none';
    if (/#[A-Za-z_$]|\{\s*\[native code\]\s*\}\s*$/.test(source)) return false;
  }
  dataClasses.add(prototype);
  return true;
}

function nameOf(type: unknown): string {
  return (typeof type === 'function' && type.name) || 'an unnamed class';
}

function unencodable(what: string): CacheKeyError {
  return new CacheKeyError(
    `A key cannot contain ${what}: it has no stable text form.`,
    'Give the decorator a `key` function that picks what identifies the value, e.g. key: (user) => [user.id].',
  );
}

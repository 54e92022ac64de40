import { CacheEntryError } from '../cache.errors.js';
import { isExactly, isPlainArray, type ValueTypes } from './value-types.js';

/**
 * Values that JSON cannot say are written as `{ "$": [tag, ...] }`; a plain object that has a `$` of its own is written
 * the same way, so nothing a user stores can be mistaken for a tag.
 */
export function toTagged(value: unknown, types: ValueTypes): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : tag('f', Object.is(value, -0) ? '-0' : `${value}`);
    case 'bigint':
      return tag('n', `${value}`);
    case 'undefined':
      return tag('u');
    case 'object':
      return value === null ? null : objectToTagged(value, types);
    default:
      return value;
  }
}

function objectToTagged(value: object, types: ValueTypes): unknown {
  const inner = (inside: unknown): unknown => toTagged(inside, types);
  // Array.from instead of map: a hole is an undefined.
  if (isPlainArray(value)) return Array.from(value, inner);
  if (isExactly(value, Date)) return tag('d', value.getTime());
  if (isExactly(value, Map))
    return tag(
      'm',
      Array.from(value, ([k, v]) => [inner(k), inner(v)]),
    );
  if (isExactly(value, Set)) return tag('s', Array.from(value, inner));
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return tag('b', Buffer.isBuffer(value) ? 'Buffer' : value.constructor.name, bytes);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const type = prototype === Object.prototype || prototype === null ? undefined : types.of(value);
  if (type) return tag('t', type.name, inner(type.encode(value)));
  const entries = Object.entries(value).map(([name, inside]): [string, unknown] => [name, inner(inside)]);
  // MessagePack renames a `__proto__`.
  const special = entries.some(([name]) => name === '$' || name === '__proto__');
  return special ? tag('o', entries) : Object.fromEntries(entries);
}

function tag(name: string, ...data: unknown[]): { $: unknown[] } {
  return { $: [name, ...data] };
}

/** The value again. Works in place: `tagged` was parsed for this purpose. Throws `CacheEntryError` for an unknown tag or class. */
export function fromTagged(tagged: unknown, types: ValueTypes): unknown {
  if (typeof tagged !== 'object' || tagged === null) return tagged;
  if (Array.isArray(tagged)) {
    for (let i = 0; i < tagged.length; i++) tagged[i] = fromTagged(tagged[i], types);
    return tagged;
  }
  const record = tagged as Record<string, unknown>;
  if (Array.isArray(record.$)) return untag(record.$ as unknown[], types);
  return restoreProperties(record, types);
}

function restoreProperties(record: Record<string, unknown>, types: ValueTypes): Record<string, unknown> {
  // The property is the record's own (parsed), so that assigning to a `__proto__` changes the property, not the prototype.
  for (const name of Object.keys(record)) record[name] = fromTagged(record[name], types);
  return record;
}

function untag([name, first, second]: unknown[], types: ValueTypes): unknown {
  switch (name) {
    case 'f':
      return Number(first);
    case 'n':
      return BigInt(first as string);
    case 'u':
      return undefined;
    case 'd':
      return new Date(first === null ? Number.NaN : (first as number));
    case 'm':
      return new Map((first as unknown[][]).map(([k, v]) => [fromTagged(k, types), fromTagged(v, types)]));
    case 's':
      return new Set((first as unknown[]).map((item) => fromTagged(item, types)));
    case 'b':
      return toBinary(first as string, Buffer.from(second as string, 'base64'));
    case 't':
      return restoreInstance(first as string, fromTagged(second, types), types);
    case 'o':
      // Makes own properties, also of a `__proto__`.
      return Object.fromEntries((first as [string, unknown][]).map(([k, v]) => [k, fromTagged(v, types)]));
    default:
      throw new CacheEntryError(`A stored value has the unknown type tag "${String(name)}".`, 'It is loaded again.');
  }
}

function restoreInstance(name: string, data: unknown, types: ValueTypes): unknown {
  const type = types.named(name);
  if (!type) {
    throw new CacheEntryError(
      `A stored value contains a ${name}, which this process does not know.`,
      `Register the class: CacheModule.forRoot({ types: [${name}] }). Until then the value is loaded again.`,
    );
  }
  return type.decode(data);
}

const arrays = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]; // prettier-ignore

function toBinary(name: string, bytes: Buffer): unknown {
  if (name === 'Buffer') return bytes;
  const type = arrays.find((candidate) => candidate.name === name);
  if (!type) throw new CacheEntryError(`A stored value contains a ${name}.`, 'It is loaded again.');
  // A copy of its own: small Buffers lie at odd places of a shared pool, which the wider arrays do not accept.
  return new type(new Uint8Array(bytes).buffer);
}

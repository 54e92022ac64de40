import { CacheEntryError } from '../cache.errors.js';
import { isExactly, isPlainArray, type ValueTypes } from './value-types.js';

/** A private copy of a value, taken so that nothing its maker does later can change what the cache holds. */
export interface Snapshot {
  readonly value: unknown;
  /** Estimated bytes in memory. */
  readonly bytes: number;
  /** False if plain JSON says all of it: no Date, BigInt, Map, undefined, NaN, ... inside. */
  readonly typed: boolean;
  /** True if it contains what cannot be made read-only: binary data, instances of registered classes that are not immutable. */
  readonly binary: boolean;
}

type Plain = Record<string, unknown>;

/** Deeper than any sensible value; a cycle reaches it at once. */
const MAX_DEPTH = 200;

/** Copies values, and makes copies read-only. One instance per cache: it knows the registered types. */
export class Values {
  // What one walk finds out. Fields instead of an object per walk: this runs for every value that is stored.
  private bytes = 0;
  private typed = false;
  private binary = false;
  /**
   * How objects are copied. A spread is three times faster than `Object.assign`, but freezing its result makes V8 give each
   * object a hidden class of its own: together nearly three times slower, and 1 KB of memory more.
   */
  private willFreeze = false;

  constructor(
    private readonly types: ValueTypes,
    /** Most bytes of one value. Checked on the way: what is too large must not be copied first. */
    private readonly limit = Number.POSITIVE_INFINITY,
  ) {}

  /** A copy with its figures. Throws `CacheEntryError` for what no store can keep: functions, streams, unknown classes. */
  snapshot(value: unknown, willFreeze = false): Snapshot {
    this.willFreeze = willFreeze;
    this.bytes = 64;
    this.typed = false;
    this.binary = false;
    const copy = this.copyOf(value, 0);
    return { value: copy, bytes: this.bytes, typed: this.typed, binary: this.binary };
  }

  /** A copy that its receiver may change. */
  copy(value: unknown, willFreeze = false): unknown {
    this.willFreeze = willFreeze;
    this.bytes = 0;
    return this.copyOf(value, 0);
  }

  private copyOf(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        this.bytes += 16 + value.length;
        return value;
      case 'number':
        this.bytes += 8;
        if (!Number.isFinite(value) || Object.is(value, -0)) this.typed = true;
        return value;
      case 'boolean':
        this.bytes += 8;
        return value;
      case 'object':
        return value === null ? null : this.copyOfObject(value, depth);
      case 'bigint':
        this.bytes += 16 + (BigInt.asIntN(64, value) === value ? 0 : value.toString(16).length >> 1);
        this.typed = true;
        return value;
      case 'undefined':
        this.bytes += 16;
        this.typed = true;
        return value;
      default:
        throw unstorable(`a ${typeof value}`);
    }
  }

  private copyOfObject(value: object, depth: number): object {
    if (depth > MAX_DEPTH) throw unstorable('an object that contains itself or is nested too deeply');
    if (this.bytes > this.limit) throw tooLarge(this.bytes, this.limit);
    this.bytes += 32;
    if (isPlainArray(value)) {
      const copy: unknown[] = value.slice();
      for (let i = 0; i < copy.length; i++) copy[i] = this.copyOf(copy[i], depth + 1);
      return copy;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return this.copyOfInstance(value, depth);
    // Assigning a `__proto__` would change the copy's prototype; spreading makes a property of it.
    const assign = this.willFreeze && !Object.hasOwn(value, '__proto__');
    const copy = (assign ? Object.assign({}, value) : { ...value }) as Plain;
    for (const name in copy) {
      const inside = copy[name];
      this.bytes += 8;
      // Not every serializer keeps this name.
      if (name === '__proto__') this.typed = true;
      if (typeof inside === 'string') this.bytes += 16 + inside.length;
      else if (typeof inside === 'object' && inside !== null) copy[name] = this.copyOfObject(inside, depth + 1);
      else this.copyOf(inside, depth);
    }
    return copy;
  }

  private copyOfInstance(value: object, depth: number): object {
    this.typed = true;
    if (isExactly(value, Date)) return new Date(value.getTime());
    if (isExactly(value, Map)) {
      const copy = new Map<unknown, unknown>();
      for (const [k, v] of value) copy.set(this.copyOf(k, depth + 1), this.copyOf(v, depth + 1));
      return copy;
    }
    if (isExactly(value, Set)) {
      const copy = new Set<unknown>();
      for (const item of value) copy.add(this.copyOf(item, depth + 1));
      return copy;
    }
    if (Buffer.isBuffer(value)) {
      this.countBinary(value);
      return Buffer.from(value);
    }
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      this.countBinary(value);
      return (value as Uint8Array).slice();
    }
    const type = this.types.of(value);
    if (!type) throw unstorable(`an instance of ${value.constructor?.name || 'an unnamed class'}`);
    if (type.immutable) {
      this.bytes += 64;
      return value;
    }
    this.binary = true;
    return type.decode(this.copyOf(type.encode(value), depth + 1)) as object;
  }

  private countBinary(value: ArrayBufferView): void {
    this.binary = true;
    this.bytes += value.byteLength;
  }
}

/** The figures of a value that is stored as it is, for caches in memory that share their values. */
export function measure(value: unknown, count: boolean): Snapshot {
  return { value, bytes: count ? 64 + sizeOf(value, 0) : 1, typed: false, binary: false };
}

function sizeOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  // What is deeper, or contains itself, is not worth counting.
  if (depth > 8) return 32;
  if (ArrayBuffer.isView(value)) return 64 + value.byteLength;
  let bytes = 32;
  if (value instanceof Map || value instanceof Set) {
    for (const item of value) bytes += sizeOf(item, depth + 1);
  } else {
    for (const name in value) bytes += 8 + sizeOf((value as Plain)[name], depth + 1);
  }
  return bytes;
}

/**
 * Makes a private copy read-only, in depth: objects and arrays frozen, Date, Map and Set with methods that throw. Binary
 * data and instances of registered classes cannot be protected: values with them are copied for each reader.
 */
export function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') freeze(item);
    return Object.freeze(value);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    for (const name in value) {
      const inside = value[name];
      if (typeof inside === 'object') freeze(inside);
    }
    return Object.freeze(value);
  }
  if (isExactly(value, Map)) {
    for (const [k, v] of value) {
      freeze(k);
      freeze(v);
    }
    return Object.setPrototypeOf(value, readOnlyMap);
  }
  if (isExactly(value, Set)) {
    for (const item of value) freeze(item);
    return Object.setPrototypeOf(value, readOnlySet);
  }
  if (isExactly(value, Date)) return Object.setPrototypeOf(value, readOnlyDate);
  return value;
}

/**
 * A prototype whose changing methods throw. Without a `constructor` of its own, an object that has it still is, prints
 * and compares like one of the class.
 */
function readOnly(prototype: object, changes: (name: string) => boolean): object {
  const guarded: object = Object.create(prototype);
  for (const name of Object.getOwnPropertyNames(prototype).filter(changes)) {
    Object.defineProperty(guarded, name, {
      value: () => {
        throw new TypeError(
          `Cannot call ${name}() on a cached value: it is shared by all callers. Copy it first, or set values: 'cloned'.`,
        );
      },
    });
  }
  return Object.freeze(guarded);
}

const readOnlyDate = readOnly(Date.prototype, (name) => name.startsWith('set'));
const readOnlyMap = readOnly(Map.prototype, (name) =>
  ['set', 'delete', 'clear', 'getOrInsert', 'getOrInsertComputed'].includes(name),
);
const readOnlySet = readOnly(Set.prototype, (name) => ['add', 'delete', 'clear'].includes(name));

function unstorable(what: string): CacheEntryError {
  return new CacheEntryError(
    `A cached value cannot contain ${what}.`,
    'Return plain data, or register the class: CacheModule.forRoot({ types: [ThatClass] }).',
  );
}

export function tooLarge(bytes: number, limit: number): CacheEntryError {
  return new CacheEntryError(
    `The value has at least about ${bytes} bytes, more than maxValueBytes (${limit}).`,
    'Cache less of it, or raise maxValueBytes.',
  );
}

import { CacheOptionsError, type OptionProblem } from '../cache.errors.js';

/** How instances of one class are stored and made again. `encode` gives data that may contain any storable value. */
export interface ValueType<T = unknown> {
  /** Stands in the stored entry: keep it when the class is renamed. */
  name: string;
  class: abstract new (...args: never[]) => T;
  encode(value: T): unknown;
  decode(data: unknown): T;
  /** True if instances never change (a Decimal): they are shared instead of copied. Default: false. */
  immutable?: boolean;
}

/** A class by itself means: store its own properties, make it again without calling the constructor. */
export type ValueTypeOption = ValueType | (abstract new (...args: never[]) => unknown);

interface DecimalClass {
  new (text: string): { toString(): string };
  name: string;
}

const DECIMAL = 'Decimal';

/** The classes whose instances a cache can store, besides the built-in ones. */
export class ValueTypes {
  private readonly byPrototype = new Map<object, ValueType>();
  private readonly byName = new Map<string, ValueType>();

  constructor(options: readonly ValueTypeOption[] = []) {
    const problems: OptionProblem[] = [];
    for (const option of options) {
      const type = typeof option === 'function' ? typeOfClass(option) : option;
      const remedy = this.check(type);
      if (remedy === undefined) this.add(type as ValueType);
      else problems.push({ option: 'types', value: type?.name ?? type, remedy });
    }
    if (problems.length > 0) throw new CacheOptionsError(problems);
  }

  of(value: object): ValueType | undefined {
    const known = this.byPrototype.get(Object.getPrototypeOf(value) as object);
    if (known) return known;
    // Prisma brings its own copy of decimal.js, which this package must not import: it is known by its looks, and
    // learned when first seen. Until then a stored Decimal cannot be read and counts as a miss.
    return isDecimal(value) ? this.add(decimalType(value.constructor as unknown as DecimalClass)) : undefined;
  }

  named(name: string): ValueType | undefined {
    return this.byName.get(name);
  }

  /** What is wrong with an option, as what to do about it. */
  private check(type: ValueType | undefined): string | undefined {
    if (typeof type?.class !== 'function' || typeof type.encode !== 'function' || typeof type.decode !== 'function') {
      return 'Pass classes, or { name, class, encode, decode }.';
    }
    if (typeof type.name !== 'string' || type.name === '')
      return 'It has no name: pass { name, class, encode, decode }.';
    const other = this.byName.get(type.name)?.class;
    if (other === undefined || other === type.class || type.name === DECIMAL) return undefined;
    return 'There are two of this name: pass { name, class, encode, decode } with another name for one of them.';
  }

  private add(type: ValueType): ValueType {
    this.byPrototype.set(type.class.prototype as object, type);
    this.byName.set(type.name, type);
    return type;
  }
}

function typeOfClass(type: abstract new (...args: never[]) => unknown): ValueType {
  if (isDecimalClass(type)) return decimalType(type as unknown as DecimalClass);
  return {
    name: type.name,
    class: type,
    encode: (value) => ({ ...(value as object) }),
    // Defined, not assigned: a stored `__proto__` or the name of a setter must stay data.
    decode: (data) =>
      Object.create(type.prototype as object, Object.getOwnPropertyDescriptors(data as object)) as object,
  };
}

function decimalType(type: DecimalClass): ValueType {
  return {
    name: DECIMAL,
    class: type as unknown as ValueType['class'],
    // Unlike toString it keeps the sign of -0.
    encode: (value) => String((value as { valueOf(): unknown }).valueOf()),
    decode: (data) => new type(String(data)),
    immutable: true,
  };
}

function isDecimal(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Decimal]' && isDecimalClass(value.constructor);
}

/** decimal.js (also inside Prisma) has a static `isDecimal` and constructors that take text. */
function isDecimalClass(type: Function): boolean {
  return 'isDecimal' in type && typeof type.isDecimal === 'function';
}

/** Whether it is an array and nothing more. One of another realm (a test runner's sandbox) is. */
export function isPlainArray(value: object): value is unknown[] {
  return Array.isArray(value) && (value.constructor === Array || value.constructor?.name === 'Array');
}

/** Whether it is an instance of this very class: of a subclass nobody knows what else it is, it has to be registered. */
export function isExactly<T extends object>(value: object, type: abstract new () => T): value is T {
  return value instanceof type && value.constructor === type;
}

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
export type ValueTypeOption = ValueType<never> | (abstract new (...args: never[]) => unknown);

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
    for (const option of options) this.add(typeof option === 'function' ? typeOfClass(option) : (option as ValueType));
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
    decode: (data) => Object.assign(Object.create(type.prototype as object), data),
  };
}

function decimalType(type: DecimalClass): ValueType {
  return {
    name: DECIMAL,
    class: type as unknown as ValueType['class'],
    encode: (value) => (value as { toString(): string }).toString(),
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

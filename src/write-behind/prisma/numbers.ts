import type { DecimalClass } from './catalogue.js';
import { Flaw, wrongType } from './flaw.js';
import { asItIs, type ValueCodec } from './value-codec.js';

/** smallint, integer and oid. */
export function integerCodec(min: number, max: number): ValueCodec {
  return {
    encode(value) {
      if (typeof value !== 'number') return wrongType('a number', value);
      if (!Number.isInteger(value)) return new Flaw(`must be an integer, is ${value}`);
      if (value < min || value > max) return new Flaw(`must be between ${min} and ${max}, is ${value}`);
      return `${value}`; // -0 becomes 0
    },
    decode: Number, // the database gives an oid as text
    keyText: asItIs,
  };
}

const BIGINT_MIN = -(2n ** 63n);
const BIGINT_MAX = 2n ** 63n - 1n;

/** Digits in quotes: JSON.parse would round them as a number. */
export const bigintCodec: ValueCodec = {
  encode(value) {
    if (typeof value === 'number') {
      return Number.isSafeInteger(value)
        ? `"${value}"`
        : new Flaw(`must be a bigint or an integer below 2^53, is the number ${value}`);
    }
    if (typeof value !== 'bigint') return wrongType('a bigint', value);
    if (value < BIGINT_MIN || value > BIGINT_MAX) return new Flaw(`must fit into 64 bits, is ${value}`);
    return `"${value}"`;
  },
  decode: BigInt,
  keyText: asItIs,
  load: (expression) => `${expression}::text`,
};

/** NaN and the infinities are texts, also in the JSON that PostgreSQL makes. */
export const doubleCodec: ValueCodec = {
  encode(value) {
    if (typeof value !== 'number') return wrongType('a number', value);
    return Number.isFinite(value) ? `${value}` : `"${value}"`;
  },
  decode: Number,
  keyText: asItIs,
};

export const realCodec: ValueCodec = {
  encode(value) {
    if (typeof value !== 'number') return wrongType('a number', value);
    if (!Number.isFinite(value)) return `"${value}"`;
    const rounded = Math.fround(value);
    if (!Number.isFinite(rounded) || (rounded === 0 && value !== 0)) {
      return new Flaw(`must be a number that 32 bits can hold, is ${value}`);
    }
    return `${rounded}`; // all digits of its 64-bit form: read as 32 bits they give the same number
  },
  decode: shortestReal,
  keyText: asItIs,
};

/** With the fewest digits that mean the same 32-bit number, as the database shows it and Prisma reads it: 0.1 is 0.1. */
function shortestReal(json: number | string): number {
  const value = Math.fround(Number(json));
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value;
}

/** Limits of `numeric` without precision. */
const MAX_INTEGER_DIGITS = 131_072;
const MAX_SCALE = 16_383;
const NOT_FINITE = /^(?:NaN|-?Infinity)$/;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;

/**
 * `numeric`, digits in quotes. With precision and scale: rounded like the column does it, and padded with zeros.
 * @param readAs set for money, whose own text depends on the locale
 */
export function numericCodec(
  decimal: DecimalClass,
  digits: { precision: number; scale: number } | undefined,
  readAs?: string,
): ValueCodec {
  return {
    encode(value) {
      const given = textOf(value);
      if (given === undefined) return wrongType('a Decimal, a number or a text of digits', value);
      const text = numericText(given, digits);
      return typeof text === 'string' ? `"${text}"` : text;
    },
    decode: decimal ? (text: string) => new decimal(text) : undefined,
    keyText: readAs === undefined ? withoutTrailingZeros : undefined,
    load: readAs === undefined ? (expression) => `${expression}::text` : (expression) => `${expression}::numeric::text`,
    ...(readAs === undefined ? {} : { readAs }),
  };
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return `${value}`;
  if (typeof value !== 'object' || value === null) return undefined;
  const { toFixed } = value as { toFixed?: unknown };
  return typeof toFixed === 'function' ? String(toFixed.call(value)) : undefined; // of a Decimal: all digits, no exponent
}

/** As PostgreSQL writes it: rounded to the scale (away from zero when in the middle), and with all of its digits. */
function numericText(given: string, limits: { precision: number; scale: number } | undefined): string | Flaw {
  const match = NUMBER.exec(given);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (!match || (whole === '' && fraction === '')) {
    return new Flaw(`must be a finite number, is ${NOT_FINITE.test(given) ? given : 'some other text'}`);
  }
  const decimals = fraction.length - Number(exponent); // digits after the point; below 0: zeros before it
  const scale = limits?.scale ?? Math.max(0, decimals);
  if (whole.length + Number(exponent) > MAX_INTEGER_DIGITS || scale > MAX_SCALE) {
    return new Flaw(`has more digits than a numeric can hold: ${shorten(given)}`);
  }
  const unscaled = shiftDigits(whole + fraction, scale - decimals);
  if (limits && unscaled.length > limits.precision) {
    return new Flaw(`is too large for numeric(${limits.precision}, ${limits.scale}): ${shorten(given)}`);
  }
  const minus = sign === '-' && unscaled !== '0' ? '-' : '';
  if (scale <= 0) return minus + (unscaled === '0' ? '0' : unscaled + '0'.repeat(-scale));
  const digits = unscaled.padStart(scale + 1, '0');
  return `${minus}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Times ten to the power of `places`, rounded, without leading zeros. */
function shiftDigits(digits: string, places: number): string {
  const value = BigInt(digits);
  if (places >= 0) return value === 0n ? '0' : `${value}${'0'.repeat(places)}`;
  if (-places > digits.length) return '0'; // and no division by an enormous number
  const divisor = 10n ** BigInt(-places);
  return `${(value + divisor / 2n) / divisor}`;
}

function withoutTrailingZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

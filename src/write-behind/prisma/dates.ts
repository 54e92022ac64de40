import { isDate } from 'node:util/types';
import { Flaw, wrongType } from './flaw.js';
import { asItIs, type ValueCodec } from './value-codec.js';

/** The years that both sides write with four digits. */
const MIN = Date.parse('0001-01-01T00:00:00.000Z');
const MAX = Date.parse('9999-12-31T23:59:59.999Z');

/** PostgreSQL counts from here, and rounds away from here. */
const EPOCH = Date.UTC(2000, 0, 1);
const DAY = 86_400_000;

function flawOfDate(value: unknown): Flaw | undefined {
  if (!isDate(value)) return wrongType('a Date', value); // isDate: also of another realm, such as a test's
  const time = value.getTime();
  if (Number.isNaN(time)) return new Flaw('must be a valid Date');
  if (time < MIN || time > MAX) return new Flaw('must be a Date of the years 1 to 9999');
  return undefined;
}

/** Milliseconds rounded to so many digits of a second, away from `from` when in the middle. */
function round(time: number, digits: number, from: number): number {
  if (digits < 0 || digits >= 3) return time;
  const unit = 10 ** (3 - digits);
  const distance = time - from;
  return from + Math.sign(distance) * Math.floor((Math.abs(distance) + unit / 2) / unit) * unit;
}

/**
 * timestamp and timestamptz, both in UTC: that is how Prisma reads and writes columns without time zone.
 * @param digits of a second that the column keeps; below 0: all
 */
export function timestampCodec(digits: number, zoned: boolean): ValueCodec {
  return {
    encode(value) {
      const flaw = flawOfDate(value);
      if (flaw) return flaw;
      const time = round((value as Date).getTime(), digits, EPOCH);
      if (time > MAX) return new Flaw('must be a Date of the years 1 to 9999, also rounded');
      return `"${new Date(time).toISOString()}"`;
    },
    // What the database gives has no Z, as `load` sees to that. What is beyond our years becomes an invalid Date, as in Prisma.
    decode: (text: string) => new Date(text.endsWith('Z') ? text : `${text}Z`),
    keyText: asItIs,
    ...(zoned ? { load: (expression: string) => `${expression} AT TIME ZONE 'UTC'` } : {}),
  };
}

export const dateCodec: ValueCodec = {
  encode: (value) => flawOfDate(value) ?? `"${(value as Date).toISOString().slice(0, 10)}"`,
  decode: (text: string) => new Date(`${text}T00:00:00.000Z`),
  keyText: asItIs,
};

/** time and timetz: the time of day of a Date in UTC, on 1970-01-01 when it comes back. A zone is dropped, as Prisma does it. */
export function timeCodec(digits: number, zoned: boolean): ValueCodec {
  return {
    encode(value) {
      const flaw = flawOfDate(value);
      if (flaw) return flaw;
      const time = (value as Date).getTime() % DAY;
      const rounded = round(time < 0 ? time + DAY : time, digits, 0);
      const text = rounded === DAY ? '24:00:00.000' : new Date(rounded).toISOString().slice(11, 23);
      return `"${text}${zoned ? '+00' : ''}"`;
    },
    decode: (text: string) => new Date(`1970-01-01T${text.replace(ZONE, '')}Z`),
    keyText: zoned ? undefined : asItIs, // equal times of day of different zones are different values
  };
}

const ZONE = /[+-]\d\d(:\d\d)*$/;

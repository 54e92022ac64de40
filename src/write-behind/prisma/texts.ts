import { isUint8Array } from 'node:util/types';
import { Flaw, wrongType } from './flaw.js';
import { asItIs, type ValueCodec } from './value-codec.js';

/** What no text of PostgreSQL can hold: NUL, and halves of a character. */
export function flawOfText(text: string): Flaw | undefined {
  if (text.includes('\0')) return new Flaw('must not contain the character NUL: PostgreSQL has no such texts');
  if (!text.isWellFormed()) return new Flaw('must not contain a lone surrogate: it is half of a character');
  return undefined;
}

/** Length in characters, as PostgreSQL counts it. */
function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * text, varchar(n) and everything that has no form of its own.
 * @param limit in characters; undefined: none
 * @param isKey whether equal values are equal texts
 */
export function textCodec(limit: number | undefined, isKey: boolean): ValueCodec {
  return {
    encode(value) {
      if (typeof value !== 'string') return wrongType('a string', value);
      // No text has more characters than UTF-16 units, so most need no counting.
      if (limit !== undefined && value.length > limit && charactersOf(value) > limit) return tooLong(value, limit);
      return flawOfText(value) ?? JSON.stringify(value);
    },
    keyText: isKey ? asItIs : undefined,
  };
}

/** char(n): the column pads with spaces, which count for nothing when it compares. */
export function paddedCodec(length: number, isKey: boolean): ValueCodec {
  return {
    encode(value) {
      if (typeof value !== 'string') return wrongType('a string', value);
      const characters = charactersOf(value);
      if (characters > length) return tooLong(value, length);
      return flawOfText(value) ?? JSON.stringify(value + ' '.repeat(length - characters));
    },
    keyText: isKey ? (text) => text.replace(/ +$/, '') : undefined,
  };
}

function tooLong(text: string, limit: number): Flaw {
  return new Flaw(`must have at most ${limit} characters, has ${charactersOf(text)}`);
}

/** Types without a codec of their own (inet, interval, ...): the text that PostgreSQL writes. */
export const otherCodec: ValueCodec = { ...textCodec(undefined, false), load: (expression) => `${expression}::text` };

export const booleanCodec: ValueCodec = {
  encode: (value) => (typeof value === 'boolean' ? `${value}` : wrongType('a boolean', value)),
  keyText: asItIs,
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const uuidCodec: ValueCodec = {
  encode(value) {
    if (typeof value !== 'string') return wrongType('a string', value);
    if (!UUID.test(value)) return new Flaw('must be a UUID such as 7d444840-9dc0-11d1-b245-5ffdce74fad2');
    return `"${value.toLowerCase()}"`;
  },
  keyText: asItIs,
};

/**
 * @param labels all labels of the type
 * @param names the label of each Prisma name; without it names are labels
 */
export function enumCodec(labels: readonly string[], names: Readonly<Record<string, string>> | undefined): ValueCodec {
  const pairs = names ? Object.entries(names) : labels.map((label) => [label, label] as const);
  const encoded = new Map(pairs.map(([name, label]) => [name, JSON.stringify(label)]));
  const decoded = new Map(pairs.map(([name, label]) => [label, name]));
  return {
    encode(value) {
      if (typeof value !== 'string') return wrongType('a string', value);
      const hint = names ? '' : ' (names with @map: give their labels in the option "enums")';
      return encoded.get(value) ?? new Flaw(`must be one of ${[...encoded.keys()].join(', ')}${hint}`);
    },
    decode: (label: string) => decoded.get(label) ?? label, // a label that was added since is better than none
    keyText: asItIs,
  };
}

export const bytesCodec: ValueCodec = {
  encode(value) {
    if (!isUint8Array(value)) return wrongType('a Uint8Array', value);
    return `"\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}"`;
  },
  decode: (text: string) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
  keyText: asItIs,
  load: (expression) => `'\\x' || encode(${expression}, 'hex')`,
};

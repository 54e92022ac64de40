import { Flaw, wrongType } from './flaw.js';
import { flawOfText } from './texts.js';
import type { ValueCodec } from './value-codec.js';

/** Deeper values would be refused by the database, and one that contains itself has no end. */
const MAX_DEPTH = 500;

/** json and jsonb: what JSON can say, as JSON.stringify says it. */
export const jsonCodec: ValueCodec = {
  encode: (value) => flawOfJson(value, 0) ?? JSON.stringify(value),
};

/**
 * Lists of json: the text of a PostgreSQL array with JSON texts in it. In a JSON array, elements that are arrays
 * themselves would be taken for more dimensions.
 */
export const jsonListCodec: ValueCodec = {
  encode(value) {
    if (!Array.isArray(value)) return wrongType('an array', value);
    const elements: string[] = [];
    for (const [index, element] of value.entries()) {
      const flaw = flawOfJson(element, 0);
      if (flaw) return new Flaw(`has a flaw at ${index}: ${flaw.text}`);
      elements.push(`"${JSON.stringify(element).replace(/["\\]/g, '\\$&')}"`);
    }
    return JSON.stringify(`{${elements.join(',')}}`);
  },
  decode(json: string | unknown[]) {
    if (typeof json !== 'string') return json; // from the database
    const elements = json.matchAll(/"((?:[^"\\]|\\.)*)"/g);
    return Array.from(elements, ([, text = '']) => JSON.parse(text.replace(/\\(.)/g, '$1')) as unknown);
  },
};

/** Everything that JSON.stringify would change or refuse, and what the database refuses. */
function flawOfJson(value: unknown, depth: number): Flaw | undefined {
  switch (typeof value) {
    case 'string':
      return flawOfText(value);
    case 'number':
      return Number.isFinite(value) ? undefined : new Flaw(`must not contain ${value}: JSON has no such number`);
    case 'boolean':
      return undefined;
    case 'object':
      return value === null ? undefined : flawOfNested(value, depth);
    default:
      return new Flaw(`must be a JSON value, contains ${value === undefined ? 'undefined' : `a ${typeof value}`}`);
  }
}

function flawOfNested(value: object, depth: number): Flaw | undefined {
  if (depth > MAX_DEPTH) return new Flaw(`must not be nested deeper than ${MAX_DEPTH} levels, or contain itself`);
  if (Array.isArray(value)) {
    for (const element of value) {
      const flaw = flawOfJson(element, depth + 1);
      if (flaw) return flaw;
    }
    return undefined;
  }
  // A Date is written as its text, by Prisma too.
  if ('toJSON' in value && typeof value.toJSON === 'function') return flawOfJson(value.toJSON(), depth + 1);
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return wrongType('a JSON value of plain objects', value);
  }
  for (const key in value) {
    const inside: unknown = value[key as never];
    if (inside === undefined) continue; // left out
    const flaw = flawOfText(key) ?? flawOfJson(inside, depth + 1);
    if (flaw) return flaw;
  }
  return undefined;
}

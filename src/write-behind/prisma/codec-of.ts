import type { CatalogueColumn, DecimalClass } from './catalogue.js';
import { dateCodec, timeCodec, timestampCodec } from './dates.js';
import { Flaw, wrongType } from './flaw.js';
import { jsonCodec, jsonListCodec } from './json-values.js';
import { bigintCodec, doubleCodec, integerCodec, numericCodec, realCodec } from './numbers.js';
import { booleanCodec, bytesCodec, enumCodec, otherCodec, paddedCodec, textCodec, uuidCodec } from './texts.js';
import type { ValueCodec } from './value-codec.js';

/** A codec for the values of a column. `names`: labels of an enum by Prisma's names. */
export function codecOf(
  column: CatalogueColumn,
  decimal: DecimalClass,
  names: Readonly<Record<string, string>> | undefined,
): ValueCodec {
  const isJson = column.type === 'json' || column.type === 'jsonb';
  if (column.list && isJson) return jsonListCodec;
  const codec = scalarCodec(column, decimal, names);
  return column.list ? listCodec(codec) : codec;
}

function scalarCodec(
  column: CatalogueColumn,
  decimal: DecimalClass,
  names: Readonly<Record<string, string>> | undefined,
): ValueCodec {
  const { modifier, loose } = column;
  if (column.labels) return enumCodec(column.labels, names);
  switch (column.type) {
    case 'int2':
      return integerCodec(-32_768, 32_767);
    case 'int4':
      return integerCodec(-2_147_483_648, 2_147_483_647);
    case 'oid':
      return integerCodec(0, 4_294_967_295);
    case 'int8':
      return bigintCodec;
    case 'float4':
      return realCodec;
    case 'float8':
      return doubleCodec;
    case 'numeric':
      return numericCodec(decimal, precisionOf(modifier));
    case 'money':
      return numericCodec(decimal, { precision: 19, scale: 2 }, 'numeric');
    case 'bool':
      return booleanCodec;
    case 'text':
      return textCodec(undefined, !loose);
    case 'varchar':
      return textCodec(modifier < 0 ? undefined : modifier - HEADER, !loose);
    case 'bpchar':
      return modifier < 0 ? textCodec(undefined, false) : paddedCodec(modifier - HEADER, !loose);
    case 'uuid':
      return uuidCodec;
    case 'json':
    case 'jsonb':
      return jsonCodec;
    case 'timestamp':
      return timestampCodec(modifier, false);
    case 'timestamptz':
      return timestampCodec(modifier, true);
    case 'date':
      return dateCodec;
    case 'time':
      return timeCodec(modifier, false);
    case 'timetz':
      return timeCodec(modifier, true);
    case 'bytea':
      return bytesCodec;
    case 'inet': // cast to text it would get a netmask
    case 'cidr':
      return textCodec(undefined, false);
    default:
      return otherCodec;
  }
}

/** PostgreSQL adds it to lengths and precisions in type modifiers. */
const HEADER = 4;

/** Precision and scale of numeric(p, s); the scale is an 11-bit number with a sign. */
function precisionOf(modifier: number): { precision: number; scale: number } | undefined {
  if (modifier < 0) return undefined;
  const bits = modifier - HEADER;
  return { precision: (bits >> 16) & 0xffff, scale: ((bits & 0x7ff) ^ 1024) - 1024 };
}

/** Lists: JSON arrays of the elements' JSON. Prisma knows no `null` in them, and none of more dimensions. */
function listCodec(element: ValueCodec): ValueCodec {
  const { decode, load } = element;
  return {
    encode(value) {
      if (!Array.isArray(value)) return wrongType('an array', value);
      let text = '[';
      for (const [index, one] of value.entries()) {
        const json = element.encode(one);
        if (typeof json !== 'string') return new Flaw(`has a flaw at ${index}: ${json.text}`);
        text += index === 0 ? json : `,${json}`;
      }
      return `${text}]`;
    },
    decode: decode && ((list: unknown[]) => list.map((one) => (one === null ? null : decode(one as never)))),
    ...(element.readAs === undefined ? {} : { readAs: `${element.readAs}[]` }),
    load:
      load &&
      ((expression) =>
        `ARRAY(SELECT ${load('e.value')} FROM unnest(${expression}) WITH ORDINALITY AS e(value, place) ORDER BY e.place)`),
  };
}

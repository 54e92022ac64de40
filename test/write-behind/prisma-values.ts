// For prisma-types.spec.ts: a table with a column of every type, and values for them as a column gives them back.

import fc from 'fast-check';

export const EVERY_TYPE = `
  CREATE TYPE colour AS ENUM ('dark red', 'it''s', '"q"', 'GREEN');
  CREATE TYPE pair AS (a integer, b text);
  CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'never');
  CREATE DOMAIN shorts AS short[];
  CREATE TABLE every_type (
    id integer PRIMARY KEY,
    int2 smallint, int4 integer, int8 bigint, oid oid, float4 real, float8 double precision,
    "numeric" numeric, numeric_12_3 numeric(12, 3), money money,
    bool boolean, text text, "varchar" varchar(5), "char" char(5), short short, uuid uuid, colour colour,
    json json, jsonb jsonb, bytea bytea,
    ts timestamp(3), ts6 timestamp, tstz timestamptz(3), date date, "time" time(3), timetz timetz(3),
    inet inet, "interval" interval, citext citext, xml xml, bits bit(3), "range" int4range, pair pair,
    int2s smallint[], int4s integer[], int8s bigint[], float4s real[], float8s double precision[],
    numerics numeric[], numeric_12_3s numeric(12, 3)[], moneys money[],
    bools boolean[], texts text[], varchars varchar(5)[], chars char(5)[], shorts shorts, uuids uuid[], colours colour[],
    jsons json[], jsonbs jsonb[], byteas bytea[],
    tss timestamp(3)[], tstzs timestamptz(3)[], dates date[], times time(3)[], timetzs timetz(3)[], inets inet[]
  )`;

/** Every character that a text of PostgreSQL can hold. */
const text = (maxLength?: number) =>
  fc.string({ unit: 'binary', maxLength }).map((value) => value.replaceAll('\0', '\u2028'));

const positiveZero = (value: number) => (value === 0 ? 0 : value);
const double = fc.double().map(positiveZero);
const real = fc.oneof(
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4028235e38, 1.1754944e-38, 1e-45),
  fc.integer({ min: -999_999, max: 999_999 }).map((value) => value / 1_000), // six digits: the same in 32 and 64 bits
);
const date = fc.date({
  min: new Date('0001-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const day = date.map((value) => new Date(`${value.toISOString().slice(0, 10)}T00:00:00.000Z`));
const time = fc.integer({ min: 0, max: 86_399_999 }).map((ms) => new Date(ms));
const bytes = fc.uint8Array({ maxLength: 12 }).map((value) => new Uint8Array(value));
const padded = fc.string({ unit: 'grapheme-ascii', maxLength: 5 }).map((value) => value.padEnd(5, ' '));
const colour = fc.constantFrom('dark red', "it's", '"q"', 'GREEN');

const json: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    text(6),
    fc.constantFrom<unknown>(true, false, null, 0, 1e21, 5e-324, '{}', '"', '\\', '{1,2}', '[1]', 'null'),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(positiveZero),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 3 }), tie('any'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
})).any;

/** An integer divided by a power of ten, as text with so many decimals. */
function decimals(places: number, limit: bigint): fc.Arbitrary<string> {
  return fc.bigInt({ min: -limit, max: limit }).map((value) => {
    const digits = `${value < 0n ? -value : value}`.padStart(places + 1, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`;
  });
}

/** @param decimal makes the client's kind of number of digits */
export function everyType(decimal: (digits: string) => unknown): fc.Arbitrary<Record<string, unknown>> {
  const numeric = fc
    .oneof(decimals(7, 10n ** 40n), fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }).map(String))
    .map(decimal);
  const numeric123 = decimals(3, 10n ** 12n - 1n).map(decimal);
  const money = decimals(2, 2n ** 63n - 1n).map(decimal);
  const scalars = {
    int2: fc.integer({ min: -32_768, max: 32_767 }),
    int4: fc.integer(),
    int8: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    float4: real,
    float8: double,
    numeric,
    numeric_12_3: numeric123,
    money,
    bool: fc.boolean(),
    text: text(),
    varchar: text(5),
    char: padded,
    short: text(5),
    uuid: fc.uuid(),
    colour,
    json,
    jsonb: json,
    bytea: bytes,
    ts: date,
    tstz: date,
    date: day,
    time,
    timetz: time,
    inet: fc.constantFrom('10.0.0.1', '10.0.0.0/8', '::1'),
  };
  const nullable = Object.entries(scalars).map(([name, value]) => [name, fc.option(value as fc.Arbitrary<unknown>)]);
  // Prisma knows neither NULL as a list nor in one, except for JSON's own null.
  const lists = Object.entries(scalars).map(([name, value]) => [
    `${name}s`,
    fc.array<unknown>(value as fc.Arbitrary<unknown>, { maxLength: 3 }),
  ]);
  return fc.record({
    ...Object.fromEntries(nullable),
    ...Object.fromEntries(lists),
    oid: fc.integer({ min: 0, max: 4_294_967_295 }),
    ts6: date,
    interval: fc.constantFrom('1 day', '-00:00:01.5', '1 mon 2 days'),
    citext: text(),
    xml: fc.constantFrom('<a/>', '<a>&amp;</a>'),
    bits: fc.constantFrom('101', '000'),
    range: fc.constantFrom('[1,5)', 'empty', '(,)'),
    pair: fc.constantFrom('(1,a)', '(,)', '(2,"a b")'),
  });
}

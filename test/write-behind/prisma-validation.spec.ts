import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheError } from '../../src/cache.errors.js';
import type { Table } from '../../src/write-behind/table.js';
import { WriteBehindRowError } from '../../src/write-behind/write-behind.errors.js';
import { createWorld, read, upserts, type World } from './prisma-world.js';

let world: World;
let table: Table;

/** A row that can be written. */
const GOOD = {
  id: 1,
  small: 1,
  big: 1n,
  oid: 1,
  real: 1,
  double: 1,
  numeric: '1',
  price: '1.00',
  bool: true,
  text: 'a',
  name: 'a',
  code: 'ab',
  uuid: '7d444840-9dc0-11d1-b245-5ffdce74fad2',
  colour: 'red',
  json: {},
  jsons: [],
  bytes: new Uint8Array([1]),
  at: new Date(0),
  day: new Date(0),
  time: new Date(0),
  inet: '::1',
  ints: [1],
  texts: ['a'],
  note: null,
};

beforeAll(async () => {
  world = await createWorld(`
    CREATE TYPE colour AS ENUM ('red', 'green');
    CREATE TABLE goods (
      id integer PRIMARY KEY, small smallint NOT NULL, big bigint NOT NULL, oid oid NOT NULL, real real NOT NULL,
      double double precision NOT NULL, "numeric" numeric NOT NULL, price numeric(5, 2) NOT NULL, bool boolean NOT NULL,
      text text NOT NULL, name varchar(5) NOT NULL, code char(3) NOT NULL, uuid uuid NOT NULL, colour colour NOT NULL,
      json jsonb NOT NULL, jsons json[] NOT NULL, bytes bytea NOT NULL, at timestamptz(3) NOT NULL, day date NOT NULL,
      "time" time(3) NOT NULL, inet inet NOT NULL, ints integer[] NOT NULL, texts varchar(5)[] NOT NULL, note text,
      doubled integer GENERATED ALWAYS AS (id * 2) STORED
    )`);
  table = await world.open('Goods', { table: 'goods' });
});

afterAll(() => world.close());

/** What is wrong with a row, by field. */
function flawsOf(row: unknown): Record<string, string> {
  try {
    table.encode(row);
  } catch (error) {
    if (!(error instanceof WriteBehindRowError)) throw error;
    return Object.fromEntries(error.problems.map((problem) => [problem.option, problem.remedy]));
  }
  return {};
}

const circle: Record<string, unknown> = {};
circle.self = circle;

class Point {
  constructor(readonly x: number) {}
}

describe('a row is refused before it is acknowledged', () => {
  it('but not a good one, which the database takes', async () => {
    await table.write(0, 1, upserts(table, [GOOD]));
    expect(await read(table, [1])).toEqual([{ ...GOOD, code: 'ab ', doubled: 2 }]);
  });

  it.each<[string, unknown, RegExp]>([
    ['small', 40_000, /between -32768 and 32767, is 40000/],
    ['small', -40_000, /between/],
    ['small', 1.5, /must be an integer, is 1.5/],
    ['small', Number.NaN, /must be an integer, is NaN/],
    ['small', 1n, /must be a number, is a bigint/],
    ['small', '1', /must be a number, is a string/],
    ['id', 2 ** 31, /between -2147483648 and 2147483647/],
    ['oid', -1, /between 0 and 4294967295/],
    ['big', 2n ** 63n, /64 bits/],
    ['big', -(2n ** 63n) - 1n, /64 bits/],
    ['big', 2 ** 53, /bigint or an integer below 2\^53/],
    ['big', 1.5, /bigint or an integer/],
    ['big', Number.NaN, /bigint or an integer/],
    ['big', '1', /must be a bigint, is a string/],
    ['real', 3.5e38, /32 bits can hold/],
    ['real', 1e-50, /32 bits can hold/],
    ['real', '1', /must be a number, is a string/],
    ['double', '1', /must be a number, is a string/],
    ['double', null, /must not be null/],
    ['numeric', Number.NaN, /must be a finite number, is NaN/],
    ['numeric', Number.POSITIVE_INFINITY, /must be a finite number/],
    ['numeric', 'NaN', /must be a finite number/],
    ['numeric', '', /must be a finite number/],
    ['numeric', '.', /must be a finite number/],
    ['numeric', '1,5', /must be a finite number/],
    ['numeric', '0x10', /must be a finite number/],
    ['numeric', ' 1', /must be a finite number/],
    ['numeric', '1e200000', /more digits than a numeric can hold/],
    ['numeric', '1e-20000', /more digits than a numeric can hold/],
    ['numeric', 1n, /must be a Decimal, a number or a text of digits, is a bigint/],
    ['numeric', {}, /must be a Decimal/],
    ['price', '1000', /too large for numeric\(5, 2\)/],
    ['price', '999.995', /too large for numeric\(5, 2\)/],
    ['price', '-1e3', /too large/],
    ['bool', 1, /must be a boolean, is a number/],
    ['bool', 'true', /must be a boolean/],
    ['text', 1, /must be a string, is a number/],
    ['text', 'a\0b', /NUL/],
    ['text', 'a\ud800', /lone surrogate/],
    ['text', '\udc00a', /lone surrogate/],
    ['name', 'abcdef', /at most 5 characters, has 6/],
    ['name', '😀😀😀😀😀😀', /at most 5 characters, has 6/],
    ['code', 'abcd', /at most 3 characters, has 4/],
    ['code', '\0', /NUL/],
    ['uuid', '7d444840-9dc0-11d1-b245', /must be a UUID/],
    ['uuid', '7d4448409dc011d1b2455ffdce74fad2', /must be a UUID/],
    ['colour', 'blue', /must be one of red, green/],
    ['colour', 'RED', /must be one of red, green.*@map/],
    ['colour', 0, /must be a string/],
    ['json', { a: [{ b: 'x\0' }] }, /NUL/],
    ['json', { 'x\0': 1 }, /NUL/],
    ['json', ['\ud800'], /lone surrogate/],
    ['json', { a: Number.NaN }, /must not contain NaN/],
    ['json', { a: 1n }, /contains a bigint/],
    ['json', [undefined], /contains undefined/],
    ['json', { a: () => 1 }, /contains a function/],
    ['json', new Map(), /plain objects, is a Map/],
    ['json', { at: new Point(1) }, /plain objects, is a Point/],
    ['json', circle, /contain itself/],
    ['json', null, /must not be null/],
    ['jsons', {}, /must be an array, is an object/],
    ['jsons', [1, '\0'], /at 1: .*NUL/],
    ['bytes', [1], /must be a Uint8Array, is an array/],
    ['bytes', new Uint16Array(1), /must be a Uint8Array, is a Uint16Array/],
    ['bytes', 'AQ==', /must be a Uint8Array, is a string/],
    ['at', '2024-01-01T00:00:00Z', /must be a Date, is a string/],
    ['at', 0, /must be a Date, is a number/],
    ['at', new Date(Number.NaN), /must be a valid Date/],
    ['at', new Date('+010000-01-01T00:00:00Z'), /years 1 to 9999/],
    ['at', new Date('0000-12-31T23:59:59.999Z'), /years 1 to 9999/],
    ['day', new Date(Number.NaN), /must be a valid Date/],
    ['time', '12:00', /must be a Date/],
    ['inet', 1, /must be a string/],
    ['inet', '\0', /NUL/],
    ['ints', 1, /must be an array, is a number/],
    ['ints', [1, 2.5], /at 1: must be an integer/],
    ['ints', [null], /at 0: must be a number, is null/],
    ['ints', [[1]], /at 0: must be a number, is an array/],
    ['texts', ['abcdef'], /at 0: must have at most 5 characters/],
    ['text', undefined, /is missing/],
    ['note', undefined, /is missing.*null for no value/],
    ['extra', 1, /is no field of Goods.*no relations/],
    ['lines', [{ id: 1 }], /is no field of Goods.*no relations/],
  ])('%s: %p', (field, value, message) => {
    const flaws = flawsOf({ ...GOOD, [field]: value });
    expect(flaws).toEqual({ [field]: expect.stringMatching(message) });
  });

  it.each([[null], [undefined], [1], ['row'], [[GOOD]]])('if it is none: %p', (row) => {
    expect(flawsOf(row)).toEqual({ row: 'must be an object of its fields' });
  });

  it('with all that is wrong in one error, which names the entity and shows no text of the row', () => {
    const wrong = { ...GOOD, price: 'hunter2', text: 'hunter2\0', at: null, small: undefined, more: 'hunter2' };
    expect(Object.keys(flawsOf(wrong)).sort()).toEqual(['at', 'more', 'price', 'small', 'text']);
    try {
      table.encode(wrong);
    } catch (error) {
      expect(error).toMatchObject({ code: 'WRITE_BEHIND_ROW', entity: 'Goods' });
      expect(CacheError.is(error)).toBe(true);
      expect(String(error)).toMatch(/This row of Goods cannot be written:\n {2}- small: /);
      expect(String(error)).not.toContain('hunter2');
    }
  });
});

describe('a row is taken', () => {
  it('with or without its generated columns, whose values are the database’s', () => {
    const { payload } = table.encode({ ...GOOD, doubled: 5 });
    expect(payload).toBe(table.encode(GOOD).payload);
    expect(payload).toBe(table.encode({ ...GOOD, doubled: null }).payload);
  });

  it('with fields that are not there: undefined is no relation', () => {
    expect(flawsOf({ ...GOOD, lines: undefined })).toEqual({});
  });

  it('with what Prisma’s types allow besides what it gives itself', async () => {
    const row = { ...GOOD, id: 2, big: 5, numeric: 1.5e-7, price: 2.5, json: { at: new Date(0), no: undefined } };
    await table.write(0, 1, upserts(table, [row]));
    const expected = { big: 5n, numeric: '0.00000015', price: '2.50', json: { at: '1970-01-01T00:00:00.000Z' } };
    expect(await read(table, [2])).toEqual([expect.objectContaining(expected)]);
  });

  it('with texts that fill their column to the last character', async () => {
    const row = { ...GOOD, id: 3, name: '😀😀😀😀😀', code: '😀', texts: ['\u2028\n"\\'], price: '999.994' };
    await table.write(0, 1, upserts(table, [row]));
    const loaded = { ...row, code: '😀  ', price: '999.99', doubled: 6 };
    expect(await read(table, [3])).toEqual([loaded]);
    expect({ ...table.decode(table.encode(row).payload), doubled: 6 }).toEqual(loaded);
  });

  it('also as an instance of a class, by its own properties', () => {
    class Row {}
    expect(table.encode(Object.assign(new Row(), GOOD))).toEqual(table.encode(GOOD));
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Prisma } from '../../examples/storefront/src/generated/prisma/client.js';
import type { Table } from '../../src/write-behind/table.js';
import { WriteBehindRowError } from '../../src/write-behind/write-behind.errors.js';
import { createWorld, deletes, read, upserts, type World } from './prisma-world.js';

let world: World;

beforeAll(async () => {
  world = await createWorld(`
    CREATE TYPE colour AS ENUM ('red', 'it''s');
    CREATE DOMAIN small AS integer CHECK (VALUE < 100);
    CREATE TABLE lines (shop text, line integer, note text, PRIMARY KEY (line, shop));
    CREATE TABLE texts (id text PRIMARY KEY);
  `);
});

afterAll(() => world.close());

/** Tables by the type of their id, each made by the first spec that asks. */
const opened = new Map<string, Promise<{ name: string; table: Table }>>();

function tableOf(type: string): Promise<{ name: string; table: Table }> {
  const name = `id_of_${opened.size}`;
  const open = async () => {
    await world.sql(`CREATE TABLE ${name} (id ${type} PRIMARY KEY, note text)`);
    return { name, table: await world.open(name) };
  };
  const found = opened.get(type) ?? open();
  opened.set(type, found);
  return found;
}

async function keyOf(type: string, id: unknown): Promise<string> {
  return (await tableOf(type)).table.encodeId(id).key;
}

function flawOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof WriteBehindRowError) return error.message;
    throw error;
  }
  return 'none';
}

describe('the key of a row', () => {
  it.each<[string, unknown[], string]>([
    ['integer', [42], '42'],
    ['integer', [0, -0], '0'],
    ['small', [7], '7'],
    ['bigint', [42n, 42], '42'],
    ['bigint', [9_007_199_254_740_993n], '9007199254740993'],
    ['numeric', ['1.50', '1.5', '01.5', '15e-1', 1.5, new Prisma.Decimal('1.500')], '1.5'],
    ['numeric', ['100', 100, '1e2', '100.00'], '100'],
    ['numeric', ['0', '-0', '0.00', '-0.0'], '0'],
    ['numeric(6, 2)', ['1.005', '1.01', 1.01], '1.01'],
    [
      'uuid',
      ['7D444840-9DC0-11D1-B245-5FFDCE74FAD2', '7d444840-9dc0-11d1-b245-5ffdce74fad2'],
      '7d444840-9dc0-11d1-b245-5ffdce74fad2',
    ],
    ['text', ['a'], 'a'],
    ['text', ['A'], 'A'],
    ['text', ['a:b'], 'a%3ab'],
    ['varchar(9)', ['~1'], '%7e1'],
    ['char(4)', ['ab', 'ab  '], 'ab'],
    ['boolean', [true], 'true'],
    ['colour', ["it's"], "it's"],
    ['date', [new Date('2024-02-29T00:00:00Z'), new Date('2024-02-29T23:59:59Z')], '2024-02-29'],
    ['timestamp(3)', [new Date('2024-02-29T12:00:00.120Z')], '2024-02-29T12%3a00%3a00.120Z'],
    [
      'timestamptz(0)',
      [new Date('2024-02-29T12:00:00.5Z'), new Date('2024-02-29T12:00:01Z')],
      '2024-02-29T12%3a00%3a01.000Z',
    ],
    ['time(3)', [new Date('2024-02-29T12:00:00Z'), new Date('1970-01-01T12:00:00Z')], '12%3a00%3a00.000'],
    ['bytea', [new Uint8Array([1, 255]), Buffer.from([1, 255])], '\\x01ff'],
    ['double precision', [1.5], '1.5'],
    ['real', [0.1, Math.fround(0.1)], `${Math.fround(0.1)}`],
  ])('is one text for all forms of one %s', async (type, forms, expected) => {
    const keys = await Promise.all(forms.map((form) => keyOf(type, form)));
    expect(keys).toEqual(forms.map(() => expected));
    const { table } = await tableOf(type);
    for (const id of forms) expect(table.encode({ id, note: null }).key).toBe(expected);
  });

  it.each<[string, unknown]>([
    ['integer', -5],
    ['bigint', 9_007_199_254_740_993n],
    ['numeric', '12.50'],
    ['uuid', '7d444840-9dc0-11d1-b245-5ffdce74fad2'],
    ['text', ''],
    ['text', '\\"\u2028é😀%:~'],
    ['char(4)', 'ab  '],
    ['boolean', false],
    ['colour', "it's"],
    ['date', new Date('2024-02-29T00:00:00Z')],
    ['timestamp(3)', new Date('1969-12-31T23:59:59.999Z')],
    ['timestamptz(3)', new Date('0001-01-01T00:00:00.000Z')],
    ['bytea', new Uint8Array([0, 255])],
    ['real', 0.1],
  ])('finds and deletes the row in the database: %s', async (type, id) => {
    const { name, table } = await tableOf(type);
    await table.write(0, 1, upserts(table, [{ id, note: 'here' }]));
    const [payload] = await table.load([table.encodeId(id).payload]);
    expect(table.decode(payload ?? 'null')).toEqual({ id, note: 'here' });
    expect(table.encodeId(table.idOf(payload ?? ''))).toEqual(table.encodeId(id));
    await table.write(0, 1, deletes(table, [id]));
    expect(await read(table, [id])).toEqual([null]);
    expect(await world.sql(`SELECT FROM ${name}`)).toEqual([]);
  });

  it('has the parts of a composite id in the order of its primary key', async () => {
    const table = await world.open('lines');
    expect(table.encode({ shop: 'a:b', line: 3, note: null }).key).toBe('3:a%3ab');
    expect(table.encodeId({ shop: 'a:b', line: 3 })).toEqual({ key: '3:a%3ab', payload: '{"line":3,"shop":"a:b"}' });
  });

  it('is another one for each other composite id', async () => {
    await world.sql('CREATE TABLE three (a text, b text, c text, PRIMARY KEY (a, b, c))');
    const table = await world.open('three');
    const part = fc.string({ unit: fc.constantFrom(':', '%', '~', '"', '\\', '3', 'a', ' '), maxLength: 3 });
    const id = fc.record({ a: part, b: part, c: part }, { noNullPrototype: true });
    fc.assert(
      fc.property(id, id, (one, other) => {
        const same = one.a === other.a && one.b === other.b && one.c === other.c;
        expect(table.encodeId(one).key === table.encodeId(other).key).toBe(same);
        expect(table.idOf(table.encodeId(one).payload)).toStrictEqual(one);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is at most 900 characters long, escaped', async () => {
    const table = await world.open('texts');
    expect(table.encodeId('a'.repeat(900)).key).toHaveLength(900);
    expect(flawOf(() => table.encodeId('a'.repeat(901)))).toMatch(/id: must be at most 900 characters, escaped: 901/);
    expect(flawOf(() => table.encode({ id: ':'.repeat(400) }))).toMatch(/escaped: 1200/);
  });
});

describe('an id', () => {
  it('is given back by idOf as it is passed to get', async () => {
    const table = await world.open('lines');
    const row = { shop: 'x', line: 1, note: 'n' };
    expect(table.idOf(table.encode(row).payload)).toStrictEqual({ line: 1, shop: 'x' });
    expect((await tableOf('bigint')).table.idOf('{"id":"5"}')).toBe(5n);
    expect((await tableOf('date')).table.idOf('{"id":"2024-02-29"}')).toEqual(new Date('2024-02-29T00:00:00Z'));
  });

  it.each<[unknown, RegExp]>([
    [1, /id: must be an object of line, shop/],
    [null, /id: must be an object of line, shop/],
    [['x', 1], /id: must be an object/],
    [{ line: 1 }, /shop: is missing/],
    [{ line: '1', shop: 'x' }, /line: must be a number, is a string/],
    [{ line: 1, shop: null }, /shop: must not be null/],
    [{ line: 1, shop: 'x', note: 'n' }, /note: is no field of the id/],
  ])('that is composite is refused: %p', async (id, message) => {
    const table = await world.open('lines');
    expect(flawOf(() => table.encodeId(id))).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['integer', null, /id: must not be null/],
    ['integer', undefined, /id: is missing/],
    ['integer', { id: 1 }, /id: must be a number, is an object/],
    ['integer', '1', /id: must be a number, is a string/],
    ['uuid', 'x', /id: must be a UUID/],
    ['text', 'a\0', /id: .*NUL/],
    ['timestamp(3)', new Date(Number.NaN), /id: must be a valid Date/],
  ])('that is one value is refused: %s %p', async (type, id, message) => {
    const { table } = await tableOf(type);
    expect(flawOf(() => table.encodeId(id))).toMatch(message);
  });
});

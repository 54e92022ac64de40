import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import type { EntityOptions } from '../../src/write-behind/prisma/names.js';
import type { PrismaClientLike } from '../../src/write-behind/prisma/prisma-client-like.js';
import { createWorld, read, upserts, type World } from './prisma-world.js';

let world: World;

beforeAll(async () => {
  world = await createWorld(`
    CREATE TYPE colour AS ENUM ('dark red', 'GREEN');
    CREATE TABLE film (film_id integer PRIMARY KEY, title text NOT NULL, tint colour);
    CREATE TABLE no_key (id integer);
    CREATE TABLE late_key (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE two_keys (
      id integer PRIMARY KEY, code text NOT NULL UNIQUE, a integer NOT NULL, b integer NOT NULL, c integer UNIQUE,
      d integer NOT NULL UNIQUE DEFERRABLE, e integer NOT NULL, f integer NOT NULL, UNIQUE (b, a)
    );
    CREATE UNIQUE INDEX ON two_keys (e) WHERE e > 0;
    CREATE UNIQUE INDEX ON two_keys (f) INCLUDE (a);
    CREATE TABLE loose_key (id inet PRIMARY KEY);
    CREATE TABLE doubled (id integer, twice integer GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY);
    CREATE VIEW films AS SELECT * FROM film;
    CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE anycase_key (id text COLLATE anycase PRIMARY KEY);
    CREATE DOMAIN filled AS text NOT NULL DEFAULT 'x';
    CREATE DOMAIN unfilled AS text NOT NULL;
    CREATE TABLE extra (
      id integer PRIMARY KEY, a text NOT NULL DEFAULT 'd', b serial, c integer GENERATED ALWAYS AS IDENTITY, d filled, e text,
      f integer NOT NULL GENERATED ALWAYS AS (id + 1) STORED
    );
    CREATE TABLE strict (id integer PRIMARY KEY, a text NOT NULL, b unfilled, c text);
  `);
});

afterAll(() => world.close());

/** The client with a run-time model such as generated clients have it. */
function withModel(models: Record<string, unknown>): PrismaClientLike {
  return Object.assign({ ...world.plain }, { _runtimeDataModel: { models, enums: {}, types: {} } });
}

const FILM = {
  dbName: 'film',
  schema: null,
  fields: [
    { name: 'id', kind: 'scalar', type: 'Int', dbName: 'film_id' },
    { name: 'title', kind: 'scalar', type: 'String' },
    { name: 'tint', kind: 'enum', type: 'Colour' },
    { name: 'lines', kind: 'object', type: 'Line', relationName: 'FilmToLine' },
  ],
};

/** Problems of an entity that cannot be opened, as `option: remedy`. */
async function problemsOf(
  entity: string,
  options: EntityOptions & { client?: PrismaClientLike } = {},
): Promise<string[]> {
  try {
    await world.open(entity, options);
  } catch (error) {
    if (!(error instanceof CacheOptionsError)) throw error;
    expect(error.message).toContain(`Write-behind of ${entity} does not fit the database`);
    return error.problems.map((problem) => `${problem.option}: ${problem.remedy}`);
  }
  return [];
}

describe('an entity finds its table', () => {
  it('by the model of the client, without relations', async () => {
    const table = await world.open('Film', { client: withModel({ Film: FILM }) });
    const row = { id: 1, title: 'Alien', tint: 'GREEN' };
    await table.write(0, 1, upserts(table, [row]));
    expect(table.encode(row).payload).toBe('{"film_id":1,"title":"Alien","tint":"GREEN"}');
    expect(await read(table, [1])).toEqual([row]);
    expect(() => table.encode({ ...row, lines: [] })).toThrow(/lines: is no field of Film/);
  });

  it('by the options where they differ from the model', async () => {
    const client = withModel({ Film: { ...FILM, dbName: 'movies', schema: 'nowhere' } });
    const enums = { tint: { DARK_RED: 'dark red', GREEN: 'GREEN' } };
    const options = { client, table: 'film', schema: world.schema, columns: { title: 'title' }, enums };
    const table = await world.open('Film', options);
    const row = { id: 2, title: 'Solaris', tint: 'DARK_RED' };
    await table.write(0, 1, upserts(table, [row]));
    expect(await read(table, [2])).toEqual([row]);
    expect(await world.sql('SELECT tint FROM film WHERE film_id = 2')).toEqual([{ tint: 'dark red' }]);
    expect(() => table.encode({ ...row, tint: 'dark red' })).toThrow(/tint: must be one of DARK_RED, GREEN$/m);
  });

  it('without a model by its own name, with all columns as fields, renamed by the options', async () => {
    const table = await world.open('film', { columns: { id: 'film_id' } });
    await table.write(0, 1, upserts(table, [{ id: 3, title: 'Stalker', tint: null }]));
    expect(await read(table, [3])).toEqual([{ id: 3, title: 'Stalker', tint: null }]);
  });

  it('in the schema that is given, not in the search path', async () => {
    const other = `${world.schema}_other`;
    await world.sql(`CREATE SCHEMA ${other}; CREATE TABLE ${other}.film (film_id integer PRIMARY KEY, other text)`);
    try {
      const table = await world.open('film', { schema: other });
      await table.write(0, 1, upserts(table, [{ film_id: 9, other: 'here' }]));
      expect(await world.sql(`SELECT * FROM ${other}.film`)).toEqual([{ film_id: 9, other: 'here' }]);
    } finally {
      await world.sql(`DROP SCHEMA ${other} CASCADE`);
    }
  });

  it('whatever its names are', async () => {
    const name = 'We"ird.täble; --';
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await world.sql(`CREATE TABLE ${quoted} ("a""b" integer, "p" text, "t" text, "r" text, "place" integer, "$1" text,
      "from" text[], "select ""x""" timestamptz(3)[], PRIMARY KEY ("place", "a""b"))`);
    const table = await world.open(name);
    const row = {
      'a"b': 1,
      p: 'p',
      t: 't',
      r: 'r',
      place: 2,
      $1: '$1',
      from: ['a'],
      'select "x"': [new Date(5), new Date(0)],
    };
    const id = { place: 2, 'a"b': 1 };
    await table.write(0, 1, upserts(table, [row]));
    await table.write(0, 1, upserts(table, [{ ...row, r: 'changed' }]));
    expect(await read(table, [id, { place: 3, 'a"b': 1 }])).toEqual([{ ...row, r: 'changed' }, null]);
    await table.write(0, 1, [{ ...table.encodeId(id), version: '1', operation: 'delete' }]);
    expect(await read(table, [id])).toEqual([null]);
  });

  it('of more columns than a function can have arguments', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `c${index}`);
    await world.sql(`CREATE TABLE wide (id integer PRIMARY KEY, ${names.map((name) => `${name} bigint`).join(', ')})`);
    const table = await world.open('wide');
    const row = { id: 1, ...Object.fromEntries(names.map((name, index) => [name, BigInt(index)])) };
    await table.write(0, 1, upserts(table, [row]));
    expect(await read(table, [1])).toEqual([row]);
  });

  it('with a unique index as its id', async () => {
    const row = { id: 1, code: 'x', a: 1, b: 2, c: null, d: 1, e: 1, f: 1 };
    const byCode = await world.open('two_keys', { id: 'code' });
    await byCode.write(0, 1, upserts(byCode, [row]));
    await byCode.write(0, 1, upserts(byCode, [{ ...row, id: 5 }]));
    expect(byCode.encode(row).key).toBe('x');
    expect(await read(byCode, ['x'])).toEqual([{ ...row, id: 5 }]);
    const byPair = await world.open('two_keys', { id: ['a', 'b'] });
    expect(byPair.encode(row).key).toBe('2:1'); // the order of the index
    expect(await read(byPair, [{ a: 1, b: 2 }])).toEqual([{ ...row, id: 5 }]);
    expect((await world.open('two_keys', { id: 'f' })).encodeId(1).key).toBe('1');
  });

  it('and fills columns that it does not know by their defaults, once', async () => {
    const model = {
      fields: [
        { name: 'id', kind: 'scalar' },
        { name: 'e', kind: 'scalar' },
      ],
      dbName: 'extra',
    };
    const table = await world.open('Extra', { client: withModel({ Extra: model }) });
    await table.write(0, 1, upserts(table, [{ id: 1, e: 'one' }]));
    await world.sql("UPDATE extra SET a = 'changed'");
    await table.write(0, 1, upserts(table, [{ id: 1, e: 'two' }]));
    expect(await world.sql('SELECT * FROM extra')).toEqual([
      { id: 1, a: 'changed', b: 1, c: 1, d: 'x', e: 'two', f: 2 },
    ]);
  });
});

describe('an entity is refused', () => {
  it.each<[string, string, EntityOptions, RegExp[]]>([
    ['its table is missing', 'nothing', {}, [/^nothing.table: There is no such table/]],
    ['its table is elsewhere', 'film', { schema: 'nowhere' }, [/^film.table: There is no such table/]],
    ['it is a view', 'films', {}, [/^films.table: It is a view/]],
    ['its table has no primary key', 'no_key', {}, [/^no_key.id: The table has no primary key/]],
    ['its primary key is deferrable', 'late_key', {}, [/^late_key.id: The table has no primary key \(or a deferrable/]],
    ['its id has no unique index', 'two_keys', { id: 'a' }, [/^two_keys.id: Name fields whose columns/]],
    ['its id is part of a unique index', 'two_keys', { id: ['code', 'id'] }, [/^two_keys.id: Name fields/]],
    ['its id is unknown', 'two_keys', { id: 'nope' }, [/^two_keys.id: Name fields/]],
    ['the index of its id is deferrable', 'two_keys', { id: 'd' }, [/^two_keys.id: Name fields/]],
    ['the index of its id is partial', 'two_keys', { id: 'e' }, [/^two_keys.id: Name fields/]],
    ['its id may be NULL', 'two_keys', { id: 'c' }, [/^two_keys.id: A column of the id must be NOT NULL/]],
    ['its id has several texts', 'loose_key', {}, [/^loose_key.id: Values of type inet that look different/]],
    ['its id ignores case', 'anycase_key', {}, [/^anycase_key.id: Values of type text that look different/]],
    ['its id is generated', 'doubled', {}, [/^doubled.id: A generated column cannot/]],
    [
      'a renamed column is missing',
      'film',
      { columns: { id: 'nope' } },
      [/^film.columns.id: The table has no such column/],
    ],
    ['an enum is none', 'film', { enums: { title: {} } }, [/^film.enums.title: This is no field of an enum/]],
    [
      'a label is unknown',
      'film',
      { enums: { tint: { A: 'x', B: 'GREEN' } } },
      [/^film.enums.tint.A: The database has no such label, only dark red, GREEN/],
    ],
  ])('if %s', async (_case, entity, options, problems) => {
    expect(await problemsOf(entity, options)).toEqual(problems.map((problem) => expect.stringMatching(problem)));
  });

  it('if the client has no such model, with the names it has', async () => {
    const client = withModel({ Film: FILM, StrataFence: {} });
    expect(await problemsOf('film', { client })).toEqual([
      expect.stringMatching(/^film: .*no model.*write one of Film, or/),
    ]);
    expect(await problemsOf('films', { client, table: 'film' })).toEqual([]);
  });

  it('with everything that is wrong at once', async () => {
    const fields = ['id', 'c', 'gone', 'renamed'].map((name) => ({ name, kind: 'scalar' }));
    const client = withModel({ Strict: { dbName: 'strict', fields } });
    const options = { client, columns: { renamed: 'lost', unknown: 'c' }, enums: { c: {} } };
    expect(await problemsOf('Strict', { ...options, columns: { renamed: 'lost' } })).toEqual([
      expect.stringMatching(/^Strict.columns.gone: The table has no such column, only id, a, b, c/),
      expect.stringMatching(/^Strict.columns.renamed: The table has no such column/),
      expect.stringMatching(/^Strict.columns: This column is NOT NULL, has no default, and no field/),
      expect.stringMatching(/^Strict.columns: This column is NOT NULL/),
      expect.stringMatching(/^Strict.enums.c: This is no field of an enum type/),
    ]);
    expect(await problemsOf('Strict', options)).toEqual([
      expect.stringMatching(/^Strict.columns.unknown: The model has no such field, only id, c, gone, renamed/),
    ]);
  });

  it('if its model lacks a column of the primary key', async () => {
    const client = withModel({ Film: { ...FILM, fields: FILM.fields.slice(1) } });
    expect(await problemsOf('Film', { client })).toEqual([
      expect.stringMatching(/^Film.columns: This column is NOT NULL/),
      expect.stringMatching(/^Film.id: This column of the id has no field/),
    ]);
  });

  it('if there is no fence, which every other problem comes with', async () => {
    const bare = `${world.schema}_bare`;
    await world.sql(`CREATE SCHEMA ${bare}; CREATE TABLE ${bare}.film (id integer PRIMARY KEY)`);
    await world.sql('ALTER TABLE strata_fence RENAME TO hidden');
    try {
      expect(await problemsOf('film')).toEqual([expect.stringMatching(/^strata_fence: .*model StrataFence/)]);
      expect(await problemsOf('nothing')).toEqual([
        expect.stringMatching(/^nothing.table/),
        expect.stringMatching(/^strata_fence/),
      ]);
      await world.sql(`CREATE TABLE ${bare}.strata_fence (LIKE hidden INCLUDING ALL)`);
      expect(await problemsOf('film', { schema: bare })).toEqual([]);
    } finally {
      await world.sql(`ALTER TABLE hidden RENAME TO strata_fence; DROP SCHEMA ${bare} CASCADE`);
    }
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import { classify } from '../../src/write-behind/prisma/classify.js';
import { FencedError, type Table } from '../../src/write-behind/table.js';
import type { PendingWrite } from '../../src/write-behind/write-buffer.js';
import { createWorld, read, type World } from './prisma-world.js';

let world: World;
let table: Table;

beforeAll(async () => {
  world = await createWorld(`
    CREATE TABLE item (id integer PRIMARY KEY, note text, "the version" bigint);
    CREATE TABLE pair (place integer, version text, number bigint NOT NULL, PRIMARY KEY (place, version));
    CREATE TABLE picky (id integer PRIMARY KEY, note text, number bigint);
    CREATE FUNCTION pick() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.note = 'dropped' THEN RETURN NULL; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER pick BEFORE INSERT OR UPDATE ON picky FOR EACH ROW EXECUTE FUNCTION pick();
    CREATE TABLE shared (id integer PRIMARY KEY, note text, number bigint);
    CREATE FUNCTION shared_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.number := greatest(OLD.number + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
      RETURN NEW;
    END $$;
    CREATE TRIGGER shared_version BEFORE UPDATE ON shared FOR EACH ROW
      WHEN (NEW.number IS NOT DISTINCT FROM OLD.number) EXECUTE FUNCTION shared_version();
    CREATE TABLE unfit (
      id bigint PRIMARY KEY, small integer, list bigint[], twice bigint GENERATED ALWAYS AS (id * 2) STORED,
      counted bigint GENERATED ALWAYS AS IDENTITY
    );
  `);
  table = await world.open('item', { columns: { version: 'the version' }, versionField: 'version' });
});

afterAll(() => world.close());

beforeEach(() => world.sql('TRUNCATE item, pair, picky, shared, strata_fence'));

const put = (into: Table, version: number | string, row: object): PendingWrite => {
  return { ...into.encode(row), version: `${version}`, operation: 'upsert' };
};
const remove = (from: Table, version: number, id: unknown): PendingWrite => {
  return { ...from.encodeId(id), version: `${version}`, operation: 'delete' };
};
const items = () => world.sql('SELECT id, note, "the version" AS version FROM item ORDER BY id');

describe.each([
  ['in one statement', false],
  ['in a transaction', true],
])('rows with versions, written %s', (_, careful) => {
  const write = (epoch: number, ...writes: PendingWrite[]) => table.write(0, epoch, writes, careful);

  it('get the version of their write, and readers get it with the row', async () => {
    const version = '1795297482794463';
    expect(await write(1, put(table, version, { id: 1, note: 'a' }))).toEqual([]);
    expect(await items()).toEqual([{ id: 1, note: 'a', version }]);
    expect(await read(table, [1])).toEqual([{ id: 1, note: 'a', version: BigInt(version) }]);
  });

  it('stay as they are where theirs is higher: their keys are told, and their neighbours are written', async () => {
    await world.sql(`INSERT INTO item VALUES (1, 'theirs', 20), (2, 'theirs', 9), (3, 'theirs', NULL)`);
    const writes = [1, 2, 3, 4].map((id) => put(table, 10, { id, note: 'ours' }));
    expect(await write(1, ...writes)).toEqual(['1']);
    expect(await items()).toEqual([
      { id: 1, note: 'theirs', version: '20' },
      ...[2, 3, 4].map((id) => ({ id, note: 'ours', version: '10' })),
    ]);
  });

  it('are told where the whole batch is too late', async () => {
    await world.sql(`INSERT INTO item VALUES (1, 'theirs', 20), (2, 'theirs', 20)`);
    const writes = [1, 2].map((id) => put(table, 10, { id, note: 'ours' }));
    expect((await write(1, ...writes)).toSorted()).toEqual(['1', '2']);
  });

  it('count as written when they come twice, and what others changed in between stays', async () => {
    const writes = [1, 2].map((id) => put(table, 10, { id, note: 'ours' }));
    await write(1, ...writes);
    await world.sql(`UPDATE item SET note = 'theirs' WHERE id = 1`);
    expect(await write(2, ...writes)).toEqual([]);
    expect((await items()).map(({ note }) => note)).toEqual(['theirs', 'ours']);
  });

  it('are refused as a whole to an older epoch, too late or not', async () => {
    await write(5, put(table, 20, { id: 1, note: 'a' }));
    await expect(write(4, put(table, 10, { id: 1, note: 'b' }))).rejects.toThrow(FencedError);
    await expect(write(4, put(table, 30, { id: 1, note: 'b' }))).rejects.toThrow(FencedError);
    expect((await items()).map(({ note }) => note)).toEqual(['a']);
  });

  it('are missed if a trigger drops them, also beside such as are too late', async () => {
    const picky = await world.open('picky', { versionField: 'number' });
    await world.sql(`INSERT INTO picky VALUES (1, 'theirs', 20)`);
    const writes = [put(picky, 10, { id: 1, note: 'ours' }), put(picky, 10, { id: 2, note: 'dropped' })];
    const failure = await picky.write(0, 1, writes, careful).catch((error: unknown) => error);
    expect([String(failure), classify(failure)]).toEqual([
      expect.stringMatching(/1 of 2 rows were not written/),
      'data',
    ]);
  });

  it('get no version of their own payload, which an older process may have written', async () => {
    const payload = '{"id":1,"the version":"5","note":"a"}';
    await write(1, { key: '1', version: '10', operation: 'upsert', payload });
    expect(await items()).toEqual([{ id: 1, note: 'a', version: '10' }]);
  });
});

describe('deletes of rows with versions', () => {
  it('remove what is older or has none; newer rows stay, and their keys are told', async () => {
    await world.sql(`INSERT INTO item VALUES (1, 'a', 9), (2, 'a', 11), (3, 'a', NULL), (4, 'a', 9)`);
    const writes = [...[1, 2, 3, 7].map((id) => remove(table, 10, id)), put(table, 10, { id: 4, note: 'b' })];
    expect(await table.write(0, 1, writes)).toEqual(['2']);
    expect(await items()).toEqual([
      { id: 2, note: 'a', version: '11' },
      { id: 4, note: 'b', version: '10' },
    ]);
  });
});

describe('the field of the version', () => {
  it('may be left out or passed, with whatever value: it is ignored', async () => {
    const given = [{}, { version: 5n }, { version: null }, { version: 'text' }];
    const payloads = given.map((more) => table.encode({ id: 1, note: 'a', ...more }).payload);
    expect(new Set(payloads)).toEqual(new Set(['{"id":1,"note":"a"}']));
    expect(table.decode(payloads[0] as string)).toEqual({ id: 1, note: 'a', version: null });
  });

  it('stands beside ids of several columns, whatever their names', async () => {
    const pair = await world.open('pair', { versionField: 'number' });
    await world.sql(`INSERT INTO pair VALUES (1, 'a', 20)`);
    const rows = ['a', 'b'].map((version) => put(pair, 10, { place: 1, version }));
    expect(await pair.write(0, 1, rows)).toEqual([rows[0]?.key]);
    expect(await pair.write(0, 1, [remove(pair, 30, { place: 1, version: 'a' })])).toEqual([]);
    expect(await world.sql('SELECT * FROM pair')).toEqual([{ place: 1, version: 'b', number: '10' }]);
  });

  it('can be kept by a trigger for programs that do not know of it', async () => {
    const shared = await world.open('shared', { versionField: 'number' });
    await shared.write(0, 1, [put(shared, 10, { id: 1, note: 'ours' })]);
    await world.sql(`UPDATE shared SET note = 'theirs'`);
    expect(await shared.write(0, 1, [put(shared, 11, { id: 1, note: 'ours' })])).toEqual(['1']);
    const [row] = (await read(shared, [1])) as { note: string; number: bigint }[];
    expect([row?.note, Math.abs(Number(row?.number) / 1_000 - Date.now()) < 60_000]).toEqual(['theirs', true]);
    const later = `${(row?.number ?? 0n) + 1n}`;
    expect(await shared.write(0, 1, [put(shared, later, { id: 1, note: 'ours' })])).toEqual([]);
    expect(await read(shared, [1])).toEqual([{ id: 1, note: 'ours', number: BigInt(later) }]);
  });

  it.each([
    ['none', /unfit has no such field, only id, small, list, twice, counted: add a BigInt field/],
    ['small', /of type integer: versions need a bigint/],
    ['list', /of type bigint\[\]: versions need a bigint/],
    ['twice', /The database makes its values/],
    ['counted', /The database makes its values/],
    ['id', /part of the id/],
  ])('must be one that can have it: not %s', async (versionField, message) => {
    const opening = world.open('unfit', { versionField });
    await expect(opening).rejects.toThrow(CacheOptionsError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toThrow(/unfit\.versionField/);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { classify, messageOf } from '../../src/write-behind/prisma/classify.js';
import type { PrismaClientLike } from '../../src/write-behind/prisma/prisma-client-like.js';
import type { ErrorClass, Table } from '../../src/write-behind/table.js';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.js';
import { createWorld, overPg, upserts, type World } from './prisma-world.js';

let world: World;
let proxy: RedisProxy;
/** The database behind the proxy. */
let proxied: string;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  world = await createWorld(`
    CREATE TABLE parent (id integer PRIMARY KEY);
    CREATE TABLE item (
      id integer PRIMARY KEY, code text UNIQUE, parent integer REFERENCES parent, note text CHECK (note <> 'bad'), inet inet,
      room integer, EXCLUDE USING btree (room WITH =)
    );
    CREATE INDEX ON item (note);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.note = 'sleep' THEN PERFORM pg_sleep(5); END IF;
      IF NEW.note = 'raise' THEN RAISE EXCEPTION 'not on a Sunday'; END IF;
      IF NEW.note = 'terminate' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TABLE changing (id integer PRIMARY KEY, note text, gone text);
  `);
  // The proxy forwards bytes, whatever they say.
  const url = new URL(world.url);
  proxy = await startRedisProxy(`redis://${url.hostname}:${url.port}`);
  url.port = new URL(proxy.url).port;
  proxied = url.href;
});

afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
  await proxy.stop();
  await world.close();
});

function prismaOn(connectionString: string, settings: pg.PoolConfig = {}): PrismaClient {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString, ...settings }) });
  closing.push(() => client.$disconnect());
  return client;
}

function plainOn(connectionString: string, settings: pg.PoolConfig = {}): PrismaClientLike {
  const pool = new pg.Pool({ connectionString, ...settings });
  pool.on('error', () => {});
  closing.push(() => pool.end());
  return overPg(pool);
}

async function failureOf(work: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}

const ROW = { id: 1, code: null, parent: null, note: null, inet: null, room: null };

describe.each([
  ['Prisma', prismaOn, false],
  ['Prisma, with care', prismaOn, true],
  ['pg', plainOn, false],
  ['pg, with care', plainOn, true],
] as const)('an error of the database, by %s', (_name, clientOn, careful) => {
  let table: Table;
  let changing: Table;

  beforeAll(async () => {
    const client: PrismaClientLike = clientOn(world.url);
    table = await world.open('item', { client, table: 'item', statementTimeout: 400 });
    changing = await world.open('changing', { client, table: 'changing' });
  });

  beforeEach(() => world.sql('TRUNCATE item, strata_fence'));

  it.each<[string, object[], ErrorClass, RegExp]>([
    [
      'a unique value is taken',
      [
        { ...ROW, code: 'x' },
        { ...ROW, id: 2, code: 'x' },
      ],
      'order',
      /duplicate key.*\(23505\)$/,
    ],
    ['the row it refers to is missing', [{ ...ROW, parent: 9 }], 'order', /foreign key.*\(23503\)$/],
    [
      'it excludes another one',
      [
        { ...ROW, room: 1 },
        { ...ROW, id: 2, room: 1 },
      ],
      'order',
      /exclusion.*\(23P01\)$/,
    ],
    ['a check fails', [{ ...ROW, note: 'bad' }], 'data', /check constraint "item_note_check" \(23514\)$/],
    [
      'a value is no value of its type',
      [{ ...ROW, inet: 'here' }],
      'data',
      /invalid input syntax for type inet.*\(22P02\)$/,
    ],
    ['a trigger refuses it', [{ ...ROW, note: 'raise' }], 'data', /^not on a Sunday \(P0001\)$/],
    ['it is too long for an index', [{ ...ROW, note: randomText() }], 'data', /index row.*\(54000\)$/],
    careful
      ? ['it takes too long', [{ ...ROW, note: 'sleep' }], 'transient', /statement timeout \(57014\)$/]
      : ['it takes too long', [{ ...ROW, note: 'sleep' }], 'outage', /did not answer within 800 ms/],
    [
      'the connection is ended from outside',
      [{ ...ROW, note: 'terminate' }],
      'outage',
      /administrator command \(57P01\)$/,
    ],
    ['a row is there twice', [ROW, ROW], 'data', /cannot affect row a second time \(21000\)$/],
  ])('says that %s', async (_case, rows, kind, message) => {
    const error = await failureOf(() => table.write(0, 1, upserts(table, rows), careful));
    expect(classify(error)).toBe(kind);
    expect(messageOf(error)).toMatch(message);
    expect(messageOf(error).length).toBeLessThan(200);
  });

  it('says that a value is out of range, or NULL where it must not be', async () => {
    // Payloads from before a migration, which their own validation let through.
    await world.sql('ALTER TABLE changing ALTER id TYPE smallint, ALTER note SET NOT NULL');
    try {
      const tooLarge = upserts(changing, [{ id: 70_000, note: 'a', gone: null }]);
      const large = await failureOf(() => changing.write(0, 1, tooLarge));
      expect([classify(large), messageOf(large)]).toEqual(['data', expect.stringMatching(/out of range.*\(22003\)$/)]);
      const empty = await failureOf(() => changing.write(0, 1, upserts(changing, [{ id: 1, note: null, gone: null }])));
      expect([classify(empty), messageOf(empty)]).toEqual(['data', expect.stringMatching(/null value.*\(23502\)$/)]);
    } finally {
      await world.sql('ALTER TABLE changing ALTER id TYPE integer, ALTER note DROP NOT NULL');
    }
  });

  it('says that the table is not what it was', async () => {
    const writes = upserts(changing, [{ id: 1, note: null, gone: null }]);
    await world.sql('ALTER TABLE changing DROP gone');
    const column = await failureOf(() => changing.write(0, 1, writes));
    expect([classify(column), messageOf(column)]).toEqual(['schema', expect.stringMatching(/"gone".*\(42703\)$/)]);
    await world.sql('ALTER TABLE changing ADD gone text; ALTER TABLE changing RENAME TO moved');
    const relation = await failureOf(() => changing.write(0, 1, writes));
    expect([classify(relation), messageOf(relation)]).toEqual([
      'schema',
      expect.stringMatching(/not exist.*\(42P01\)$/),
    ]);
    await world.sql('ALTER TABLE moved RENAME TO changing; ALTER TABLE changing DROP CONSTRAINT changing_pkey');
    const conflict = await failureOf(() => changing.write(0, 1, writes));
    expect([classify(conflict), messageOf(conflict)]).toEqual([
      'schema',
      expect.stringMatching(/ON CONFLICT.*\(42P10\)$/),
    ]);
    await world.sql('ALTER TABLE changing ADD PRIMARY KEY (id)');
  });

  it.each(['LOCK TABLE item', 'UPDATE item SET room = 1'])('says that somebody else holds a lock: %s', async (lock) => {
    await table.write(0, 1, upserts(table, [ROW]));
    const other = await world.connect();
    await other.query(`BEGIN; ${lock}`);
    const error = await failureOf(() => table.write(0, 1, upserts(table, [ROW]), careful));
    await other.query('ROLLBACK');
    expect([classify(error), messageOf(error)]).toEqual(
      careful || lock.startsWith('UPDATE')
        ? ['transient', expect.stringMatching(/\((57014|55P03)\)$/)]
        : ['outage', expect.stringContaining('did not answer within 800 ms')], // the next attempt takes care
    );
  });

  it('says that two transactions waited for each other', async () => {
    await table.write(0, 1, upserts(table, [ROW, { ...ROW, id: 2 }]));
    const other = await world.connect();
    await other.query(`SET deadlock_timeout = '10s'; BEGIN; UPDATE item SET room = 5 WHERE id = 2`);
    const writing = failureOf(() => table.write(0, 1, upserts(table, [ROW, { ...ROW, id: 2 }]), careful));
    await untilBlocked();
    const update = other.query('UPDATE item SET room = 4 WHERE id = 1');
    const error = await writing;
    await update;
    await other.query('ROLLBACK');
    expect([classify(error), messageOf(error)]).toEqual([
      'transient',
      expect.stringMatching(/^deadlock detected \(40P01\)$/),
    ]);
  });

  it('says that nobody is there', async () => {
    const client: PrismaClientLike = clientOn('postgresql://a:b@127.0.0.1:1/c');
    const inside = await failureOf(() =>
      client.$transaction((tx) => Promise.resolve(tx.$executeRawUnsafe('SELECT 1'))),
    );
    expect([classify(inside), messageOf(inside)]).toEqual(['outage', expect.stringMatching(/127.0.0.1:1/)]);
    expect(classify(await failureOf(() => client.$queryRawUnsafe('SELECT 1')))).toBe('outage');
    const lost: PrismaClientLike = clientOn('postgresql://a:b@nowhere.invalid:1/c');
    expect(classify(await failureOf(() => lost.$queryRawUnsafe('SELECT 1')))).toBe('outage');
  });

  it('says that it lets nobody in', async () => {
    const url = new URL(world.url);
    url.pathname = '/nothing_of_this_name';
    const client: PrismaClientLike = clientOn(url.href);
    const error = await failureOf(() => client.$transaction((tx) => Promise.resolve(tx.$executeRawUnsafe('SELECT 1'))));
    expect(classify(error)).toBe('outage');
  });

  it('says that the connection broke in the middle of a statement, and the next write has a new one', async () => {
    const behind = await world.open('item', { client: clientOn(proxied), table: 'item', statementTimeout: 5_000 });
    const writing = failureOf(() => behind.write(0, 1, upserts(behind, [{ ...ROW, note: 'sleep' }])));
    await untilActive();
    proxy.cut();
    expect(classify(await writing)).toBe('outage');
    expect(classify(await failureOf(() => behind.ping()))).toBe('outage');
    expect(classify(await failureOf(() => behind.load([behind.encodeId(1).payload])))).toBe('outage');
    proxy.restore();
    await behind.ping();
    await world.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%"${world.schema}"."item"%' AND pid <> pg_backend_pid()`,
    );
    await behind.write(0, 1, upserts(behind, [ROW]));
  });

  it('says that no answer comes, although the connection stands', async () => {
    const behind = await world.open('item', { client: clientOn(proxied), table: 'item', statementTimeout: 100 });
    proxy.stall();
    try {
      expect(classify(await failureOf(() => behind.ping()))).toBe('outage');
      const error = await failureOf(() => behind.load([behind.encodeId(1).payload]));
      expect([classify(error), messageOf(error)]).toEqual(['outage', 'The database did not answer within 200 ms.']);
    } finally {
      proxy.resume();
    }
  });
});

describe('an error of Prisma itself', () => {
  it('says that the pool is exhausted', async () => {
    const client = prismaOn(world.url, { max: 1 });
    const error = await client.$transaction(() =>
      failureOf(() => client.$transaction((tx) => tx.$executeRawUnsafe('SELECT 1'), { maxWait: 50 })),
    );
    expect(error).toMatchObject({ code: 'P2028' });
    expect([classify(error), messageOf(error)]).toEqual([
      'transient',
      expect.stringMatching(/Unable to start a transaction/),
    ]);
  });

  it('says that a transaction took too long', async () => {
    const client = prismaOn(world.url);
    const error = await failureOf(() =>
      client.$transaction(
        async (tx) => {
          await new Promise((resolve) => setTimeout(resolve, 150));
          await tx.$executeRawUnsafe('SELECT 1');
        },
        { timeout: 50 },
      ),
    );
    expect(error).toMatchObject({ code: 'P2028' });
    expect(classify(error)).toBe('transient');
  });

  it('is none after $disconnect: the client connects again by itself', async () => {
    const client = prismaOn(world.url);
    const table = await world.open('item', { client, table: 'item' });
    await client.$disconnect();
    await table.write(0, 1, upserts(table, [ROW]));
    expect(await table.load([table.encodeId(1).payload])).toHaveLength(1);
  });
});

describe('an error that nobody knows', () => {
  it.each([
    [new Error('what?')],
    [new TypeError('x is not a function')],
    [{ code: 'P9999' }],
    [{ code: 'XX000', message: 'internal' }],
    ['text'],
    [null],
    [undefined],
  ])('is tried again: %p', (error) => {
    expect(classify(error)).toBe('transient');
  });

  it('is read through its causes, whichever way they are wrapped', () => {
    const inner = Object.assign(new Error('duplicate'), { code: '23505' });
    expect(classify(new Error('outer', { cause: new Error('middle', { cause: inner }) }))).toBe('order');
    expect(classify(new AggregateError([Object.assign(new Error(''), { code: 'ECONNREFUSED' })]))).toBe('outage');
    // As Prisma 6 has it, with its engine in Rust.
    const six = Object.assign(new Error('Raw query failed. Code: `22003`. Message: `ERROR: out of range`'), {
      code: 'P2010',
      meta: { code: '22003', message: 'ERROR: out of range' },
    });
    expect([classify(six), messageOf(six)]).toEqual(['data', 'ERROR: out of range (22003)']);
    const circle = new Error('a');
    circle.cause = circle;
    expect(classify(circle)).toBe('transient');
  });
});

/** Characters that cannot be compressed: too many for a page. */
function randomText(): string {
  return Array.from({ length: 20_000 }, () => String.fromCodePoint(0x4e00 + Math.floor(Math.random() * 20_000))).join(
    '',
  );
}

const untilBlocked = () => until(`wait_event_type = 'Lock'`);
const untilActive = () => until(`wait_event = 'PgSleep'`);

async function until(condition: string): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE ${condition} AND query LIKE '%"${world.schema}"%'`;
  for (let tries = 0; tries < 200; tries++) {
    if ((await world.sql(sql)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('It did not happen.');
}

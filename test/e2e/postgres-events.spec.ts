import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { CacheEvents, CacheService, InvalidationRule } from '../../src/index.js';
import {
  type InvalidationTriggerOptions,
  invalidationTriggerSql,
  type PostgresEventsOptions,
  postgresEvents,
  type RowChange,
} from '../../src/postgres.js';
import { databaseUrl } from '../support/services.js';
import { until, useWorld } from './world.js';

interface Product {
  id: number;
  category: string;
}

/** Conditions that say themselves what they wait for. */
const soon = (condition: () => unknown) => until(String(condition), condition);

const suffix = randomBytes(6).toString('hex');
/** With what needs quotes in it. */
const table = `Products "${suffix}`;
const quoted = `"Products ""${suffix}"`;

describe('events of Postgres', () => {
  const world = useWorld();
  /** Stands for another program. */
  let db: pg.Pool;
  let channel: string;

  beforeAll(() => {
    db = new pg.Pool({ connectionString: databaseUrl(), max: 3 });
    db.on('error', () => undefined);
  });
  afterAll(() => db.end());

  beforeEach(async () => {
    channel = `strata's ${randomBytes(6).toString('hex')}`;
    await db.query(`DROP TABLE IF EXISTS ${quoted} CASCADE`);
    await db.query(`CREATE TABLE ${quoted} (id int PRIMARY KEY, category text NOT NULL, note text)`);
    await watch();
    world.later(() => db.query(`DROP TABLE IF EXISTS ${quoted} CASCADE`));
  });

  const watch = (options: Partial<InvalidationTriggerOptions> = {}) =>
    db.query(invalidationTriggerSql({ table, event: 'products', columns: ['category'], channel, ...options }));

  const insert = (...rows: [id: number, category: string][]) =>
    db.query(`INSERT INTO ${quoted} SELECT * FROM unnest($1::int[], $2::text[])`, [
      rows.map(([id]) => id),
      rows.map(([, category]) => category),
    ]);

  const rule: InvalidationRule = {
    on: 'products.*',
    evict: ({ id, old, new: now }: RowChange<Product, number>) => [
      ['product', id],
      { tags: [old, now].flatMap((row) => (row ? [`category:${row.category}`] : [])) },
    ],
    missed: [{ prefix: 'product:' }, { prefix: 'list:' }],
  };

  const KEYS = ['product:~1', 'product:~2', 'list:hats', 'list:shoes', 'other'];

  async function start(rules: InvalidationRule[], options: Partial<PostgresEventsOptions> = {}) {
    const place = options.client ? {} : { connectionString: databaseUrl() };
    const sources = [postgresEvents({ ...place, channel, ...options })];
    const app = await world.app({ invalidation: { rules, sources } });
    const { cache } = app;
    const missed: CacheEvents['missed'][] = [];
    cache.on('missed', (event) => missed.push(event));
    await fill(cache);
    return { app, cache, missed, left: async () => [...(await cache.getMany(KEYS)).keys()] };
  }

  async function fill(cache: CacheService): Promise<void> {
    for (const key of KEYS) await cache.set(key, key, { tags: [key.replace('list', 'category')] });
  }

  /** Rules that note what they hear. */
  function noting(): { rules: InvalidationRule[]; heard: unknown[] } {
    const heard: unknown[] = [];
    const evict = (payload: unknown, event: string) => {
      heard.push([event, payload]);
      return [];
    };
    return { heard, rules: [{ on: '**', evict, missed: [] }] };
  }

  /** Until a mark has come that was sent after everything else. */
  async function settled(heard: unknown[]): Promise<void> {
    await db.query('SELECT pg_notify($1, $2)', [channel, '{"event":"mark"}']);
    await soon(() => heard.some((one) => (one as [string])[0] === 'mark'));
    heard.splice(
      heard.findIndex((one) => (one as [string])[0] === 'mark'),
      1,
    );
  }

  it('invalidate what another program changes, and nothing else', async () => {
    await insert([1, 'hats'], [2, 'hats']);
    const { left } = await start([rule]);
    await db.query(`UPDATE ${quoted} SET category = 'shoes' WHERE id = 1`);
    await soon(async () => (await left()).length === 2);
    expect(await left()).toEqual(['product:~2', 'other']);
  });

  it('come when the transaction commits, and not if it is rolled back', async () => {
    await insert([1, 'hats']);
    const { rules, heard } = noting();
    await start(rules);
    const client = await db.connect();
    world.later(() => client.release(true));
    await client.query('BEGIN');
    await client.query(`UPDATE ${quoted} SET category = 'shoes'`);
    await settled(heard);
    expect(heard).toEqual([]);
    await client.query('ROLLBACK');
    await client.query(`BEGIN; UPDATE ${quoted} SET category = 'boots'; COMMIT`);
    await soon(() => heard.length > 0);
    expect(heard).toEqual([['products.update', expect.objectContaining({ new: { id: 1, category: 'boots' } })]]);
  });

  it('tell operation, table, id, and the selected columns before and after', async () => {
    const { rules, heard } = noting();
    await start(rules);
    await insert([1, 'hats'], [2, 'shoes']);
    await db.query(`UPDATE ${quoted} SET category = 'boots' WHERE id = 1`);
    await db.query(`UPDATE ${quoted} SET id = 3 WHERE id = 2`);
    await db.query(`DELETE FROM ${quoted} WHERE id = 3`);
    await settled(heard);
    const at = { schema: 'public', table };
    expect(heard).toHaveLength(6);
    expect(heard).toEqual(
      expect.arrayContaining([
        ['products.insert', { ...at, operation: 'insert', id: 1, old: undefined, new: { id: 1, category: 'hats' } }],
        ['products.insert', { ...at, operation: 'insert', id: 2, old: undefined, new: { id: 2, category: 'shoes' } }],
        [
          'products.update',
          { ...at, operation: 'update', id: 1, old: { id: 1, category: 'hats' }, new: { id: 1, category: 'boots' } },
        ],
        // A changed id: one row is gone, and another one is there.
        ['products.update', { ...at, operation: 'update', id: 2, old: { id: 2, category: 'shoes' }, new: undefined }],
        ['products.update', { ...at, operation: 'update', id: 3, old: undefined, new: { id: 3, category: 'shoes' } }],
        ['products.delete', { ...at, operation: 'delete', id: 3, old: { id: 3, category: 'shoes' }, new: undefined }],
      ]),
    );
  });

  it('tell of each row of an upsert how it was changed, and nothing of statements that change none', async () => {
    await insert([1, 'hats']);
    const { rules, heard } = noting();
    await start(rules);
    await db.query(
      `INSERT INTO ${quoted} VALUES (1, 'boots'), (2, 'socks') ON CONFLICT (id) DO UPDATE SET category = EXCLUDED.category`,
    );
    await db.query(`UPDATE ${quoted} SET category = 'x' WHERE id = 99`);
    await db.query(`DELETE FROM ${quoted} WHERE id = 99`);
    await settled(heard);
    expect(heard.map((one) => (one as [string])[0]).sort()).toEqual(['products.insert', 'products.update']);
  });

  it('keep all digits of large numbers, as texts, and have several columns as id', async () => {
    await db.query(
      `ALTER TABLE ${quoted} ADD big bigint NOT NULL DEFAULT 9007199254740993, ADD price numeric DEFAULT 0.10`,
    );
    await watch({ id: ['big', 'id'], columns: ['price', 'note'] });
    const { rules, heard } = noting();
    await start(rules);
    await insert([1, 'hats']);
    await settled(heard);
    const id = { big: '9007199254740993', id: 1 };
    expect(heard).toEqual([
      ['products.insert', expect.objectContaining({ id, new: { ...id, price: '0.10', note: null } })],
    ]);
  });

  it('tell the ids alone where the columns do not fit: a rule that reads them has its missed target invalidated', async () => {
    const byId: unknown[] = [];
    const ids: InvalidationRule = {
      on: 'products.insert',
      evict: ({ id }: RowChange) => {
        byId.push(id);
        return [['product', id]];
      },
    };
    const reading = { ...rule, missed: { prefix: 'list:' } };
    const { left, missed } = await start([ids, reading]);
    missed.length = 0;
    await insert([1, 'hats'.repeat(1000)], [7, 'hats'.repeat(1000)]);
    await soon(async () => (await left()).length === 2);
    expect(await left()).toEqual(['product:~2', 'other']);
    expect(byId).toEqual([1, 7]);
  });

  it.each<[string, number, number]>([
    ['not even the ids fit', 1000, 2_000_000_000],
    ['there are too many rows', 20_000, 0],
  ])('tell that rows were changed where %s: the missed target is invalidated', async (_what, count, from) => {
    const { left, missed } = await start([rule]);
    missed.length = 0;
    await db.query(`INSERT INTO ${quoted} SELECT ${from} + i, 'c' FROM generate_series(1, ${count}) AS i`);
    await soon(async () => (await left()).length === 1);
    expect(await left()).toEqual(['other']);
    expect(missed).toEqual([{ source: 'postgres', reason: 'incomplete' }]);
  });

  it('clear the cache where a rule says nothing of what it would have missed, as after TRUNCATE', async () => {
    const { missed: _none, ...open } = rule as InvalidationRule & { missed: unknown };
    const { left } = await start([{ ...open, on: 'products.delete' } as InvalidationRule]);
    await db.query(`TRUNCATE ${quoted}`);
    await soon(async () => (await left()).length === 0);
  });

  it('never fail the statement: a column that is gone makes the event incomplete', async () => {
    await insert([1, 'hats']);
    const { left } = await start([rule]);
    await db.query(`ALTER TABLE ${quoted} DROP COLUMN category`);
    await db.query(`UPDATE ${quoted} SET note = 'x'`);
    await soon(async () => (await left()).length === 1);
    expect((await db.query(`SELECT note FROM ${quoted}`)).rows).toEqual([{ note: 'x' }]);
  });

  it('are refused by the migration for a column that does not exist', async () => {
    await expect(watch({ columns: ['categroy'] })).rejects.toThrow('categroy');
  });

  it('may be told by hand', async () => {
    const { rules, heard } = noting();
    await start(rules);
    await db.query('SELECT pg_notify($1, $2)', [channel, '{"event":"price.changed","payload":{"id":7}}']);
    await soon(() => heard.length > 0);
    expect(heard).toEqual([['price.changed', { id: 7 }]]);
  });

  it('invalidate what is concerned when a notification cannot be read, and report it', async () => {
    const { app, left } = await start([rule]);
    await db.query('SELECT pg_notify($1, $2)', [channel, 'hello']);
    await soon(async () => (await left()).length === 1);
    expect(app.errors).toEqual([expect.objectContaining({ operation: 'events of postgres' })]);
  });

  it('reach every process that listens', async () => {
    const [one, two] = [await start([rule]), await start([rule])];
    await one.cache.getMany(KEYS);
    await insert([1, 'hats']);
    await soon(() => one.cache.peek('product:~1') === undefined && two.cache.peek('product:~1') === undefined);
  });

  describe('after a lost connection', () => {
    const name = `strata events ${suffix}`;
    const client = () => new pg.Client({ connectionString: databaseUrl(), application_name: name });
    const kill = () =>
      db.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [name]);

    it('invalidate everything they could have concerned, tell it, and go on', async () => {
      await insert([1, 'hats']);
      const { left, missed, cache } = await start([rule], { client });
      missed.length = 0;
      await kill();
      await soon(() => missed.length > 0);
      expect(missed).toEqual([{ source: 'postgres', reason: 'connection' }]);
      await soon(async () => (await left()).length === 1);
      expect(await left()).toEqual(['other']);
      await fill(cache);
      await db.query(`DELETE FROM ${quoted}`);
      await soon(async () => (await left()).length === 3);
      expect(await left()).toEqual(['product:~2', 'list:shoes', 'other']);
    });

    it('leave caches and rules alone that do not wait for their events', async () => {
      const app = { on: 'user.*', evict: () => 'x' };
      const { left, missed } = await start([rule, app], { client, events: ['products.*'] });
      missed.length = 0;
      await kill();
      await soon(() => missed.length > 0);
      await soon(async () => (await left()).length === 1);
      expect(await left()).toEqual(['other']);
    });

    it('clear the cache where a rule says nothing else', async () => {
      const { left } = await start([{ on: 'products.*', evict: ({ id }: RowChange) => ['product', id] }], { client });
      await kill();
      await soon(async () => (await left()).length === 0);
    });
  });

  it('have what they concern invalidated at the start, because nobody knows what happened before', async () => {
    await start([rule]);
    const app = await world.app({
      invalidation: { rules: [rule], sources: [postgresEvents({ connectionString: databaseUrl(), channel })] },
    });
    expect([...(await app.cache.getMany(KEYS)).keys()]).toEqual(['other']);
  });

  it('leave everything as it is at the start if they are told to', async () => {
    await start([rule]);
    const sources = [postgresEvents({ connectionString: databaseUrl(), channel, missedAtStart: false })];
    const app = await world.app({ invalidation: { rules: [rule], sources } });
    expect([...(await app.cache.getMany(KEYS)).keys()]).toEqual(KEYS);
  });

  it('do not keep the app from starting while Postgres is away, and are heard when it comes', async () => {
    let there = false;
    const wrong = databaseUrl().replace(/:\d+\//, ':1/');
    const client = () => new pg.Client({ connectionString: there ? databaseUrl() : wrong });
    const { app, missed, left } = await start([rule], { client });
    expect(app.errors).toEqual([expect.objectContaining({ operation: 'events of postgres' })]);
    there = true;
    await soon(() => missed.length > 0);
    expect(missed).toEqual([{ source: 'postgres', reason: 'connection' }]);
    await soon(async () => (await left()).length === 1);
  });

  it('report those that the option events does not name, and are heard all the same', async () => {
    const { app, left } = await start([rule], { events: ['orders.*'] });
    await insert([1, 'hats']);
    await soon(async () => (await left()).length === 3);
    expect(app.errors.map(({ error }) => String(error))).toEqual([expect.stringContaining('products.insert')]);
  });

  it('leave no connection when the app is closed', async () => {
    const name = `closing ${suffix}`;
    const client = () => new pg.Client({ connectionString: databaseUrl(), application_name: name });
    const { app } = await start([rule], { client });
    const count = async () =>
      (await db.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [name])).rowCount;
    expect(await count()).toBe(1);
    await app.close();
    await soon(async () => (await count()) === 0);
  });
});

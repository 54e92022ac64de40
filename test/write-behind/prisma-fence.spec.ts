import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { FencedError, type Table } from '../../src/write-behind/table.js';
import { startRedisProxy } from '../support/redis-proxy.js';
import { createWorld, deletes, upserts, type World } from './prisma-world.js';

let world: World;
let table: Table;

beforeAll(async () => {
  world = await createWorld('CREATE TABLE item (id integer PRIMARY KEY, note text)');
});

afterAll(() => world.close());

beforeEach(() => world.sql('TRUNCATE item, strata_fence'));

const row = (note: string, id = 1) => ({ id, note });
const notes = async () => (await world.sql('SELECT note FROM item ORDER BY id')).map((item) => item.note);
const fences = () => world.sql('SELECT entity, shard, epoch FROM strata_fence ORDER BY entity, shard');

describe.each([
  ['plain', false],
  ['plain', true],
  ['prisma', false],
  ['prisma', true],
] as const)('the fence of a shard, over %s, with care: %s', (client, careful) => {
  beforeAll(async () => {
    table = await world.open('item', { client: world[client], table: 'item' });
  });

  const write: Table['write'] = (shard, epoch, writes) => table.write(shard, epoch, writes, careful);

  it('lets the same epoch write again and again, and a newer one take over', async () => {
    await write(0, 7, upserts(table, [row('a')]));
    await write(0, 7, upserts(table, [row('b')]));
    await write(0, 9, upserts(table, [row('c')]));
    expect(await notes()).toEqual(['c']);
    expect(await fences()).toEqual([{ entity: 'spec:item', shard: 0, epoch: '9' }]);
  });

  it('refuses an older epoch, says which one is known, and writes nothing of it', async () => {
    await write(0, 9, upserts(table, [row('new')]));
    const late = [...upserts(table, [row('old', 2)]), ...deletes(table, [1])];
    const refusal = await write(0, 8, late).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(FencedError);
    expect(refusal).toMatchObject({ epoch: 9 });
    expect(await notes()).toEqual(['new']);
    expect(await fences()).toEqual([{ entity: 'spec:item', shard: 0, epoch: '9' }]);
  });

  it('knows epochs as large as numbers can be exact', async () => {
    await write(0, Number.MAX_SAFE_INTEGER, upserts(table, [row('a')]));
    const refusal = write(0, Number.MAX_SAFE_INTEGER - 1, upserts(table, [row('b')]));
    await expect(refusal).rejects.toMatchObject({ epoch: Number.MAX_SAFE_INTEGER });
  });

  it('is of its own for each shard, entity and scope', async () => {
    const other = await world.open('Other', { client: world[client], table: 'item' });
    const elsewhere = await world.open('item', { client: world[client], table: 'item', scope: 'elsewhere' });
    await write(0, 9, []);
    await write(1, 8, []);
    await other.write(0, 7, [], careful);
    await elsewhere.write(0, 6, [], careful);
    expect(await fences()).toEqual([
      { entity: 'elsewhere:item', shard: 0, epoch: '6' },
      { entity: 'spec:Other', shard: 0, epoch: '7' },
      { entity: 'spec:item', shard: 0, epoch: '9' },
      { entity: 'spec:item', shard: 1, epoch: '8' },
    ]);
  });
});

describe('a writer that was paused', () => {
  it('inside its transaction holds up its successor only until the database ends it', async () => {
    const paused = await world.connect();
    await paused.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = 300`);
    await paused.query(`INSERT INTO strata_fence VALUES ('spec:item', 0, 1)`);
    await paused.query(`INSERT INTO item VALUES (1, 'paused')`);
    await table.write(0, 2, upserts(table, [row('successor')]));
    expect(await notes()).toEqual(['successor']);
    await expect(paused.query('COMMIT')).rejects.toThrow();
    expect(await notes()).toEqual(['successor']);
  });

  it('sets that limit itself, so that a stopped process blocks nobody for long', async () => {
    const limits: unknown[] = [];
    const spying = {
      ...world.plain,
      $transaction: ((work, options) =>
        world.plain.$transaction(async (tx) => {
          const result = await work(tx);
          const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
          for (const name of names) limits.push(await tx.$queryRawUnsafe(`SHOW ${name}`));
          return result;
        }, options)) as typeof world.plain.$transaction,
    };
    const quick = await world.open('item', { client: spying, statementTimeout: 1_234 });
    await quick.write(0, 1, upserts(quick, [row('a')]), true);
    expect(limits).toEqual([
      [{ statement_timeout: '1234ms' }],
      [{ lock_timeout: '1234ms' }],
      [{ idle_in_transaction_session_timeout: '1234ms' }],
    ]);
    expect(await world.sql('SHOW statement_timeout')).toEqual([{ statement_timeout: '0' }]);
  });

  it('before its transaction cannot bring back a row that was deleted since', async () => {
    const stale = upserts(table, [row('stale')]);
    await table.write(0, 1, upserts(table, [row('first')]));
    await table.write(0, 2, deletes(table, [1]));
    await expect(table.write(0, 1, stale)).rejects.toThrow(FencedError);
    expect(await notes()).toEqual([]);
  });

  it.each([false, true])('loses against a newer one that commits while it waits (with care: %s)', async (careful) => {
    const newer = await world.connect();
    await newer.query(`BEGIN; INSERT INTO strata_fence VALUES ('spec:item', 0, 5)`);
    const waiting = table.write(0, 4, upserts(table, [row('older')]), careful).catch((error: unknown) => error);
    await untilBlocked();
    await newer.query(`INSERT INTO item VALUES (1, 'newer'); COMMIT`);
    expect(await waiting).toMatchObject({ epoch: 5 });
    expect(await notes()).toEqual(['newer']);
  });

  it.each([false, true])('wins over what an older one commits while it waits (with care: %s)', async (careful) => {
    const older = await world.connect();
    await older.query(
      `BEGIN; INSERT INTO strata_fence VALUES ('spec:item', 0, 3); INSERT INTO item VALUES (1, 'older')`,
    );
    const waiting = table.write(0, 4, upserts(table, [row('newer'), row('next', 2)]), careful);
    await untilBlocked();
    await older.query('COMMIT');
    await waiting;
    expect(await notes()).toEqual(['newer', 'next']);
    expect(await fences()).toMatchObject([{ epoch: '4' }]);
  });

  it('behind a lock of the table, and given up, loses against whoever took care and came first', async () => {
    const other = await world.connect();
    await other.query('BEGIN; LOCK TABLE item');
    const quick = await world.open('item', { statementTimeout: 50 });
    const givenUp = await quick.write(0, 1, upserts(quick, [row('older')])).catch((error: unknown) => error);
    expect(givenUp).toMatchObject({ code: 'ETIMEDOUT' });
    const newer = table.write(0, 2, upserts(table, [row('newer')]), true);
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    while ((await world.sql(waiting))[0]?.n !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await other.query('COMMIT');
    await newer;
    while ((await world.sql(waiting))[0]?.n !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await notes()).toEqual(['newer']);
  });

  it('takes one statement as long as there is no trouble, and nothing to delete', async () => {
    const statements: string[] = [];
    const spying = Object.assign(Object.create(world.plain) as typeof world.plain, {
      $executeRawUnsafe: (query: string, ...values: unknown[]) => {
        statements.push(query);
        return world.plain.$executeRawUnsafe(query, ...values);
      },
      $transaction: () => Promise.reject(new Error('a transaction')),
    });
    const counted = await world.open('item', { client: spying });
    await counted.write(0, 1, upserts(counted, [row('a'), row('b', 2)]));
    expect([statements.length, await notes()]).toEqual([1, ['a', 'b']]);
    await expect(counted.write(0, 1, deletes(counted, [1]))).rejects.toThrow('a transaction');
    await expect(counted.write(0, 1, upserts(counted, [row('c')]), true)).rejects.toThrow('a transaction');
  });
});

describe('a write that got no answer', () => {
  it.each([
    ['of a newer epoch', false, 1],
    ['of the same epoch, if it was made with care', true, 0],
  ])('does not happen later, after a newer write %s', async (_name, careful, newer) => {
    const url = new URL(world.url);
    const proxy = await startRedisProxy(`redis://${url.hostname}:${url.port}`); // it forwards bytes, whatever they say
    url.port = new URL(proxy.url).port;
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url.href }) });
    try {
      const stalled = await world.open('item', { client, table: 'item', statementTimeout: 60 });
      let unanswered = 0;
      for (let round = 1; round <= 12; round++) {
        const older = upserts(stalled, [row(`older ${round}`)]);
        const writing = stalled.write(0, 2 * round, older, careful).catch(() => unanswered++);
        // At another point of the statements each time, and once before the first of them leaves.
        if (round < 12) await new Promise((resolve) => setTimeout(resolve, round / 2));
        proxy.stall();
        await writing;
        await table.write(0, 2 * round + newer, upserts(table, [row(`newer ${round}`)]));
        proxy.resume();
        await client.$queryRawUnsafe('SELECT 1');
        await new Promise((resolve) => setTimeout(resolve, 40));
        expect(await notes()).toEqual([`newer ${round}`]);
      }
      expect(unanswered).toBeGreaterThan(0);
    } finally {
      await proxy.stop();
      await client.$disconnect();
    }
  });
});

/** Until a connection of this schema waits for a lock. */
async function untilBlocked(): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${world.schema}"%'`;
  for (let tries = 0; tries < 200; tries++) {
    if ((await world.sql(sql)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('Nobody waits.');
}

import { expect, it } from '@jest/globals';
import type { PrismaClient } from '../../../examples/storefront/src/generated/prisma/client.js';
import type { PrismaClientLike } from '../../../src/write-behind/prisma/prisma-client-like.js';
import { eventually, type Item, useWriteBehind } from '../../e2e/write-behind-world.js';

const world = useWriteBehind();

/** A client with a model of the table, as generated ones have it: it says which columns there have to be. */
function withModel(prisma: PrismaClient): PrismaClientLike {
  const fields = ['id', 'n', 'note'].map((name) => ({ name, kind: 'scalar' }));
  const client: PrismaClientLike = {
    $queryRawUnsafe: (query, ...values) => prisma.$queryRawUnsafe(query, ...values),
    $executeRawUnsafe: (query, ...values) => prisma.$executeRawUnsafe(query, ...values),
    $transaction: (work, options) => prisma.$transaction(work, options),
  };
  return Object.assign(client, { _runtimeDataModel: { models: { Item: { dbName: 'item', fields } } } });
}

it('a column is dropped under load: every process pauses, nothing becomes a dead letter, and all goes on when it is back', async () => {
  const here = await world();
  const { sql, schema } = here;
  const client = withModel(here.prisma);
  const writeBehind = { client, flushDelay: 20, batchSize: 50, rowAttempts: 1, constraintRetry: 0, sweep: 50 };
  const apps = [await here.app({ writeBehind }), await here.app({ writeBehind })];
  const last = new Map<string, Item>();
  let over = false;
  const load = apps.map(async ({ items }, writer) => {
    for (let n = 0; !over; n++) {
      const rows = Array.from({ length: 10 }, (_, i) => ({ id: `${writer}-${(7 * n + i) % 300}`, n, note: `${n}` }));
      for (const row of rows) last.set(row.id, row);
      await Promise.all(rows.map((row) => items.put(row)));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
  await eventually(async () => (await here.rows()).length > 100);
  await sql(`ALTER TABLE ${schema}.item DROP COLUMN note`);
  for (const { items } of apps) await eventually(async () => (await items.stats()).paused !== undefined);
  const seen = last.size;
  await eventually(() => last.size === 600 || last.size > seen + 200); // it is written on, and taken
  for (const { items } of apps) {
    expect(await items.stats()).toMatchObject({ deadLetters: 0, paused: expect.stringContaining('changed') });
  }
  // The log of the last app is that of all. They look again and again, and each says it once.
  const log = apps.at(-1)?.log ?? [];
  const said = (): string[] => log.filter((line) => line.includes('is not flushed, because its table has changed'));
  await eventually(() => said().length === apps.length);
  expect(log.length).toBeLessThan(15);
  const some = [...last.keys()].slice(0, 20);
  const [reader] = apps;
  for (const row of (await reader?.items.getMany(some)) ?? []) expect(row).toMatchObject({ note: `${row?.n}` });

  await sql(`ALTER TABLE ${schema}.item ADD COLUMN note varchar(20)`);
  for (const { items } of apps) await eventually(async () => (await items.stats()).paused === undefined);
  over = true;
  await Promise.all(load);
  await eventually(async () => (await apps[0]?.items.stats())?.dirty === 0);
  // The column came back empty: rows that were not written since have none of their own.
  const rows = await here.rows();
  expect(rows.map(({ id, n }) => ({ id, n }))).toEqual(
    [...last.values()].map(({ id, n }) => ({ id, n })).sort((one, other) => (one.id < other.id ? -1 : 1)),
  );
  expect(rows.filter(({ note }) => note !== null).length).toBeGreaterThan(100);
  expect((await apps[0]?.items.stats())?.deadLetters).toBe(0);
}, 30_000);

// Without a model the columns are those of the catalogue, so a table that has lost one "fits" at the next sweep.
it('the same for a client without models: the values of the column are kept until it is back', async () => {
  const here = await world();
  const { items, log } = await here.app({ writeBehind: { flushDelay: 20, sweep: 50 } });
  await here.sql(`ALTER TABLE ${here.schema}.item DROP COLUMN note`);
  await items.put({ id: 'a', n: 1, note: 'kept' });
  await eventually(() => log.some((line) => /fits again|is not flushed/.test(line)));
  await here.sql(`ALTER TABLE ${here.schema}.item ADD COLUMN note varchar(20)`);
  await eventually(async () => (await items.stats()).dirty === 0);
  expect(await here.rows()).toEqual([{ id: 'a', n: 1, note: 'kept' }]);
});

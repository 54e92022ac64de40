import { afterEach, expect, it } from '@jest/globals';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../../examples/storefront/src/generated/prisma/client.js';
import { shardOf } from '../../../src/write-behind/shard-of.js';
import { eventually, useWriteBehind } from '../../e2e/write-behind-world.js';
import { databaseUrl } from '../../support/services.js';
import { withOptions } from '../prisma-world.js';
import { itemsOf } from './own-world.js';

const world = useWriteBehind();
const clients: PrismaClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.$disconnect();
});

it('a pool of one connection is enough: flushes of all shards, reads and waiting writers take turns', async () => {
  const here = await world();
  const connectionString = withOptions(databaseUrl(), `-c search_path=${here.schema}`);
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 1 }) });
  clients.push(client);
  const { items, log } = await here.app({
    writeBehind: { client, concurrency: 8, flushDelay: 5, cacheTtl: 0, lease: 10_000 },
  });
  const begin = performance.now();
  for (let n = 1; n <= 5; n++) {
    const rows = itemsOf('k', 60, n);
    const written = await Promise.all([
      ...rows.map((row) => items.put(row)),
      ...itemsOf('p', 10, n).map((row) => items.put(row, { durability: 'persisted', timeout: '20s' })),
      ...rows.map(({ id }) => items.get(`absent-${id}`)),
      items.patch('k0', (row) => ({ ...row, note: `${row.n}` })).catch(() => null),
      items.flush({ timeout: '20s' }),
    ]);
    expect(written).toHaveLength(132);
  }
  await items.flush({ timeout: '20s' });
  expect(performance.now() - begin).toBeLessThan(50_000);
  expect((await here.rows()).filter(({ n }) => n === 5)).toHaveLength(70);
  expect(await items.stats()).toMatchObject({ dirty: 0, deadLetters: 0 });
  expect(log.filter((line) => line.includes('does not answer'))).toEqual([]);
}, 60_000);

it('shards with more work than there are hands do not keep the others from their turn', async () => {
  const SHARDS = 8;
  const HOT = 4;
  const here = await world();
  const { sql, schema } = here;
  // Each transaction takes its time: all that is hot takes more than half a minute.
  await sql(`CREATE FUNCTION ${schema}.slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$`);
  await sql(`CREATE TRIGGER slow AFTER INSERT OR UPDATE ON ${schema}.item EXECUTE FUNCTION ${schema}.slow()`);
  const options = { shards: SHARDS, batchSize: 5, flushDelay: 20, concurrency: 1, sweep: 200 };
  const web = await here.app({ writeBehind: { ...options, processors: false } });
  const all = itemsOf('k', 8_000, 1).map((row) => ({ row, shard: shardOf(row.id, SHARDS) }));
  const hot = all.filter(({ shard }) => shard < HOT).slice(0, 3_000);
  const cold = all.filter(({ shard }) => shard >= HOT).slice(0, 40);
  await Promise.all(hot.map(({ row }) => web.items.put(row)));
  await here.app({ writeBehind: { ...options, drainTimeout: 0 } });
  await eventually(async () => (await here.rows()).length > 0);
  await Promise.all(cold.map(({ row }) => web.items.put(row)));
  const ids = cold.map(({ row }) => row.id);
  await eventually(async () => (await sql(`SELECT FROM ${schema}.item WHERE id = ANY($1)`, [ids])).length === 40);
  expect((await web.items.stats()).dirty).toBeGreaterThan(1_000); // what is hot still has much to do
}, 60_000);

/** A schema of a case alone in the real PostgreSQL, with the tables that write-behind needs, and clients for it. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../examples/storefront/dist/generated/prisma/client.js';
import { check } from './check.mjs';
import { COLUMNS, TABLE, valuesOf } from './profile.mjs';

const FENCE = '(entity text, shard integer, epoch bigint NOT NULL, PRIMARY KEY (entity, shard))';

/** The pool of every client: Prisma's own default, said here because it decides how much runs side by side. */
const CONNECTIONS = 10;

/**
 * @typedef {Awaited<ReturnType<typeof openDatabase>>} Database
 * @param {{ databaseUrl: string, namespace: string }} options
 */
export async function openDatabase({ databaseUrl, namespace }) {
  const schema = namespace.replaceAll('-', '_');
  const table = `${schema}.profiles`;
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query(`CREATE SCHEMA ${schema};
    CREATE TABLE ${schema}.strata_fence ${FENCE}; CREATE TABLE ${table} ${TABLE}`);
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString: databaseUrl, max: CONNECTIONS }, { schema }),
  });
  return {
    schema,
    table,
    prisma,
    /** One connection. */
    pg: client,
    /** Makes the rows that a case is going to update. @param {import('./profile.mjs').Profile[]} rows */
    insert: async (rows) => {
      const columns = COLUMNS.map((_, i) => JSON.stringify(rows.map((row) => valuesOf(row)[i])));
      const lists = COLUMNS.map((name, i) => `jsonb_array_elements_text($${i + 1}::jsonb) AS ${name}`);
      const types = ['integer', 'text', 'text', 'boolean', 'timestamptz'];
      const list = COLUMNS.map((name, i) => `${name}::${types[i]}`);
      await client.query(`INSERT INTO ${table} SELECT ${list} FROM (SELECT ${lists}) AS r`, columns);
      // Else the planner's and the vacuum's first look at the table would come in the middle of some case.
      await client.query(`VACUUM ANALYZE ${table}`);
    },
    /** Each row is there as it was written. @param {import('./profile.mjs').Profile[]} rows */
    checkRows: async (rows) => {
      const found = await client.query({ text: `SELECT ${COLUMNS} FROM ${table}`, rowMode: 'array' });
      const byId = new Map(found.rows.map((row) => [row[0], JSON.stringify(row)]));
      for (const row of rows) {
        const is = byId.get(row.customerId);
        check(is === JSON.stringify(valuesOf(row)), `row ${row.customerId} is ${is}, not ${JSON.stringify(row)}`);
      }
    },
    close: async () => {
      await prisma.$disconnect();
      await client.query(`DROP SCHEMA ${schema} CASCADE`);
      await client.end();
    },
  };
}

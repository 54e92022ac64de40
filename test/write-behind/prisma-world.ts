// For prisma-*.spec.ts: a schema of its own in the real database, and clients that have it as their search path.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import type { EntityOptions } from '../../src/write-behind/prisma/names.js';
import type { PrismaClientLike, PrismaQueries } from '../../src/write-behind/prisma/prisma-client-like.js';
import { openTable } from '../../src/write-behind/prisma/prisma-table.js';
import type { Table } from '../../src/write-behind/table.js';
import type { PendingWrite } from '../../src/write-behind/write-buffer.js';
import { databaseUrl } from '../support/services.js';

export const FENCE_TABLE = `CREATE TABLE strata_fence (
  entity text NOT NULL, shard integer NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (entity, shard)
)`;

export interface World {
  readonly schema: string;
  /** With the schema as search path. */
  readonly url: string;
  /** A client over `pg` alone: no models, `numeric` as text. */
  readonly plain: PrismaClientLike;
  /** The shop's client; what it generates itself goes to the schema, too. */
  readonly prisma: PrismaClient;
  sql<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A connection of its own, for transactions that a spec holds open. Closed with the world. */
  connect(): Promise<pg.Client>;
  open(
    entity: string,
    options?: EntityOptions & { scope?: string; statementTimeout?: number; client?: PrismaClientLike },
  ): Promise<Table>;
  close(): Promise<void>;
}

/** @param ddl makes the tables; the fence is there already */
export async function createWorld(ddl: string): Promise<World> {
  const world = await emptyWorld();
  await world.sql(`${FENCE_TABLE}; ${ddl}`);
  return world;
}

/** The tables of the shop, made by its migrations, the fence among them. */
export async function createShop(): Promise<World> {
  const world = await emptyWorld();
  const folders = readdirSync('prisma/migrations', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const name of folders.map((folder) => folder.name).sort()) {
    await world.sql(readFileSync(`prisma/migrations/${name}/migration.sql`, 'utf8'));
  }
  return world;
}

async function emptyWorld(): Promise<World> {
  const schema = `wb_${randomBytes(6).toString('hex')}`;
  const url = withOptions(databaseUrl(), `-c search_path=${schema},public -c deadlock_timeout=100ms`);
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on('error', () => {}); // a spec ended a connection that was idle
  await pool.query(`CREATE SCHEMA ${schema}`);
  const connections: pg.Client[] = [];
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 8 }, { schema }) });
  const plain = overPg(pool);
  return {
    schema,
    url,
    plain,
    prisma,
    sql: async <Row extends object>(text: string, values?: unknown[]) => (await pool.query<Row>(text, values)).rows,
    connect: async () => {
      const connection = new pg.Client({ connectionString: url });
      connection.on('error', () => {});
      connections.push(connection);
      await connection.connect();
      return connection;
    },
    open: (entity, { client = plain, statementTimeout = 5_000, ...options } = {}) =>
      openTable(client, entity, { scope: 'spec', statementTimeout, ...options }),
    close: async () => {
      await Promise.all(connections.map((connection) => connection.end()));
      await prisma.$disconnect();
      await pool.query(`DROP SCHEMA ${schema} CASCADE`);
      await pool.end();
    },
  };
}

/** Settings for every connection that is made with the URL. */
export function withOptions(url: string, options: string): string {
  const changed = new URL(url);
  changed.searchParams.set('options', options);
  return changed.href;
}

/** What we use of a Prisma client, over a pool of `pg`: gives exactly what the driver gives, and throws its errors. */
export function overPg(pool: pg.Pool): PrismaClientLike {
  const on = (queryable: pg.Pool | pg.PoolClient): PrismaQueries => ({
    $queryRawUnsafe: async <T>(query: string, ...values: unknown[]) => (await queryable.query(query, values)).rows as T,
    $executeRawUnsafe: async (query, ...values) => (await queryable.query(query, values)).rowCount ?? 0,
  });
  return {
    ...on(pool),
    $transaction: async (work) => {
      const connection = await pool.connect();
      let broken: unknown;
      const onError = (error: unknown) => {
        broken = error; // while it is taken out, the pool does not listen
      };
      connection.on('error', onError);
      try {
        await connection.query('BEGIN');
        const result = await work(on(connection));
        await connection.query('COMMIT');
        return result;
      } catch (error) {
        await connection.query('ROLLBACK').catch((failure: unknown) => {
          broken = failure;
        });
        throw error;
      } finally {
        connection.off('error', onError);
        connection.release(broken !== undefined);
      }
    },
  };
}

/** Writes of rows, as the buffer would give them. */
export function upserts(table: Table, rows: readonly unknown[]): PendingWrite[] {
  return rows.map((row, index) => ({ ...table.encode(row), version: `${index + 1}`, operation: 'upsert' }));
}

export function deletes(table: Table, ids: readonly unknown[]): PendingWrite[] {
  return ids.map((id, index) => ({ ...table.encodeId(id), version: `${index + 1}`, operation: 'delete' }));
}

/** The rows by their ids, as a reader gets them from the database. */
export async function read(table: Table, ids: readonly unknown[]): Promise<(object | null)[]> {
  const payloads = await table.load(ids.map((id) => table.encodeId(id).payload));
  return payloads.map((payload) => (payload === null ? null : table.decode(payload)));
}

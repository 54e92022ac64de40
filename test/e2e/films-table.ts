import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import pg from 'pg';
import { databaseUrl } from '../support/services.js';

export interface Film {
  id: number;
  title: string;
  price: string;
  version: number;
  updatedAt: Date;
}

/** A table of a spec's own in the real Postgres, and how often it was asked. */
export interface FilmsTable {
  /** Statements since the last look, by kind. */
  queries(): { reads: number; writes: number };
  find(id: number): Promise<Film | null>;
  findMany(ids: readonly number[]): Promise<Film[]>;
  rename(id: number, title: string): Promise<Film>;
  insert(id: number, title: string): Promise<Film>;
}

const COLUMNS = 'id, title, price, version, updated_at AS "updatedAt"';

/** Call it once in a `describe`. */
export function useFilmsTable(): FilmsTable {
  const table = `films_${randomBytes(6).toString('hex')}`;
  let pool: pg.Pool;
  let reads = 0;
  let writes = 0;

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: databaseUrl(), max: 8 });
    await pool.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, title text NOT NULL, price numeric(10, 2) NOT NULL DEFAULT 9.99,
       version int NOT NULL DEFAULT 1, updated_at timestamptz NOT NULL DEFAULT now())`,
    );
  });
  afterAll(async () => {
    await pool.query(`DROP TABLE ${table}`);
    await pool.end();
  });

  const read = async (sql: string, values: unknown[]): Promise<Film[]> => {
    reads++;
    return (await pool.query<Film>(sql, values)).rows;
  };
  const write = async (sql: string, values: unknown[]): Promise<Film> => {
    writes++;
    const [row] = (await pool.query<Film>(`${sql} RETURNING ${COLUMNS}`, values)).rows;
    if (!row) throw new Error('There is no such film.');
    return row;
  };

  return {
    queries: () => {
      const seen = { reads, writes };
      reads = 0;
      writes = 0;
      return seen;
    },
    find: async (id) => (await read(`SELECT ${COLUMNS} FROM ${table} WHERE id = $1`, [id]))[0] ?? null,
    findMany: (ids) => read(`SELECT ${COLUMNS} FROM ${table} WHERE id = ANY($1) ORDER BY random()`, [ids]),
    rename: (id, title) =>
      write(`UPDATE ${table} SET title = $2, version = version + 1, updated_at = now() WHERE id = $1`, [id, title]),
    insert: (id, title) => write(`INSERT INTO ${table} (id, title) VALUES ($1, $2)`, [id, title]),
  };
}

import pg from 'pg';
import { ITEMS, SOURCE } from './plan.mjs';

const TABLE = 'CREATE TABLE item (id int PRIMARY KEY, version int NOT NULL, body text NOT NULL)';
const ROWS = "INSERT INTO item SELECT id, 1, repeat('x', 500) FROM generate_series(0, $1 - 1) id";

/** @param {import('../lib/servers.mjs').Servers} servers */
export function createTable(servers) {
  return servers.withPostgres(async (client) => {
    await client.query(TABLE);
    await client.query(ROWS, [ITEMS]);
  });
}

/** @param {import('../lib/servers.mjs').Servers} servers @returns {Promise<number[]>} of all rows, by id */
export function versionsOf(servers) {
  return servers.withPostgres(async (client) => {
    const { rows } = await client.query('SELECT version FROM item ORDER BY id');
    return rows.map(({ version }) => version);
  });
}

/** The source of a process: queries of a Postgres whose latency is known. */
export class Database {
  #pool;
  #random;

  /** @param {string} connectionString @param {() => number} random */
  constructor(connectionString, random) {
    this.#pool = new pg.Pool({ connectionString, max: 30 });
    this.#random = random;
  }

  /** @param {number} id */
  async read(id) {
    const sleep = 'SELECT id, version, body FROM item, pg_sleep($2) WHERE id = $1';
    const { rows } = await this.#pool.query(sleep, [id, this.#latency() / 1_000]);
    return rows[0];
  }

  /** @param {number} id @returns {Promise<{ id: number, version: number, body: string }>} the row as it is now */
  async write(id) {
    const change = 'UPDATE item SET version = version + 1 WHERE id = $1 RETURNING id, version, body';
    const { rows } = await this.#pool.query(change, [id]);
    return rows[0];
  }

  end() {
    return this.#pool.end();
  }

  #latency() {
    const { least, spread, slow, slowShare } = SOURCE;
    return least + spread * this.#random() ** 2 + (this.#random() < slowShare ? slow : 0);
  }
}

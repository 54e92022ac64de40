// The demo's own book of what the shop has acknowledged, and the comparison of it with the tables of Postgres.
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { readFilms } from '../../prisma/films.mjs';
import { CUSTOMERS, PIECES } from '../../prisma/seed.mjs';

/** @typedef {{ rows: Record<string, number>, compared: number, different: string[] }} Proof */

/** Must be that of examples/storefront/src: length of the order history. */
const HISTORY = 20;

/** Plain SQL: a key and the row, in the words of the ledger. */
const TABLES = {
  stock: `SELECT product_id AS key, to_json(quantity) AS row FROM stock`,
  carts: `SELECT customer_id AS key, lines AS row FROM carts`,
  orders: `SELECT id AS key, json_build_object('id', id, 'customerId', customer_id, 'total', trim_scale(total)::text,
    'placedAt', to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'lines', lines) AS row FROM orders`,
  histories: `SELECT customer_id AS key, latest AS row FROM customer_orders`,
};

/**
 * What each row must be in the end, known from the answers alone. The requests of one customer come one after the other,
 * so the last answer tells the cart; pieces are added up, in whatever order they were booked.
 */
export class Ledger {
  /** @type {{ [table in keyof typeof TABLES]: Map<number | string, any> }} */
  rows = {
    stock: new Map(readFilms().map(({ id }) => [id, PIECES])),
    carts: new Map(),
    orders: new Map(),
    histories: new Map(),
  };

  constructor() {
    for (let customer = 1; customer <= CUSTOMERS; customer++) {
      this.rows.carts.set(customer, []);
      this.rows.histories.set(customer, []);
    }
  }

  /**
   * Notes an acknowledged change.
   * @param {import('./traffic.mjs').ShopRequest} request
   * @param {string} text the answer
   */
  acknowledged({ path, body, customer }, text) {
    if (path.startsWith('/cart/')) {
      const lines = JSON.parse(text).lines.map(({ product, quantity }) => ({ productId: product.id, quantity }));
      this.rows.carts.set(customer, lines);
    } else if (path === '/orders') {
      const order = JSON.parse(text);
      this.rows.carts.set(customer, []);
      this.rows.orders.set(order.id, order);
      this.rows.histories.set(customer, [order.id, ...this.rows.histories.get(customer)].slice(0, HISTORY));
      for (const { productId, quantity } of order.lines) this.add(productId, -quantity);
    } else if (path === '/stock/deliveries') {
      for (const { productId, quantity } of body.lines) this.add(productId, quantity);
    }
  }

  add(product, pieces) {
    this.rows.stock.set(product, this.rows.stock.get(product) + pieces);
  }

  /**
   * Row by row: each must be there as it was acknowledged, and there must be no other.
   * @param {string} databaseUrl
   * @returns {Promise<Proof>}
   */
  async compare(databaseUrl) {
    /** @type {Proof} */
    const proof = { rows: {}, compared: 0, different: [] };
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      for (const [table, sql] of Object.entries(TABLES)) {
        const stored = new Map((await client.query(sql)).rows.map(({ key, row }) => [key, row]));
        const expected = this.rows[table];
        const keys = new Set([...expected.keys(), ...stored.keys()]);
        proof.rows[table] = keys.size;
        proof.compared += keys.size;
        for (const key of keys) {
          if (isDeepStrictEqual(expected.get(key), stored.get(key))) continue;
          const [said, found] = [expected.get(key), stored.get(key)].map((row) => JSON.stringify(row) ?? 'no row');
          proof.different.push(
            `${table} ${key}: acknowledged ${said.slice(0, 200)}, Postgres has ${found.slice(0, 200)}`,
          );
        }
      }
    } finally {
      await client.end();
    }
    return proof;
  }
}

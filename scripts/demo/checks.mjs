// Compares what the API answers with what stands in the database, read by SQL of our own.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { inParallel } from './driver.mjs';

/** @typedef {import('./traffic.mjs').ShopRequest} ShopRequest */
/** @typedef {{ compared: number, fromCache: number, different: string[] }} Comparison */

/** Must be those of examples/storefront/src: page size, most results of a search. */
const PAGE_SIZE = 20;
const MOST_RESULTS = 20;

const instant = (column) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const amount = (expression) => `trim_scale(${expression})::text`;

/** Rows as the API writes them. */
const PRODUCT = `json_build_object('id', p.id, 'title', p.title, 'genre', p.genre, 'director', p.director,
  'rating', ${amount('p.rating')}, 'votes', p.votes, 'price', ${amount('p.price')},
  'releaseDate', to_char(p.release_date, 'YYYY-MM-DD"T00:00:00.000Z"'), 'updatedAt', ${instant('p.updated_at')})`;

const PROFILE = `json_build_object('customerId', customer_id, 'displayName', display_name,
  'favouriteGenre', favourite_genre, 'newsletter', newsletter, 'updatedAt', ${instant('updated_at')})`;

const ORDER = `json_build_object('id', o.id, 'customerId', o.customer_id, 'total', ${amount('o.total')},
  'placedAt', ${instant('o.placed_at')}, 'lines', o.lines)`;

const CART = `json_build_object('customerId', $1::int,
  'lines', coalesce(json_agg(json_build_object('product', ${PRODUCT}, 'quantity', l.quantity,
                    'amount', ${amount('p.price * l.quantity')}) ORDER BY l.product_id), '[]'),
  'total', ${amount('coalesce(sum(p.price * l.quantity), 0)')})`;

const CART_LINES = `SELECT (line->>'productId')::int AS product_id, (line->>'quantity')::int AS quantity
  FROM carts c, jsonb_array_elements(c.lines) AS line WHERE c.customer_id = $1`;

const list = (rows, orderBy) =>
  `SELECT coalesce(json_agg(row), '[]') AS value FROM (${rows} ORDER BY ${orderBy}) AS list`;

const lastPart = (path) => path.slice(path.lastIndexOf('/') + 1);
const parameter = (path, name) => new URL(path, 'http://shop').searchParams.get(name);

/**
 * How each kind is read again: the path that shows it, and the SQL that must give the same. The sessions are left out:
 * their answer (how long it still lasts, the last sign-in) is not in the database as such.
 * @type {Record<string, (request: ShopRequest) => { path: string, sql: string, values: unknown[] }>}
 */
const readAgain = {
  product: ({ path }) => ({
    path,
    sql: `SELECT ${PRODUCT} AS value FROM products p WHERE p.id = $1`,
    values: [lastPart(path)],
  }),
  genre: ({ path }) => ({
    path,
    sql: list(
      `SELECT ${PRODUCT} AS row FROM products p WHERE p.genre = $1`,
      `p.votes DESC, p.id LIMIT ${PAGE_SIZE} OFFSET ($2::int - 1) * ${PAGE_SIZE}`,
    ),
    values: [parameter(path, 'genre'), parameter(path, 'page')],
  }),
  search: ({ path }) => ({
    path,
    sql: list(
      `SELECT ${PRODUCT} AS row FROM products p WHERE strpos(lower(p.title), $1) > 0 OR strpos(lower(p.director), $1) > 0`,
      `p.votes DESC, p.id LIMIT ${MOST_RESULTS}`,
    ),
    values: [parameter(path, 'q')],
  }),
  cart: ({ customer }) => ({
    path: '/cart',
    sql: `SELECT ${CART} AS value FROM (${CART_LINES}) AS l JOIN products p ON p.id = l.product_id`,
    values: [customer],
  }),
  profile: ({ customer }) => ({
    path: '/profile',
    sql: `SELECT ${PROFILE} AS value FROM profiles WHERE customer_id = $1`,
    values: [customer],
  }),
  orders: ({ customer }) => ({
    path: '/orders',
    sql: list(
      `SELECT ${ORDER} AS row FROM customer_orders h, jsonb_array_elements_text(h.latest) WITH ORDINALITY AS id(text, place)
       JOIN orders o ON o.id = id.text::uuid WHERE h.customer_id = $1`,
      'id.place',
    ),
    values: [customer],
  }),
  order: ({ path }) => ({
    path,
    sql: `SELECT ${ORDER} AS value FROM orders o WHERE o.id = $1`,
    values: [lastPart(path)],
  }),
};

/** What a backup of the catalogue gave may be shown for so long (`backupTtl` of the shop, and some time to load it anew); ms. */
const LIFE_OF_BACKUPS = 6_000;

/**
 * Reads everything again that a run has read or changed. To be called when nothing is under way any more. A machine that is very
 * busy may have kept the primary from answering in time: what differs is read once more when nothing of backups may be left.
 * @param {import('./driver.mjs').Driver} driver
 * @param {string} databaseUrl
 * @param {Iterable<ShopRequest>} touched
 * @returns {Promise<Comparison>}
 */
export async function compareWithDatabase(driver, databaseUrl, touched) {
  const reads = new Map();
  for (const request of touched) {
    const read = readAgain[request.kind]?.(request);
    if (read) reads.set(`${request.customer ?? ''} ${read.path}`, { ...read, customer: request.customer });
  }
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 });
  try {
    const first = await compare(driver, pool, reads.values());
    if (first.different.length === 0) return { ...first, different: [] };
    await sleep(LIFE_OF_BACKUPS);
    const doubtful = first.different.map(({ read }) => read);
    const again = await compare(driver, pool, doubtful.values());
    return { ...first, different: again.different.map(({ text }) => text) };
  } finally {
    await pool.end();
  }
}

async function compare(driver, pool, reads) {
  const result = { compared: 0, fromCache: 0, different: [] };
  await inParallel(8, reads, async (read) => {
    const { path, sql, values, customer } = read;
    const answer = await driver.send({ kind: 'check', method: 'GET', path, customer });
    const { rows } = await pool.query(sql, values);
    result.compared++;
    if (answer.place === 'memory' || answer.place === 'redis') result.fromCache++;
    const value = answer.status === 200 ? JSON.parse(answer.text) : `status ${answer.status}`;
    if (isDeepStrictEqual(value, rows[0]?.value)) return;
    result.different.push({ read, text: `${path}: ${difference(value, rows[0]?.value)}` });
  });
  return result;
}

/** The place where two values begin to differ. */
function difference(api, database) {
  const [said, stored] = [api, database].map((value) => JSON.stringify(value, inOrder) ?? 'nothing');
  let at = 0;
  while (at < said.length && said[at] === stored[at]) at++;
  const around = (text) => text.slice(Math.max(0, at - 60), at + 40);
  return `the API says ...${around(said)}..., the database ...${around(stored)}...`;
}

/** For JSON.stringify: fields by name, as Postgres keeps those of jsonb in an order of its own. */
const inOrder = (_, value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

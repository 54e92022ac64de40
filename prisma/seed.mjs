// Fills the shop: node prisma/seed.mjs (with DATABASE_URL set), or `prisma db seed`.
import { createHash, scrypt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { readFilms } from './films.mjs';

export const CUSTOMERS = 200;

/** Pieces of each film in stock: more than any run of the demo sells. */
export const PIECES = 100_000;

/** What customer `id` signs in with. A shop that is not a demo lets its customers choose. */
export const credentialsOf = (id) => ({ email: `customer${id}@example.com`, password: `film-fan-${id}` });

/** Far below what passwords need (see examples/storefront/src/sessions/password.ts): the demo signs hundreds in. */
const SCRYPT_COST = 512;

/** Rows per INSERT: few round trips, and no statement of several megabytes. */
const BATCH = 1_000;

const deriveKey = promisify(scrypt);

async function customerOf(id) {
  const { email, password } = credentialsOf(id);
  // A salt must be random in earnest; here every run is to make the same rows.
  const salt = createHash('sha256').update(email).digest('hex').slice(0, 32);
  const key = await deriveKey(password, salt, 32, { N: SCRYPT_COST });
  return { id, email, password_hash: `scrypt:${SCRYPT_COST}:${salt}:${key.toString('hex')}` };
}

const profileOf = (genres) => (customer) => ({
  customer_id: customer.id,
  display_name: `Film fan ${customer.id}`,
  favourite_genre: genres[customer.id % genres.length],
  newsletter: customer.id % 3 === 0,
});

async function insert(client, table, columns, rows) {
  const names = Object.keys(columns).join(', ');
  const types = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  const sql = `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_to_recordset($1::json) AS row(${types.join(', ')})`;
  for (let from = 0; from < rows.length; from += BATCH) {
    await client.query(sql, [JSON.stringify(rows.slice(from, from + BATCH))]);
  }
}

const PRODUCT_COLUMNS = {
  id: 'int',
  title: 'text',
  genre: 'text',
  director: 'text',
  rating: 'decimal',
  votes: 'int',
  price: 'decimal',
  release_date: 'date',
};

/** Empties the shop and fills it anew, in one transaction. @returns {Promise<{ products: number, customers: number }>} */
export async function loadCatalogue(databaseUrl) {
  const films = readFilms();
  const genres = [...new Set(films.map((film) => film.genre))].sort();
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, (_, index) => customerOf(index + 1)));
  const profiles = customers.map(profileOf(genres));

  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('TRUNCATE products, customers CASCADE');
    const products = films.map(({ releaseDate, ...film }) => ({ ...film, release_date: releaseDate }));
    await insert(client, 'products', PRODUCT_COLUMNS, products);
    await insert(client, 'customers', { id: 'int', email: 'text', password_hash: 'text' }, customers);
    await insert(
      client,
      'profiles',
      { customer_id: 'int', display_name: 'text', favourite_genre: 'text', newsletter: 'boolean' },
      profiles,
    );
    // What is written behind changes rows that are there: each product has its stock, each customer a cart and a history.
    await client.query('INSERT INTO stock (product_id, quantity) SELECT id, $1 FROM products', [PIECES]);
    await client.query('INSERT INTO carts (customer_id) SELECT id FROM customers');
    await client.query('INSERT INTO customer_orders (customer_id) SELECT id FROM customers');
    await client.query('COMMIT');
    await client.query('ANALYZE'); // else the first queries are planned for empty tables
  } finally {
    await client.end(); // ends an open transaction as well: the shop keeps its old rows
  }
  return { products: films.length, customers: customers.length };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.env.DATABASE_URL) throw new Error('Set DATABASE_URL to the database that is to be filled');
  const { products, customers } = await loadCatalogue(process.env.DATABASE_URL);
  console.log(`Loaded ${products} films and ${customers} customers.`);
}

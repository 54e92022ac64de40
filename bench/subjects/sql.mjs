/**
 * PostgreSQL by hand. Variants: `values` and `pg values` write 500 rows with one INSERT ... VALUES ... ON CONFLICT, through
 * Prisma and through the bare driver, there with a prepared statement: the fastest there is. `upsert` and `pg upsert` write
 * each row by itself, and `64 upserts` so many side by side.
 */
import { openDatabase } from '../lib/database.mjs';
import { ASSIGNMENTS, COLUMNS, valuesOf } from '../lib/profile.mjs';

const BATCH = 500;

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open({ variant, ...options }) {
  const database = await openDatabase(options);
  const { prisma, pg, table } = database;
  const many = insert(table, BATCH);
  const one = insert(table, 1);
  const upsert = ([row]) => prisma.profile.upsert({ where: { customerId: row.customerId }, create: row, update: row });
  const subjects = {
    values: { batch: BATCH, write: (rows) => prisma.$executeRawUnsafe(many, ...rows.flatMap(valuesOf)) },
    'pg values': {
      batch: BATCH,
      write: (rows) => pg.query({ name: 'many', text: many, values: rows.flatMap(valuesOf) }),
    },
    upsert: { batch: 1, write: upsert },
    'pg upsert': { batch: 1, write: ([row]) => pg.query({ name: 'one', text: one, values: valuesOf(row) }) },
    '64 upserts': { batch: 1, lanes: 64, write: upsert },
  };
  return { database, ...subjects[variant], close: () => database.close() };
}

function insert(table, rows) {
  const width = COLUMNS.length;
  const tuple = (row) => `(${COLUMNS.map((_, i) => `$${row * width + i + 1}`)})`;
  const tuples = Array.from({ length: rows }, (_, row) => tuple(row));
  return `INSERT INTO ${table} (${COLUMNS}) VALUES ${tuples} ON CONFLICT (customer_id) DO UPDATE SET ${ASSIGNMENTS}`;
}

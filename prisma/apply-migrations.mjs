// Applies prisma/migrations/*/migration.sql through `pg`: node prisma/apply-migrations.mjs (with DATABASE_URL set)
//
// `prisma migrate deploy` does the same, but needs the schema engine, a binary that Prisma downloads. This file works
// without network. It keeps Prisma's own table with Prisma's checksums, so both can be used on one database.
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const MIGRATIONS = new URL('./migrations/', import.meta.url);

const TABLE = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                  VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum"            VARCHAR(64) NOT NULL,
    "finished_at"         TIMESTAMPTZ,
    "migration_name"      VARCHAR(255) NOT NULL,
    "logs"                TEXT,
    "rolled_back_at"      TIMESTAMPTZ,
    "started_at"          TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`;

/** Any constant does: whoever holds it migrates, others wait. */
const MIGRATION_LOCK = 727_201_126;

function migrations() {
  return readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => {
      const sql = readFileSync(new URL(`./${entry.name}/migration.sql`, MIGRATIONS), 'utf8');
      return { name: entry.name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function transaction(client, work) {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** @returns {Promise<string[]>} the names of the migrations that were applied now; none when all were there already */
export async function applyMigrations(databaseUrl) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]); // released with the connection
    await client.query(TABLE);
    const { rows } = await client.query(
      'SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    const known = new Map(rows.map((row) => [row.migration_name, row.checksum]));
    const applied = [];
    for (const { name, sql, checksum } of migrations()) {
      if (known.has(name)) {
        if (known.get(name) === checksum) continue;
        throw new Error(
          `Migration ${name} was changed after it was applied: undo the change, or start on a new database`,
        );
      }
      await transaction(client, async () => {
        await client.query(sql);
        await client.query(
          `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
           VALUES ($1, $2, $3, now(), 1)`,
          [randomUUID(), checksum, name],
        );
      });
      applied.push(name);
    }
    return applied;
  } finally {
    await client.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.env.DATABASE_URL) throw new Error('Set DATABASE_URL to the database that is to be migrated');
  const applied = await applyMigrations(process.env.DATABASE_URL);
  console.log(applied.length === 0 ? 'No migration is pending.' : `Applied ${applied.join(', ')}.`);
}

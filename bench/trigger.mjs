#!/usr/bin/env node
/**
 * `node bench/trigger.mjs`: what the trigger of `invalidationTriggerSql` costs a statement, next to none and to one that
 * notifies for each row. In a schema of its own of the PostgreSQL that `DATABASE_URL` names, or that the tests would start.
 */
import pg from 'pg';
import { startServices } from '../scripts/services/index.mjs';
import { ensureBuild } from './lib/prepare.mjs';
import { median } from './lib/stats.mjs';

const ROWS = 100_000;
const ROUNDS = 5;
const SCHEMA = `trigger_${process.pid}`;
const TABLES = ['none', 'nestjs-strata', 'for each row'];

await ensureBuild();
const { invalidationTriggerSql } = await import('../dist/postgres.js');
const services = await startServices({ log: (line) => process.stderr.write(`${line}\n`) });
const client = new pg.Client(services.databaseUrl);
await client.connect();
try {
  await client.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const table of TABLES) {
    await client.query(`CREATE TABLE ${SCHEMA}."${table}" (id int PRIMARY KEY, stock int NOT NULL) WITH (fillfactor = 50);
      INSERT INTO ${SCHEMA}."${table}" SELECT id, 0 FROM generate_series(1, ${ROWS}) AS id`);
  }
  await client.query(invalidationTriggerSql({ schema: SCHEMA, table: 'nestjs-strata' }));
  await client.query(`CREATE FUNCTION ${SCHEMA}.tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('each_row', json_build_object('id', NEW.id)::text); RETURN NULL; END $$;
    CREATE TRIGGER tell AFTER UPDATE ON ${SCHEMA}."for each row" FOR EACH ROW EXECUTE FUNCTION ${SCHEMA}.tell()`);
  const took = Object.fromEntries(TABLES.map((table) => [table, { all: [], one: [] }]));
  const time = async (table, kind, where) => {
    const start = performance.now();
    await client.query(`UPDATE ${SCHEMA}."${table}" SET stock = stock + 1 ${where}`);
    took[table][kind].push(performance.now() - start);
  };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const table of TABLES) {
      await client.query(`VACUUM ANALYZE ${SCHEMA}."${table}"`);
      await time(table, 'all', '');
      for (let id = 1; id <= 100; id++) await time(table, 'one', `WHERE id = ${id}`);
    }
    if (round === 0) for (const table of TABLES) took[table] = { all: [], one: [] }; // warm-up
  }
  const [all, one] = [`UPDATE of ${ROWS} rows, ms`, 'of one row, ms'];
  console.table(
    TABLES.map((table) => ({
      trigger: table,
      [all]: Math.round(median(took[table].all)),
      [one]: Number(median(took[table].one).toFixed(2)),
    })),
  );
} finally {
  await client.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
  await client.end();
  await services.stop();
}

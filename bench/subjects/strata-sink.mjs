/**
 * nestjs-strata's way from pending rows to PostgreSQL without the buffer: per batch one statement, the shard's fence and the
 * upsert. No entry point has it alone, so this comes from inside the build.
 */
import { openTable } from '../../dist/write-behind/prisma/prisma-table.js';
import { openDatabase } from '../lib/database.mjs';

/** As half of the default `lease`. */
const STATEMENT_TIMEOUT = 5_000;

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open(options) {
  const database = await openDatabase(options);
  const scope = options.namespace;
  const { schema } = database;
  const table = await openTable(database.prisma, 'Profile', { scope, schema, statementTimeout: STATEMENT_TIMEOUT });
  return {
    database,
    batch: 1_000, // as `batchSize` by default
    // A put did this long before; the row comes from Redis, as text out of bytes.
    prepare: (rows) =>
      rows.map((row) => {
        const { key, payload } = table.encode(row);
        return { key, payload: Buffer.from(payload).toString(), version: '1', operation: 'upsert' };
      }),
    write: (writes) => table.write(0, 1, writes),
    close: () => database.close(),
  };
}

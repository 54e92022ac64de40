/**
 * One case: one row, one subject, one round, one process. Started by the runner with its instructions as JSON in the
 * first argument; the last line of its standard output is the result as JSON.
 */
import { rowById } from '../rows/index.mjs';
import { createSource } from './source.mjs';

/** Bound of every memory tier: the rows about hits stay below it, row 8 writes beyond it. */
const MAX_ENTRIES = 10_000;

const {
  row: rowId,
  subject: name,
  redisUrl,
  databaseUrl,
  namespace,
  ms,
  warmupMs,
} = JSON.parse(process.argv[2] ?? '{}');
const row = rowById(rowId);
const entry = row.subjects.find((one) => one.name === name);
if (!entry) throw new Error(`row ${rowId} has no subject ${name}`);

const { open } = await import(`../subjects/${entry.module}.mjs`);
const source = createSource();
const handle = await open({
  tiers: row.tiers,
  variant: entry.variant,
  redisUrl,
  databaseUrl,
  namespace,
  // Far beyond the end of a case: expiry is not what these rows are about.
  ttl: 600_000,
  maxEntries: MAX_ENTRIES,
  load: source.load,
});
const figures = await row.measure(handle, { ms, warmupMs, source, redisUrl, maxEntries: MAX_ENTRIES });
await handle.close();
// A peer may keep a timer or socket; the result is complete.
process.stdout.write(`\n${JSON.stringify(figures)}\n`, () => process.exit(0));

import { parseArgs } from 'node:util';
import { rows } from '../rows/index.mjs';

export const USAGE = `Usage: npm run bench -- [options]

  --quick        up to three short rounds: under three minutes in all, good for a first look only
  --rows 1,4     only these rows (${rows.map((row) => row.id).join(', ')})
  --rounds N     rounds per row (default 5, with --quick 3 at most)
  --markdown     print the table of the README instead of the terminal's
  --from FILE    measure nothing, print the table of a result file (bench/results/latest.json)
  --help         this text

Redis and PostgreSQL come from REDIS_URL and DATABASE_URL if set, else from the same place as the tests' (npm run services).
Timings never decide the exit code: it is 1 only when a case crashed or gave a wrong value.`;

/**
 * Length of one case: long enough for the optimising compiler to have settled before the measurement begins.
 * `budgetMs`: on a slow or busy machine later rounds are left out to end in that time.
 */
const LENGTHS = {
  full: { rounds: 5, ms: 1500, warmupMs: 700, budgetMs: Number.POSITIVE_INFINITY },
  quick: { rounds: 3, ms: 300, warmupMs: 250, budgetMs: 140_000 },
};

/** @param {string[]} argv */
export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string' },
      rounds: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      from: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const known = rows.map((row) => row.id);
  const selected = values.rows === undefined ? known : values.rows.split(',').map(Number);
  const unknown = selected.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new Error(`--rows ${values.rows}: there are rows ${known.join(', ')}`);
  const lengths = LENGTHS[values.quick ? 'quick' : 'full'];
  // Whoever names a number of rounds gets it for every row.
  const capped = values.quick && values.rounds === undefined;
  const rounds = values.rounds === undefined ? lengths.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: a whole number from 1`);
  return {
    ...lengths,
    rounds,
    capped,
    quick: values.quick,
    rows: known.filter((id) => selected.includes(id)),
    complete: new Set(selected).size === known.length,
    markdown: values.markdown,
    from: values.from,
    help: values.help,
  };
}

// npm run demo [-- options]: the example shop under load, without and with the cache; then a crash. See USAGE.
import { parseArgs } from 'node:util';
import { applyMigrations } from '../prisma/apply-migrations.mjs';
import { judge } from './demo/judge.mjs';
import { measure } from './demo/measure.mjs';
import { Progress } from './demo/progress.mjs';
import { judgeRestart, measureRestart, restartTable } from './demo/restart.mjs';
import { serve } from './demo/serve.mjs';
import { build } from './demo/storefront.mjs';
import { figures, table } from './demo/table.mjs';
import { commandLine, wholeNumber } from './lib/command-line.mjs';
import { startServices } from './services/index.mjs';

const USAGE = `Usage: npm run demo -- [options]

  --seconds <n>      how long the shop is driven with the cache, 2 to 3600 (default 6);
                     half of that comes on top without the cache,
                     and 5 s in which carts, orders and stock only change
  --concurrency <n>  shoppers at the same time, 1 to 200 (default 16)
  --json             print the figures as JSON instead of the table
  --restart          instead: how soon the shop works at full strength again after a restart,
                     with warming that it has learned and without (about two minutes)
  --serve            do not drive the shop: keep it up, to be tried with curl

Exits 0 only if the checks below the table hold, else 1.
`;

function options() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '6' },
      concurrency: { type: 'string', default: '16' },
      json: { type: 'boolean', default: false },
      restart: { type: 'boolean', default: false },
      serve: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    ...values,
    seconds: wholeNumber(values, 'seconds', { least: 2, most: 3_600 }),
    concurrency: wholeNumber(values, 'concurrency', { least: 1, most: 200 }),
  };
}

/** What was started, the last first. Stopping twice does no harm: Ctrl-C may come at any time. */
const running = [];
const stopAll = async () => {
  for (const stop of running.splice(0).reverse()) await stop();
};

async function main({ seconds, concurrency, json, restart, serve: stay }) {
  const progress = new Progress();
  const onStart = (stop) => running.push(stop);
  await build((line) => progress.say(line));
  progress.say('Starting PostgreSQL and Redis');
  const services = await startServices({ log: (line) => progress.say(`  ${line}`) });
  onStart(services.stop);
  await applyMigrations(services.databaseUrl);
  if (stay) return serve({ services, onStart });
  if (restart) return showRestart({ services, concurrency, json, progress, onStart });

  const measurement = await measure({ services, seconds, concurrency, progress, onStart });
  return show(judge(measurement), json, figures(measurement), () => table(measurement));
}

async function showRestart({ json, ...options }) {
  const courses = await measureRestart(options);
  return show(judgeRestart(courses), json, courses, () => restartTable(courses));
}

/** Prints what was measured, and whether it is as it should be. */
function show(checks, json, measured, table) {
  if (json) console.log(JSON.stringify({ ...measured, checks }, null, 2));
  else {
    console.log(`\n${table()}\n`);
    for (const { ok, name, detail } of checks) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${detail}`);
  }
  return checks.every((check) => check.ok) ? 0 : 1;
}

const parsed = commandLine(options, USAGE);

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    interrupted = true;
    process.stderr.write('\nStopping ...\n');
    await stopAll();
    process.exit(parsed.serve ? 0 : 130);
  });
}

try {
  process.exitCode = await main(parsed);
} catch (error) {
  // After Ctrl-C everything fails that is still under way: nobody needs to read that.
  if (!interrupted) console.error(`\n${error.stack}`);
  process.exitCode = 1;
} finally {
  if (!interrupted) await stopAll();
}

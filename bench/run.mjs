#!/usr/bin/env node
/** `npm run bench`: rows of the benchmark against their peers, in interleaved rounds, one process per case. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseOptions, USAGE } from './lib/options.mjs';
import {
  BENCH,
  ensureBuild,
  ensureClient,
  ensurePeers,
  ensureServices,
  postgresVersion,
  ROOT,
  readVersions,
} from './lib/prepare.mjs';
import { caption, markdownTable, terminalTable } from './lib/report.mjs';
import { runCase, stopCases } from './lib/run-case.mjs';
import { summarise } from './lib/summary.mjs';
import { rowById } from './rows/index.mjs';

let interrupted = false;
const options = readOptions();
function readOptions() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function measure() {
  await ensurePeers();
  await ensureBuild();
  const database = options.rows.some((id) => rowById(id).database);
  if (database) await ensureClient();
  const { redisUrl, databaseUrl, stop } = await ensureServices({ database });
  const [loadBefore] = loadavg();
  const run = `bench-${randomBytes(5).toString('hex')}`;
  // Only now: the peers may have been installed a moment ago.
  const { openRedisKeys } = await import('./lib/redis-keys.mjs');
  const redis = await openRedisKeys(redisUrl);
  try {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupt);
    const { rows, failures } = await runRows({ run, redisUrl, databaseUrl, redis });
    const servers = { redis: redis.version, ...(database && { postgres: await postgresVersion(databaseUrl) }) };
    const report = { ...(await describe(servers, loadBefore)), rows };
    await save(report, failures);
    return { report, failures };
  } finally {
    await redis.remove(run);
    await redis.close();
    await stop();
  }
}

/** The case under way ends, then the run with it, by the way that cleans up. */
function interrupt() {
  interrupted = true;
  stopCases();
}

/** All subjects of a row take turns, round after round; each round begins with another one. */
async function runRows(environment) {
  const rows = options.rows.map(rowById);
  const roundsOf = (row) =>
    options.capped ? Math.min(row.quickRounds ?? options.rounds, options.rounds) : options.rounds;
  const total = rows.reduce((sum, row) => sum + row.subjects.length * roundsOf(row), 0);
  const costOf = ({ cost = 1 }) => cost;
  const work = rows.reduce((sum, row) => sum + row.subjects.length * roundsOf(row) * costOf(row), 0);
  const started = performance.now();
  const failures = [];
  const summaries = [];
  let done = 0;
  let worked = 0;
  for (const row of rows) {
    const figures = new Map(row.subjects.map((entry) => [entry.name, []]));
    for (let round = 0; round < roundsOf(row); round++) {
      if (round > 0 && isLate(started, worked / work)) {
        done += row.subjects.length;
        worked += row.subjects.length * costOf(row);
        continue;
      }
      const shift = round % row.subjects.length;
      for (const { name } of [...row.subjects.slice(shift), ...row.subjects.slice(0, shift)]) {
        worked += costOf(row);
        progress(++done, total, `row ${row.id}, round ${round + 1}/${roundsOf(row)}: ${name}`);
        // A subject that failed once is out: figures of the other rounds would be no comparison.
        if (!figures.has(name)) continue;
        try {
          figures.get(name).push(await runOne(row, name, done, environment));
        } catch (error) {
          if (interrupted) throw new Error('interrupted');
          figures.delete(name);
          failures.push(error.message);
        }
      }
    }
    summaries.push(summarise(row, figures));
  }
  progress(total, total, 'done', true);
  return { rows: summaries, failures };
}

/** More than this behind the pace that the time allowed calls for: leave a round out. */
const SLACK_MS = 10_000;

/** @param {number} started when the first case began; what was installed and built before is off the budget */
const isLate = (started, fractionDone) =>
  performance.now() - started > (options.budgetMs - started) * fractionDone + SLACK_MS;

/** One case, in a namespace of its own that is empty again afterwards. */
async function runOne(row, subject, number, { run, redisUrl, databaseUrl, redis }) {
  const namespace = `${run}-${number}`;
  const { ms, warmupMs } = options;
  const result = await runCase({ row: row.id, subject, redisUrl, databaseUrl, namespace, ms, warmupMs });
  if (row.tiers === 'memory') return result;
  const keys = await redis.remove(namespace);
  if (keys < result.keysInRedis) {
    throw new Error(`row ${row.id}, ${subject}: wrong result: ${keys} keys in Redis, not ${result.keysInRedis}`);
  }
  return result;
}

/** @param {number} done @param {number} total @param {string} text @param {boolean} [last] */
function progress(done, total, text, last = false) {
  const line = `[${String(done).padStart(String(total).length)}/${total}] ${text}`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${last ? '' : line}`);
  else process.stderr.write(`${line}\n`);
}

/** @param {{ redis: string, postgres?: string }} servers their versions @param {number} loadBefore */
async function describe(servers, loadBefore) {
  const { rounds, ms, warmupMs, quick } = options;
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      ...servers,
      load: loadBefore,
    },
    options: { rounds, ms, warmupMs, quick },
    versions: await readVersions({ database: servers.postgres !== undefined }),
  };
}

/** Short hash of the commit measured; `-dirty` when the package's sources differ from it. */
function commit() {
  const git = (...args) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(ROOT),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') ? '-dirty' : '');
  } catch {
    return 'unknown';
  }
}

/** `latest.json` is the latest run of all rows without a failure; others go by their own name only. */
async function save(report, failures) {
  const part = options.complete ? '' : `-rows-${options.rows.join('-')}`;
  const name = `${report.date.slice(0, 10)}-${report.commit}${options.quick ? '-quick' : ''}${part}.json`;
  const results = new URL('results/', BENCH);
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await mkdir(results, { recursive: true });
  await writeFile(new URL(name, results), text);
  if (options.complete && failures.length === 0) await writeFile(new URL('latest.json', results), text);
  process.stderr.write(`bench/results/${name}\n`);
}

function print(report) {
  const table = options.markdown ? markdownTable(report.rows) : terminalTable(report.rows);
  console.log(`\n${table}\n\n${caption(report)}`);
}

if (options.help) {
  console.log(USAGE);
} else if (options.from) {
  print(JSON.parse(await readFile(options.from, 'utf8')));
} else {
  await measure().then(
    ({ report, failures }) => {
      print(report);
      for (const failure of failures) console.error(`\nFAILED ${failure}`);
      if (failures.length > 0) process.exitCode = 1;
    },
    (error) => {
      console.error(`\nbench: ${interrupted ? 'interrupted' : (error.stack ?? error)}`);
      process.exitCode = 1;
    },
  );
}

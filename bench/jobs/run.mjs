/** `npm run bench -- jobs`: what a hit costs more while popularity is learned and advice is measured. */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ensureBuild, ensureServices } from '../lib/prepare.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';

const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: { turns: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '7' } },
});
const GOAL = 15;
const CASE = fileURLToPath(new URL('case.mjs', import.meta.url));
const start = promisify(execFile);

const off = { enabled: false };
const NONE = 'no jobs';
const POPULARITY = 'popularity learned';
const variants = {
  [NONE]: off,
  [POPULARITY]: { sweep: off, advise: off },
  'advice measured': { sweep: off, warm: off },
  'all jobs, as by default': {},
};

await ensureBuild();
const services = await ensureServices({ database: false });
const rounds = Number(given.rounds);
const turns = Number(given.turns);

const differences = (results, name) => results.map((nanos) => nanos[name] - nanos[NONE]);
const ns = (value) => `${value.toFixed(value < 1_000 ? 1 : 0)} ns`;
const signed = (value) => `${value < 0 ? '' : '+'}${ns(value)}`;

async function measure(title, instructions) {
  const results = [];
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`${title}, round ${round}/${rounds}\n`);
    const { stdout } = await start(process.execPath, [CASE, JSON.stringify({ variants, ...instructions })]);
    results.push(JSON.parse(stdout.trimEnd().split('\n').at(-1)));
  }
  const rows = Object.keys(variants).map((name) => [
    name,
    ns(median(results.map((nanos) => nanos[name]))),
    signed(median(differences(results, name))),
    `${signed(Math.min(...differences(results, name)))} to ${signed(Math.max(...differences(results, name)))}`,
  ]);
  console.log(`\n${table([[title, 'a hit', 'more', 'in single processes'], ...rows])}`);
  return median(differences(results, POPULARITY));
}

try {
  const more = await measure('in memory', { turns });
  await measure('in Redis', { turns: Math.ceil(turns / 4), redisUrl: services.redisUrl });
  console.log(
    `\nBy getOrLoad; medians of ${rounds} processes. In memory: not awaited. In Redis: 50 at a time.\n` +
      `Goal: popularity costs a hit in memory at most ${GOAL} ns: ${more <= GOAL ? 'met' : 'NOT MET'}\n\n` +
      `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, load ${loadavg()[0].toFixed(1)}.`,
  );
} finally {
  await services.stop();
}

/** `npm run bench -- jobs`: what a hit in memory costs more while popularity is learned and advice is measured. */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ensureBuild } from '../lib/prepare.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';

const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: { ms: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '7' } },
});
const GOAL = 15;
const CASE = fileURLToPath(new URL('case.mjs', import.meta.url));
const start = promisify(execFile);

const off = { enabled: false };
const VARIANTS = {
  'no jobs': off,
  'popularity learned': { sweep: off, advise: off },
  'advice measured': { sweep: off, warm: off },
  'all jobs, as by default': {},
};

await ensureBuild();
const results = Object.fromEntries(Object.keys(VARIANTS).map((name) => [name, []]));
const rounds = Number(given.rounds);
for (let round = 0; round < rounds; round++) {
  for (const [name, jobs] of Object.entries(VARIANTS)) {
    process.stderr.write(`round ${round + 1}/${rounds}: ${name}\n`);
    const { stdout } = await start(process.execPath, [CASE, JSON.stringify({ jobs, ms: Number(given.ms) })]);
    results[name].push(JSON.parse(stdout.trimEnd().split('\n').at(-1)));
  }
}

/** Each round against the variant without jobs of the same round. */
const more = (name, field) => median(results[name].map((one, i) => one[field] - results['no jobs'][i][field]));
const ns = (value) => `${value.toFixed(1)} ns`;
const signed = (value) => `${value < 0 ? '' : '+'}${ns(value)}`;
const of = (name, field) => ns(median(results[name].map((one) => one[field])));
const rows = Object.keys(VARIANTS).map((name) => [
  name,
  ...['read', 'peek'].flatMap((field) => [of(name, field), signed(more(name, field))]),
]);
const met = more('popularity learned', 'read') <= GOAL;
console.log(
  `\nA hit in memory; medians of ${rounds} rounds\n\n` +
    `${table([['', 'getOrLoad', 'more', 'peek', 'more'], ...rows])}\n\n` +
    `Goal: popularity costs a hit at most ${GOAL} ns: ${met ? 'met' : 'NOT MET'}\n\n` +
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, load ${loadavg()[0].toFixed(1)}.`,
);

/** `npm run bench -- memory`: what an entry costs, and how long putting and sweeping hold up the event loop. */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ensureBuild, ensurePeers } from '../lib/prepare.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';
import { SUBJECTS } from './subjects.mjs';

const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: { entries: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '3' } },
});
const CASE = fileURLToPath(new URL('case.mjs', import.meta.url));
const start = promisify(execFile);
const entries = Number(given.entries);
const rounds = Number(given.rounds);

await ensurePeers();
await ensureBuild();
const results = Object.fromEntries(Object.keys(SUBJECTS).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const subject of Object.keys(SUBJECTS)) {
    process.stderr.write(`round ${round + 1}/${rounds}: ${subject}\n`);
    const args = ['--expose-gc', CASE, JSON.stringify({ subject, entries })];
    const { stdout } = await start(process.execPath, args);
    results[subject].push(JSON.parse(stdout.trimEnd().split('\n').at(-1)));
  }
}

/** What one round took longer because of others says nothing about the subject. */
const least = (rows, field) => Math.min(...rows.map((row) => row[field]));
const ms = (value) => `${value.toFixed(1)} ms`;
const rows = Object.entries(results).map(([name, rows]) => [
  name,
  `${median(rows.map(({ bytes }) => bytes)).toFixed(0)} B`,
  ms(least(rows, 'longestPut')),
  ms(least(rows, 'longest')),
  ms(least(rows, 'total')),
]);
console.log(
  `\n${entries.toLocaleString('en-US')} entries. Bytes per entry besides key and value; times are the least of ${rounds} rounds\n\n` +
    `${table([['', 'per entry', 'longest put', 'longest slice of a sweep', 'all of the sweep'], ...rows])}\n\n` +
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, load ${loadavg()[0].toFixed(1)}.`,
);

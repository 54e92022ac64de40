/** `npm run bench -- eviction`: hit ratio and CPU of eviction policies, on recorded and generated requests. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureBuild, ensurePeers } from '../lib/prepare.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';
import { belady } from './belady.mjs';
import { SUBJECTS } from './subjects.mjs';
import { readTraces } from './traces.mjs';
import { generate } from './workloads.mjs';

const USAGE = `Usage: npm run bench -- eviction [options]

  --traces FOLDER   recorded requests: files *.trace or *.trace.xz of big-endian 32-bit integers (or environment TRACES); goals count on them
  --sizes 0.01,0.1  sizes of the cache, as parts of the distinct keys (default 0.005,0.01,0.02,0.05,0.1,0.2)
  --requests N      at most so many of each workload (default 1000000)
  --rounds N        rounds of the CPU measurement (default 5)
  --quick           200000 requests, one round
  --seed N          of the generated workloads (default 1)`;

const { values: given } = parseArgs({
  args: process.argv.slice(3),
  options: {
    traces: { type: 'string', default: process.env.TRACES },
    sizes: { type: 'string', default: '0.005,0.01,0.02,0.05,0.1,0.2' },
    requests: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

const REFERENCE = 'lru-cache';
const OURS = 's3-fifo';
const CASE = fileURLToPath(new URL('case.mjs', import.meta.url));
const log = (line) => process.stderr.write(`${line}\n`);

/** @returns {Promise<{ hitRatio: number, nanos: number }>} */
async function runCell({ child, ended }, cell) {
  child.send(cell);
  const [result] = await Promise.race([once(child, 'message'), ended]);
  return result;
}

/** Of one subject. `ended` rejects when it has ended. */
function startSubject(name) {
  const child = fork(CASE, [name]);
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`case.mjs of ${name} ended with ${code ?? signal}`);
  });
  ended.catch(() => {}); // those that are not needed any more are killed
  return { child, ended };
}

/** Each subject in a process of its own; they take turns with each cell, so that what slows the machine slows all of them. */
async function measure(workloads, sizes, rounds) {
  const folder = await mkdtemp(join(tmpdir(), 'strata-eviction-'));
  const children = new Map();
  try {
    const cells = [];
    for (const workload of workloads) {
      const file = join(folder, workload.name);
      await writeFile(file, new Uint8Array(workload.keys.buffer));
      for (const size of sizes) {
        const capacity = Math.max(2, Math.round(workload.distinct * size));
        cells.push({ file, workload: workload.name, real: workload.real, distinct: workload.distinct, capacity });
      }
    }
    log(`the optimum of ${cells.length} cells`);
    for (const cell of cells) {
      cell.optimum = belady(
        workloads.find(({ name }) => name === cell.workload),
        cell.capacity,
      );
    }
    const subjects = Object.keys(SUBJECTS);
    /** @type {Record<string, { hitRatio: number, nanos: number }[][]>} by subject, round and cell */
    const results = Object.fromEntries(subjects.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const name of subjects) {
        children.set(name, startSubject(name));
        results[name].push([]);
      }
      for (const [i, cell] of cells.entries()) {
        log(`round ${round + 1}/${rounds}: ${cell.workload}, ${cell.capacity} entries`);
        // Whoever comes first is another one each time.
        for (let j = 0; j < subjects.length; j++) {
          const name = subjects[(i + round + j) % subjects.length];
          results[name][round].push(await runCell(children.get(name), cell));
        }
      }
      for (const { child } of children.values()) child.kill();
    }
    return { cells, results };
  } finally {
    for (const { child } of children.values()) child.kill();
    await rm(folder, { recursive: true });
  }
}

const points = (value) => (100 * value).toFixed(1);
const signed = (value) => `${value < 0 ? '' : '+'}${points(value)}`;

/** Gains of a subject over the reference, and its CPU as a ratio to it: median over the rounds, each against its own round. */
function judge({ cells, results }, subject, chosen) {
  const indexes = cells.flatMap((cell, i) => (chosen(cell) ? [i] : []));
  const base = results[REFERENCE];
  const gains = indexes.map((i) => results[subject][0][i].hitRatio - base[0][i].hitRatio);
  const ceilings = indexes.map((i) => cells[i].optimum - base[0][i].hitRatio);
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  const cpu = indexes.map((i) => median(results[subject].map((round, r) => round[i].nanos / base[r][i].nanos)));
  return {
    mean: sum(gains) / gains.length,
    worst: Math.min(...gains),
    ofTheWay: sum(gains) / sum(ceilings),
    cpu: median(cpu),
    highestCpu: Math.max(...cpu),
  };
}

function print({ cells, results }) {
  const names = Object.keys(SUBJECTS).filter((name) => name !== REFERENCE);
  const head = ['workload', 'entries', `${REFERENCE} %`, ...names, 'optimum'];
  const rows = cells.map((cell, i) => {
    const base = results[REFERENCE][0][i].hitRatio;
    const gains = names.map((name) => signed(results[name][0][i].hitRatio - base));
    return [cell.workload, cell.capacity, points(base), ...gains, signed(cell.optimum - base)];
  });
  console.log(`\nHit ratio; the others in points against ${REFERENCE}\n\n${table([head, ...rows])}`);
  for (const [title, chosen] of [
    ['recorded', (cell) => cell.real],
    ['generated', (cell) => !cell.real],
  ]) {
    if (!cells.some(chosen)) continue;
    const lines = names.map((name) => {
      const { mean, worst, ofTheWay, cpu, highestCpu } = judge({ cells, results }, name, chosen);
      return [
        name,
        signed(mean),
        signed(worst),
        `${points(ofTheWay)} %`,
        `${cpu.toFixed(2)}x`,
        `${highestCpu.toFixed(2)}x`,
      ];
    });
    console.log(
      `\n${title} requests\n\n${table([['policy', 'mean', 'worst cell', 'of the way to the optimum', 'CPU', 'highest'], ...lines])}`,
    );
  }
  const { mean, worst, cpu } = judge(
    { cells, results },
    OURS,
    cells.some((cell) => cell.real) ? (cell) => cell.real : () => true,
  );
  const verdict = (met) => (met ? 'met' : 'NOT MET');
  console.log(
    `\nGoals of ${OURS}, ${cells.some((cell) => cell.real) ? 'on recorded requests' : 'on generated requests (no --traces)'}: ` +
      `mean >= +2.5 points: ${verdict(mean >= 0.025)}; no cell below -1.5: ${verdict(worst >= -0.015)}; ` +
      `CPU per request <= 1.35x ${REFERENCE} (median of the cells): ${verdict(cpu <= 1.35)}`,
  );
  console.log(
    `\n${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, load ${loadavg()[0].toFixed(1)}.`,
  );
}

async function main() {
  if (given.help) return console.log(USAGE);
  const requests = Number(given.requests ?? (given.quick ? 200_000 : 1_000_000));
  const rounds = Number(given.rounds ?? (given.quick ? 1 : 5));
  await ensurePeers();
  await ensureBuild();
  const traces = given.traces ? await readTraces(given.traces, requests, log) : [];
  if (!given.traces) log('no recorded requests (--traces FOLDER): generated ones only');
  const workloads = [...traces, ...generate(Math.min(requests, 400_000), Number(given.seed))];
  print(await measure(workloads, given.sizes.split(',').map(Number), rounds));
}

await main().catch((error) => {
  console.error(`bench: ${error.code?.startsWith('ERR_PARSE_ARGS') ? `${error.message}\n\n${USAGE}` : error.stack}`);
  process.exitCode = 1;
});

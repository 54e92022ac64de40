#!/usr/bin/env node
/** `npm run chaos`: suites that hurt what they test, with a checker that finds out whether promises were kept. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ensureBuild } from '../bench/lib/prepare.mjs';
import { commandLine, wholeNumber } from '../scripts/lib/command-line.mjs';
import { BREAKS_OF } from './coherence/breaks.mjs';
import { FAULTS as COHERENCE_FAULTS, FAULTS_OF } from './coherence/faults.mjs';
import * as coherence from './coherence/report.mjs';
import { CoherenceSuite } from './coherence/suite.mjs';
import { BREAKS as JOBS_BREAKS } from './jobs/breaks.mjs';
import { FAULTS as JOBS_FAULTS } from './jobs/faults.mjs';
import * as jobs from './jobs/report.mjs';
import { JobsSuite } from './jobs/suite.mjs';
import { table } from './lib/table.mjs';
import { together } from './lib/together.mjs';
import { BREAKS as OUTAGE_BREAKS } from './outage/breaks.mjs';
import { FAULTS as OUTAGE_FAULTS } from './outage/faults.mjs';
import * as outage from './outage/report.mjs';
import { OutageSuite } from './outage/suite.mjs';
import { BREAKS as SOURCES_BREAKS } from './sources/breaks.mjs';
import { FAULTS as SOURCES_FAULTS } from './sources/faults.mjs';
import * as sources from './sources/report.mjs';
import { SourcesSuite } from './sources/suite.mjs';
import { BREAKS } from './write-behind/breaks.mjs';
import { FAULTS } from './write-behind/faults.mjs';
import * as writeBehind from './write-behind/report.mjs';
import { WriteBehindSuite } from './write-behind/suite.mjs';

/** All there are. */
const SUITES = {
  'write-behind': { Suite: WriteBehindSuite, faults: FAULTS, breaks: BREAKS, ...writeBehind },
  coherence: {
    Suite: CoherenceSuite,
    faults: COHERENCE_FAULTS,
    breaks: { ...BREAKS_OF.standalone, ...BREAKS_OF.cluster },
    ...coherence,
  },
  outage: { Suite: OutageSuite, faults: OUTAGE_FAULTS, breaks: OUTAGE_BREAKS, ...outage },
  jobs: { Suite: JobsSuite, faults: JOBS_FAULTS, breaks: JOBS_BREAKS, ...jobs },
  sources: { Suite: SourcesSuite, faults: SOURCES_FAULTS, breaks: SOURCES_BREAKS, ...sources },
};

/** So many runs a mistake made on purpose has to show in. */
const TRIES = 3;

const USAGE = `Usage: npm run chaos -- [suite] [options]

  suite           ${Object.keys(SUITES).join(', ')}; without it all, one after the other
  --quick         write-behind: about two minutes; coherence: about one; outage, sources: about 45 s; jobs: about 25 s
  --seed <n>      repeats the plan of a run: the same faults and operations, though timing differs
  --seeds <n>     so many runs, with seeds one after the other
  --seconds <n>   least time under load of each round, jobs: of the run; outage: how long Redis is away, 4 or more
  --faults <a,b>  only these, in this order; coherence: a+b are two at the same time
  --topology <t>  coherence: ${Object.keys(FAULTS_OF).join(' (one Redis, the default), ')} (three masters, each with a replica)
  --mutations     tests the checker: breaks the package in one way after the other, each of which it has to find
  --dry           with --mutations: only looks whether the package still has what they replace
  --break <name>  one of these ways
  --bus <kind>    coherence: how processes hear of each other, pubsub (default) or tracking

Exits 1 if a promise was broken, and says how to repeat the run.
`;

function options() {
  const text = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      mutations: { type: 'boolean', default: false },
      dry: { type: 'boolean', default: false },
      seed: text,
      seeds: text,
      seconds: text,
      break: text,
      bus: text,
      faults: text,
      topology: { ...text, default: 'standalone' },
    },
  });
  const [suite, ...more] = positionals;
  if (more.length > 0 || (suite !== undefined && !(suite in SUITES)))
    throw new TypeError(`There is no suite "${positionals.join(' ')}"`);
  const suites = suite === undefined ? Object.keys(SUITES) : [suite];
  /** What is asked for by name must be there in all suites that run. */
  const check = (option, names, kind) => {
    for (const known of suites.map((one) => Object.keys(SUITES[one][kind])))
      if (!names.every((name) => known.includes(name))) throw new TypeError(`${option} is of ${known.join(', ')}`);
  };
  const faults = values.faults?.split(',');
  check('--faults', faults?.flatMap((names) => (suite === 'coherence' ? names.split('+') : names)) ?? [], 'faults');
  if (!(values.topology in FAULTS_OF)) throw new TypeError(`--topology is one of ${Object.keys(FAULTS_OF).join(', ')}`);
  if (values.topology !== 'standalone' && suite !== 'coherence') throw new TypeError('--topology is of coherence');
  const there = Object.keys(FAULTS_OF[values.topology]);
  if (suite === 'coherence' && faults?.some((names) => !names.split('+').every((name) => there.includes(name))))
    throw new TypeError(`--faults with --topology ${values.topology} is of ${there.join(', ')}`);
  if (values.dry && !values.mutations) throw new TypeError('--dry goes with --mutations');
  if (values.break !== undefined) check('--break', [values.break], 'breaks');
  if (values.bus !== undefined && !['pubsub', 'tracking'].includes(values.bus))
    throw new TypeError('--bus is pubsub or tracking');
  return {
    ...values,
    faults,
    suites,
    seed: wholeNumber(values, 'seed', { least: 0 }) ?? Math.floor(Math.random() * 1e6),
    seeds: wholeNumber(values, 'seeds', { least: 1, most: 10_000, otherwise: 1 }),
    seconds: wholeNumber(values, 'seconds', { least: 1, most: 86_400 }),
  };
}

const parsed = commandLine(options, USAGE);

const say = (line) => process.stderr.write(`${line}\n`);
let current;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    interrupted = true;
    say('Stopping ...');
    await current?.end();
    process.exit(130);
  });
}

function repeat(suite, seed) {
  const { quick, seconds, faults } = parsed;
  const more = [
    quick && '--quick',
    seconds && `--seconds ${seconds}`,
    faults && `--faults ${faults}`,
    parsed.break && `--break ${parsed.break}`,
    parsed.bus && `--bus ${parsed.bus}`,
    parsed.topology !== 'standalone' && `--topology ${parsed.topology}`,
  ];
  return ['npm run chaos --', suite, `--seed ${seed}`, ...more.filter(Boolean)].join(' ');
}

async function perform(name, more) {
  const suite = new SUITES[name].Suite({ ...parsed, ...more }, say);
  current = suite;
  try {
    await suite.run();
  } finally {
    await suite.end();
  }
  return suite;
}

/** Those of another topology could not show. */
function breaksOf(suite) {
  const all = Object.entries(suite === 'coherence' ? BREAKS_OF[parsed.topology] : SUITES[suite].breaks);
  return all.filter(([name]) => parsed.break === undefined || parsed.break === name);
}

/** @returns {Promise<boolean>} whether all mistakes were found */
async function mutations(suite, seed) {
  const rows = [];
  for (const [name, { what, rules, faults }] of breaksOf(suite)) {
    say(`Mutation ${name}`);
    let found = [];
    let caught = false;
    // What shows rarely gets another seed or two.
    for (let i = 0; i < TRIES && !caught; i++) {
      const options = { seed: seed + i, quick: true, seconds: 6, faults, break: name };
      const { violations } = await perform(suite, options);
      found = [...new Set(violations.map(({ rule }) => rule))].sort((a, b) => a - b);
      caught = found.some((rule) => rules.includes(rule));
    }
    const broken = found.length > 0 ? `rules ${found.join(', ')} broken` : 'nothing seen';
    rows.push([what, caught ? `caught: ${broken}` : `NOT CAUGHT: ${broken}`]);
    say(`  ${rows.at(-1)[1]}`);
  }
  console.log(`\n${table(`${suite}: mistake made on purpose`, rows)}`);
  return rows.every(([, result]) => result.startsWith('caught'));
}

/** @returns {Promise<boolean>} whether all mistakes can be made */
async function dry(suite) {
  const script = fileURLToPath(new URL('lib/apply-break.mjs', import.meta.url));
  const lost = [];
  const all = breaksOf(suite);
  for (const [name] of all) {
    const apply = promisify(execFile)(process.execPath, [script, suite, name]);
    await apply.catch(({ stderr }) => lost.push(`${name}: ${/^\w*Error.*$/m.exec(stderr)?.[0] ?? stderr}`));
  }
  for (const text of lost) console.log(`${suite}: ${text}`);
  if (lost.length === 0) console.log(`${suite}: all ${all.length} can be made`);
  return lost.length === 0;
}

async function run(name, seed) {
  say(`${name}, seed ${seed}`);
  const begin = performance.now();
  const { faults, figures, violations } = await perform(name, { seed });
  const result = { seed: `${seed}`, seconds: (performance.now() - begin) / 1_000, faults, figures, violations };
  console.log(`\n${SUITES[name].report(result)}`);
  if (violations.length > 0) console.log(`\nRepeat it: ${repeat(name, seed)}`);
  return result;
}

async function all() {
  for (const name of parsed.suites) {
    const results = [];
    for (let i = 0; i < parsed.seeds; i++) results.push(await run(name, parsed.seed + i));
    if (results.length > 1)
      console.log(`\n${name}, all seeds\n\n${SUITES[name].report(together(results, SUITES[name].MOST))}`);
    if (results.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
  }
}

try {
  if (!parsed.mutations) await all();
  else if (parsed.dry) {
    await ensureBuild();
    for (const name of parsed.suites) if (!(await dry(name))) process.exitCode = 1;
  } else for (const name of parsed.suites) if (!(await mutations(name, parsed.seed))) process.exitCode = 1;
} catch (error) {
  if (!interrupted) console.error(`\n${error.stack}`);
  process.exitCode = 1;
}

#!/usr/bin/env node
/** `npm run chaos`: suites that hurt what they test, with a checker that finds out whether promises were kept. */
import { parseArgs } from 'node:util';
import { table, whole } from './lib/table.mjs';
import { BREAKS } from './write-behind/breaks.mjs';
import { FAULTS } from './write-behind/faults.mjs';
import { WriteBehindSuite } from './write-behind/suite.mjs';

/** All there are. */
const SUITES = { 'write-behind': WriteBehindSuite };

const USAGE = `Usage: npm run chaos -- [suite] [options]

  suite           ${Object.keys(SUITES).join(', ')}; without it all, one after the other
  --quick         about two minutes for each suite
  --seed <n>      repeats the plan of a run: the same faults and operations, though timing differs
  --seeds <n>     so many runs, with seeds one after the other
  --seconds <n>   least time under load of each round

Exits 1 if a promise was broken, and says how to repeat the run.
`;

function options() {
  const text = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      seed: text,
      seeds: text,
      seconds: text,
      break: text,
      faults: text,
    },
  });
  const number = (name, least, most) => {
    const value = values[name] === undefined ? undefined : Number(values[name]);
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return value;
    throw new TypeError(`--${name} is "${values[name]}": it must be a whole number from ${least} to ${most}`);
  };
  const [suite, ...more] = positionals;
  if (more.length > 0 || (suite !== undefined && !(suite in SUITES)))
    throw new TypeError(`There is no suite "${positionals.join(' ')}"`);
  if (values.break !== undefined && !(values.break in BREAKS))
    throw new TypeError(`--break is one of ${Object.keys(BREAKS).join(', ')}`);
  const faults = values.faults?.split(',');
  for (const fault of faults ?? [])
    if (!(fault in FAULTS)) throw new TypeError(`--faults are of ${Object.keys(FAULTS).join(', ')}`);
  return {
    ...values,
    faults,
    suites: suite === undefined ? Object.keys(SUITES) : [suite],
    seed: number('seed', 0, 2 ** 31) ?? Math.floor(Math.random() * 1e6),
    seeds: number('seeds', 1, 10_000) ?? 1,
    seconds: number('seconds', 1, 86_400),
  };
}

let parsed;
try {
  parsed = options();
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (parsed.help) {
  console.log(USAGE);
  process.exit(0);
}

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

const RULES = [
  'a process ended by itself',
  'never nowhere',
  'leaves by ACK or FAIL',
  'D, V, P hold the same',
  'versions grow',
  'one epoch, never back',
];
const MORE_RULES = [
  'Postgres has the last write',
  'readers see it',
  'flushed in time',
  'no process clock',
  'hot keys, no increment lost',
];

function repeat(suite, seed) {
  const { quick, seconds, faults } = parsed;
  const more = [
    quick && '--quick',
    seconds && `--seconds ${seconds}`,
    faults && `--faults ${faults}`,
    parsed.break && `--break ${parsed.break}`,
  ];
  return ['npm run chaos --', suite, `--seed ${seed}`, ...more.filter(Boolean)].join(' ');
}

async function run(name, seed) {
  say(`${name}, seed ${seed}`);
  const suite = new SUITES[name]({ ...parsed, seed }, say);
  current = suite;
  const begin = performance.now();
  try {
    await suite.run();
  } finally {
    await suite.end();
  }
  const { figures: f, faults, violations } = suite;
  console.log(`\n${table('fault', [...faults])}\n`);
  console.log(
    table('run', [
      ['seed', `${seed}`],
      ['seconds', (performance.now() - begin) / 1_000],
      ['writes acknowledged', f.acknowledged],
      ['  outcome unknown', f.unknown],
      ['  refused', f.refused],
      ['rows flushed', f.rows],
      ['writes per row flushed', (f.acknowledged / f.rows).toFixed(2)],
      ['reads checked', f.reads],
      ['dead letters, as expected', f.letters],
      ['worst drain time', `${whole(f.drain)} ms`],
      ['longest until a commit, no outage', `${whole(f.delay)} ms`],
      ['most memory of Redis', `${(f.memory / 2 ** 20).toFixed(1)} MiB`],
      ['violations', violations.length],
    ]),
  );
  for (const { round, rule, key, text, history = [] } of violations) {
    console.log(
      `\nVIOLATION ${rule} (${[...RULES, ...MORE_RULES][rule]}), round ${round}${key ? `, ${key}` : ''}\n  ${text}`,
    );
    for (const line of history) console.log(`    ${line}`);
  }
  if (violations.length > 0) console.log(`\nRepeat it: ${repeat(name, seed)}`);
  return violations.length === 0;
}

try {
  for (let i = 0; i < parsed.seeds; i++) {
    for (const name of parsed.suites) if (!(await run(name, parsed.seed + i))) process.exitCode = 1;
  }
} catch (error) {
  if (!interrupted) console.error(`\n${error.stack}`);
  process.exitCode = 1;
}

#!/usr/bin/env node
/** `npm run simulate`: the caches of several processes in virtual time, with faults, and a checker that knows every row. */
import { parseArgs } from 'node:util';
import { table } from '../chaos/lib/table.mjs';
import { commandLine, wholeNumber } from '../scripts/lib/command-line.mjs';
import { BREAKS, breaksFor } from './breaks.mjs';
import { HAS_BUS } from './engine.mjs';
import { runSeeds } from './lib/pool.mjs';
import { TARGETED } from './model/targeted.mjs';
import { Summary } from './report.mjs';

const USAGE = `Usage: npm run simulate -- [options]

  --seeds <n>     so many seeds, one after the other (default 200)
  --from <seed>   the first one (default 1)
  --jobs <n>      threads (default 1)
  --show <seed>   makes the plan of a failing seed smaller, and prints what happens
  --mutations     tests the checker: breaks the package in one way after the other, each of which it has to find
  --targeted      plans made by hand for rare interleavings, each with --seeds delays
  --break <name>  one of these ways, or several: ${Object.keys(BREAKS).join(', ')}
  --patience <s>  a seed that takes longer hangs (default 60)

SIMULATION_DIST=<folder> takes another build than dist/.
Exits 1 if a promise was broken, and says how to repeat it.
`;

/** So many failures are enough to call a mutation caught. */
const ENOUGH = 3;

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', default: false },
      mutations: { type: 'boolean', default: false },
      targeted: { type: 'boolean', default: false },
      seeds: text,
      from: text,
      jobs: text,
      show: text,
      break: text,
      patience: text,
    },
  });
  const number = (name, least, otherwise) => wholeNumber(values, name, { least, otherwise });
  const names = values.break?.split(',') ?? [];
  for (const name of names.flatMap((one) => one.split('+')))
    if (!(name in BREAKS)) throw new TypeError(`There is no way "${name}" to break it`);
  return {
    ...values,
    names,
    seeds: number('seeds', 1, 200),
    from: number('from', 0, 1),
    jobs: number('jobs', 1, 1),
    show: number('show', 0),
    patience: 1_000 * number('patience', 1, 60),
  };
}

const parsed = commandLine(options, USAGE);

const say = (line) => process.stderr.write(`${line}\n`);
const { from, seeds, jobs, patience } = parsed;
const repeat = (seed, broken) => `npm run simulate -- --show ${seed}${broken ? ` --break ${broken}` : ''}`;

/** @param {number} seed @param {string | undefined} broken */
async function show(seed, broken) {
  await runSeeds({ from: seed, to: seed + 1, broken, show: true, patience }, ({ text, shown, first, violations }) => {
    if (text) say(text);
    for (const violation of violations ?? []) console.log(`VIOLATION ${violation.why}: ${violation.text}`);
    if (!shown) return;
    console.log(shown.join('\n'));
    console.log(first ? `\n${first.why}` : '\nNo promise was broken.');
  });
}

/** @param {string | undefined} broken @param {number} enough @param {string} [targeted] a plan made by hand */
async function run(broken, enough, targeted) {
  const summary = new Summary();
  const share = Math.ceil(seeds / jobs);
  const shares = Array.from({ length: jobs }, (_, i) => [
    from + i * share,
    Math.min(from + seeds, from + (i + 1) * share),
  ]);
  const hear = ({ seed, violations, figures }) => {
    summary.add(seed, violations, figures);
    if (enough === Number.POSITIVE_INFINITY && violations.length > 0)
      say(`seed ${seed}: ${violations[0].why}: ${violations[0].text}`);
  };
  await Promise.all(
    shares
      .filter(([first, end]) => first < end)
      .map(([first, end]) => runSeeds({ from: first, to: end, broken, enough, patience, targeted }, hear)),
  );
  return summary;
}

async function mutations(names) {
  const rows = [];
  for (const name of names) {
    const parts = name.split('+').map((part) => BREAKS[part]);
    const handMade = HAS_BUS && name in TARGETED ? await run(name, ENOUGH, name) : undefined;
    const summary = handMade && handMade.failed > 0 ? handMade : await run(name, ENOUGH);
    const clean = parts.every(({ expected }) => expected === 'clean');
    const { failed } = summary;
    const result =
      failed === 0
        ? `${clean ? 'nothing found, as expected' : 'NOT CAUGHT'} in ${summary.seeds}`
        : `${clean ? 'FOUND' : 'caught'}: ${failed} in ${summary.seeds}${summary === handMade ? ' of a plan made by hand' : ''}, first ${summary.first}: ${summary.kinds()}`;
    rows.push([`${name}: ${parts.map(({ what }) => what).join('; ')}`, result]);
    say(`${name}: ${result}`);
  }
  console.log(`\n${table('mistake made on purpose', rows)}`);
  return rows.every(([, result]) => !/^(NOT CAUGHT|FOUND)/.test(result));
}

try {
  const [name] = parsed.names;
  if (parsed.show !== undefined) await show(parsed.show, name);
  else if (parsed.targeted) {
    for (const plan of Object.keys(TARGETED)) {
      const summary = await run(name, Number.POSITIVE_INFINITY, plan);
      say(`${plan}: ${summary.failed} of ${summary.seeds} failed ${summary.kinds()}`);
      if (summary.failed > 0) process.exitCode = 1;
    }
  } else if (parsed.mutations || parsed.names.length > 1) {
    if (!(await mutations(parsed.names.length > 0 ? parsed.names : breaksFor(HAS_BUS)))) process.exitCode = 1;
  } else {
    say(
      `${seeds} seeds from ${from}${name ? `, broken: ${name}` : ''}${HAS_BUS ? '' : ' (this build has no bus: memory in single processes only)'}`,
    );
    const summary = await run(name, Number.POSITIVE_INFINITY);
    console.log(`\n${summary.report()}`);
    if (summary.failed > 0) {
      console.log(`\nLook at it: ${repeat(summary.first, name)}`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  console.error(`\n${error.stack}`);
  process.exitCode = 1;
}

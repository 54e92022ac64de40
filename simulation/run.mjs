#!/usr/bin/env node
/** `npm run simulate`: the caches of several processes in virtual time, with faults, and a checker that knows every row. */
import { parseArgs } from 'node:util';
import { table } from '../chaos/lib/table.mjs';
import { commandLine, wholeNumber } from '../scripts/lib/command-line.mjs';
import { BREAKS } from './breaks.mjs';
import { runSeeds } from './lib/pool.mjs';
import { TARGETED } from './model/targeted.mjs';
import { Summary } from './report.mjs';

const USAGE = `Usage: npm run simulate -- [options]

  --seeds <n>     so many seeds, one after the other (default 200; --mutations: 600)
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

/** What is expected to be no mistake is tried with fewer seeds: it takes all of them, each time. */
const SEEDS_IF_CLEAN = 300;

/** So many failures are enough to call a mutation caught. */
const ENOUGH = 2;

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
    seeds: number('seeds', 1, values.mutations ? 600 : 200),
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

/** @param {string | undefined} broken @param {number} enough @param {string} [targeted] a plan made by hand @param {number} [most] seeds */
async function run(broken, enough, targeted, most = seeds) {
  const summary = new Summary();
  const share = Math.ceil(most / jobs);
  const shares = Array.from({ length: jobs }, (_, i) => [
    from + i * share,
    Math.min(from + most, from + (i + 1) * share),
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

/** What a break is: of one name, or of several with `+` between them. @param {string} name @returns {import('./breaks.mjs').Break} */
const breakOf = (name) =>
  BREAKS[name] ?? {
    what: name
      .split('+')
      .map((part) => BREAKS[part].what)
      .join('; '),
  };

/** @returns {Promise<boolean>} whether everything came as expected */
async function mutations(names) {
  const rows = [];
  let good = true;
  for (const name of names) {
    const { what, expected, plan } = breakOf(name);
    const targeted = plan && (await run(name, ENOUGH, plan));
    const most = expected === 'clean' ? Math.min(seeds, SEEDS_IF_CLEAN) : seeds;
    const summary = targeted?.failed > 0 ? targeted : await run(name, ENOUGH, undefined, most);
    const { failed, first } = summary;
    const how = summary === targeted ? `delays of the plan ${plan}` : 'seeds';
    const asExpected = failed > 0 === (expected !== 'clean');
    const found =
      failed > 0
        ? `${failed} in ${summary.seeds} ${how}, first ${first}: ${summary.kinds()}`
        : `nothing in ${summary.seeds} seeds`;
    const verdict = asExpected ? (failed > 0 ? 'caught' : 'as expected') : failed > 0 ? 'FOUND' : 'NOT CAUGHT';
    good &&= asExpected;
    rows.push([`${name}: ${what}`, `${verdict}: ${found}`]);
    say(`${name}: ${rows.at(-1)[1]}`);
  }
  console.log(`\n${table('mistake made on purpose', rows)}`);
  return good;
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
    if (!(await mutations(parsed.names.length > 0 ? parsed.names : Object.keys(BREAKS)))) process.exitCode = 1;
  } else {
    say(`${seeds} seeds from ${from}${name ? `, broken: ${name}` : ''}`);
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

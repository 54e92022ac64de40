import { randomOf } from '../../scripts/demo/random.mjs';
import { sleep } from '../lib/time.mjs';
import { FAULTS } from './faults.mjs';
import { countersOf, lanesOf } from './plan.mjs';

/**
 * Writers write and workers flush, while one fault comes after the other.
 * @param {import('./stage.mjs').Stage} stage
 * @param {import('./plan.mjs').Round} round
 * @param {{ say(line: string): void, count(title: string): void }} report
 */
export async function load(stage, round, { say, count }) {
  const begin = performance.now();
  const passed = () => ((performance.now() - begin) / 1_000).toFixed(0).padStart(3);
  for (const id of countersOf(round.name)) await stage.control.call('act', 'put', 'Item', id, { n: 0 });
  await stage.startWriting(() => lanesOf(round.name));
  await sleep(1_000);
  for (const [i, name] of round.faults.entries()) {
    const fault = FAULTS[name];
    const random = randomOf(`${round.seed}:${i}`);
    const came = await fault.run(stage, random, `${round.name}-f${i}`);
    if (came) count(fault.title);
    say(`${passed()} s  ${name}${came ? '' : ': did not come to it'}`);
  }
  const left = 1_000 * round.seconds - (performance.now() - begin);
  if (left > 0) await sleep(left);
  await stage.stopWriting();
}

// A thread that runs seeds: a build that never ends a promise chain would otherwise stop the command too.
import { parentPort, workerData } from 'node:worker_threads';
import { applyBreak } from './breaks.mjs';
import { planOf } from './model/plan.mjs';
import { shrink } from './model/shrink.mjs';
import { simulate } from './model/simulation.mjs';
import { targetedPlan } from './model/targeted.mjs';

/** @type {{ from: number, to: number, broken?: string, show: boolean, enough: number, targeted?: string }} */
const { from, to, broken, show, enough, targeted } = workerData;

/** A rejection that nobody hears would end a process of the app. @type {Error | undefined} */
let unheard;
process.on('unhandledRejection', (error) => {
  unheard ??= error instanceof Error ? error : new Error(String(error));
});

/** Any seed, for plans that do not come from one. */
const HAND_MADE = 5;

async function run(seed, options, number = seed) {
  parentPort.postMessage({ begins: number });
  const result = await simulate(seed, options);
  await new Promise((resolve) => setImmediate(resolve));
  if (unheard) result.violations.push({ why: 'unhandled rejection', text: unheard.stack, at: 0 });
  unheard = undefined;
  return result;
}

await applyBreak(broken);
if (show) {
  const plan = planOf(from);
  const { violations, log } = await run(from, { tracing: true });
  const [first] = violations;
  if (first === undefined) parentPort.postMessage({ shown: log });
  else {
    parentPort.postMessage({ text: `${first.why}: ${first.text}\nMakes it smaller ...` });
    const smaller = await shrink(from, plan, first.why, (left) =>
      parentPort.postMessage({ begins: from, text: `${left} steps` }),
    );
    const again = await run(from, { ...smaller, tracing: true });
    const end = again.log.findIndex((line) => line.includes(`*** ${first.why}`));
    parentPort.postMessage({ shown: again.log.slice(0, end < 0 ? undefined : end + 1), first });
  }
} else {
  let failures = 0;
  for (let seed = from; seed < to && failures < enough; seed++) {
    const { violations, figures } = await (targeted
      ? run(HAND_MADE, { plan: targetedPlan(targeted), salt: seed }, seed)
      : run(seed, {}));
    if (violations.length > 0) failures++;
    parentPort.postMessage({ seed, violations, figures });
  }
}

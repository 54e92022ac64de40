// A process that writes and reads, and flushes nothing.
import { oneOf, randomOf, weighted } from '../../scripts/demo/random.mjs';
import { config, serve, tell } from '../lib/link.mjs';
import { sleep } from '../lib/time.mjs';
import { Actions } from './actions.mjs';
import { openApp } from './app.mjs';
import { Recorder } from './record.mjs';
import { controlWakeUps } from './wakes.mjs';

/**
 * One after the other, each on one of the keys.
 * @typedef {object} Lane
 * @property {string} name
 * @property {string[]} ids none: each time a new one, which is never written again
 * @property {Record<string, number>} mix weights of put, patch, delete, get, getMany
 * @property {number} pause between two, in ms, on average
 */

const wakes = controlWakeUps(`${config.seed}:${config.name}`);
const { entities, client, close } = await openApp(config, tell);
const recorder = new Recorder(config.history, config.name);
const actions = new Actions(recorder, entities);
/** @type {Set<Promise<void>>} */
const lanes = new Set();
let running = false;
let fresh = 0;

/** @param {Lane} lane */
async function run({ name, ids, mix, pause }) {
  const random = randomOf(`${config.seed}:${config.name}:${name}`);
  const choose = weighted(Object.entries(mix), ([, weight]) => weight);
  while (running) {
    const [type] = choose(random);
    const id = ids.length > 0 ? oneOf(random, ids) : `${config.name}-n${fresh++}`;
    const n = Math.floor(random() * 1_000);
    const answer = await perform(type, id, n, () => oneOf(random, ids));
    // Who is refused does not come back at once.
    const refused = answer?.outcome === 'unknown' || /CACHE_UNAVAILABLE|WRITE_BEHIND_UNAVAILABLE/.test(answer?.detail);
    await sleep(refused ? 100 : pause * 2 * random());
  }
}

function perform(type, id, n, another) {
  if (type === 'put') return actions.put('Item', id, { n });
  if (type === 'getMany') return actions.getMany('Item', [...new Set([id, another(), another(), another()])]);
  return actions[type]('Item', id);
}

/** Many new rows at the same time. Answers how many came to which end. */
async function burst(ids, options) {
  const ends = { ok: 0, no: 0, unknown: 0 };
  const all = ids.map(async (id, n) => {
    const { outcome } = await actions.put('Item', id, { n, options });
    ends[outcome]++;
  });
  await Promise.all(all);
  return ends;
}

serve({
  wakes,
  act: (type, ...args) => actions[type](...args),
  burst,
  rss: () => process.memoryUsage.rss(),
  start(wanted) {
    running = true;
    for (const lane of wanted) lanes.add(run(lane));
  },
  async stop() {
    running = false;
    await Promise.all(lanes);
    lanes.clear();
  },
  flush: (entity, timeout) => entities[entity].flush({ timeout }),
  stats: (entity) => entities[entity].stats(),
  async letters(entity) {
    const letters = await entities[entity].deadLetters.list();
    return letters.map(({ id, operation, row, version, error, attempts }) => {
      return { id, operation, tag: row && `${row.writer}:${row.op}`, version: `${version}`, error, attempts };
    });
  },
  replay: (entity, ids) => entities[entity].deadLetters.replay(ids),
  arm: (arm) => client.arm(arm),
  close,
});
tell('ready');

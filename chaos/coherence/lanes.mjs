// Who does what, one after the other, for as long as the load lasts.
import { oneOf, randomOf, weighted } from '../../scripts/demo/random.mjs';
import { sleep } from '../lib/time.mjs';
import { KINDS, TOGETHER } from './keys.mjs';

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {(keyof typeof KINDS)[]} kinds of the keys it takes
 * @property {Record<string, number>} mix weights of what it does
 * @property {number} pause between two, in ms, on average
 */

const READS = { get: 20, load: 45, strong: 10, burst: 6, getMany: 2, loadMany: 3 };
const COLD = ['k', 'k', 'k', 'l', 'x', 'p', 'q'];

/** What each process does all the time. @type {Lane[]} */
export const LANES = [
  ...[1, 2, 3].map((number) => ({ name: `read-${number}`, kinds: COLD, mix: READS, pause: 2 })),
  { name: 'hot-reads', kinds: ['h'], mix: { ...READS, loadMany: 0 }, pause: 2 },
  { name: 'hot-changes', kinds: ['h'], mix: { put: 4, evict: 4, race: 4, hotTag: 1, load: 10, strong: 3 }, pause: 12 },
  ...[1, 2].map((number) => ({
    name: `strong-${number}`,
    kinds: ['s'],
    mix: { strong: 8, load: 1, put: 1, evict: 1 },
    pause: 5,
  })),
  { name: 'changes', kinds: COLD, mix: { put: 5, evict: 6, several: 2 }, pause: 14 },
  { name: 'late', kinds: ['l'], mix: { load: 6, strong: 1, lateTag: 1 }, pause: 8 },
  { name: 'kept', kinds: ['x'], mix: { load: 5, expire: 2, evict: 1 }, pause: 12 },
  { name: 'groups', kinds: ['q', 'p'], mix: { load: 20, tag: 3, prefix: 4, kind: 0.2 }, pause: 20 },
  // Without Redis these make everything out of date, which would hide all other mistakes.
  { name: 'rare', kinds: ['p'], mix: { search: 4, pattern: 4, all: 1 }, pause: 12_000 },
];

/**
 * @param {Lane} lane
 * @param {string} seed
 * @param {import('./operations.mjs').Operations} operations
 * @param {() => boolean} goesOn
 */
export async function runLane({ name, kinds, mix, pause: ms }, seed, operations, goesOn) {
  const random = randomOf(`${seed}:${name}`);
  const choose = weighted(Object.entries(mix), ([, weight]) => weight);
  const key = () => oneOf(random, KINDS[oneOf(random, kinds)]);
  const keys = (count) => [...new Set(Array.from({ length: count }, key))];
  while (goesOn()) {
    const [what] = choose(random);
    await rest(2 * ms * random(), goesOn);
    if (goesOn()) await perform(what);
  }

  function perform(what) {
    if (what in TOGETHER) {
      const { keys, target } = TOGETHER[what](random);
      // A few rows change; the others are only loaded again.
      const some = keys.filter(() => random() < 3 / keys.length);
      return operations.together(what, some.length > 0 ? some : [oneOf(random, keys)], target);
    }
    if (what === 'burst') return operations.burst(keys(20));
    if (what === 'several') return operations.several(keys(4));
    if (what === 'getMany') return operations.getMany(keys(6));
    // The tags are those of the call: keys that have them in common.
    if (what === 'loadMany')
      return operations.loadMany(TOGETHER.tag(random).keys.slice(0, 2 + Math.floor(8 * random())));
    return what === 'put' || what === 'race' ? operations[what](key(), random) : operations[what](key());
  }
}

/** Ends early when nobody goes on. */
async function rest(ms, goesOn) {
  for (let left = ms; left > 0 && goesOn(); left -= 200) await sleep(Math.min(left, 200));
}

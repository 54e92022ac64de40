import { randomOf } from '../../scripts/demo/random.mjs';
import { build } from '../../scripts/demo/storefront.mjs';
import { Servers } from '../lib/servers.mjs';
import { sleep, until } from '../lib/time.mjs';
import { BUSY, check, isClosed } from './checker.mjs';
import { ALL_UP, FAULTS } from './faults.mjs';
import { Load } from './load.mjs';
import { PROMISE, planOf } from './plan.mjs';
import { Stage } from './stage.mjs';
import { Watch } from './watch.mjs';

/** A request that needs a source has its answer by then. Milliseconds. */
const UNDER_WAY = 700;

/** The storefront over HTTP while its sources fail one after the other. */
export class SourcesSuite {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {{ rule: number, text: string }[]} */
  violations = [];
  figures = {};
  #cleanUp = [];

  /**
   * @param {{ seed: number, quick: boolean, seconds?: number, faults?: string[], break?: string }} options
   * @param {(line: string) => void} say
   */
  constructor(options, say) {
    this.options = options;
    this.say = say;
  }

  async run() {
    await build(this.say);
    const servers = await Servers.make(this.say);
    this.#cleanUp.push(() => servers.end({ keep: this.violations.length > 0 || 'STRATA_CHAOS_KEEP' in process.env }));
    await Promise.all([servers.start('postgres'), servers.start('redis')]);
    const stage = new Stage(servers, this.options.break);
    this.#cleanUp.push(() => stage.close());
    await stage.open();
    const plan = planOf(this.options);
    const load = new Load(stage.origin, randomOf(`load ${plan.seed}`));
    const watch = new Watch(stage, load);
    const record = { load, watch, steps: [], entries: [], left: [] };
    await load.warmUp();
    load.start();
    watch.start();
    await sleep(2_000);
    for (const [index, step] of plan.steps.entries()) await this.#perform(step, stage, record, `${plan.seed}:${index}`);
    await this.#end(record);
    for (const text of stage.surprises) this.violations.push({ rule: 0, text });
    const { violations, figures } = check(record, PROMISE);
    this.violations.push(...violations);
    this.figures = figures;
    if (this.violations.length > 0) this.say(`The storefront's log is in ${servers.folder}`);
  }

  /** Ends all processes; may be called more than once. */
  async end() {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }

  async #perform({ name, fault, recovery }, stage, { load, watch, steps }, seed) {
    const { run, title, cold, away } = FAULTS[name];
    load.cold = cold;
    if (!cold) await sleep(UNDER_WAY); // what is under way must not meet a fault in which nobody can answer it
    load.step++;
    const begin = performance.now();
    await run(stage, fault, randomOf(seed));
    stage.become(ALL_UP);
    const end = performance.now();
    load.step++;
    load.cold = true;
    steps.push({ name, away, begin, end, step: load.step - 1 });
    this.faults.set(title, (this.faults.get(title) ?? 0) + 1);
    await sleep(recovery);
    const { chosen } = await watch.look();
    this.say(
      `  ${name.padEnd(14)} ${Object.entries(chosen)
        .map((pair) => pair.join(' '))
        .join(', ')}`,
    );
  }

  /** Everything is up, and nobody asks any more: what backups gave has to be replaced, or to be gone. */
  async #end(record) {
    const { load, watch } = record;
    record.closed = await until(async () => isClosed(await watch.look(), BUSY), 5 * PROMISE.halfOpenAfter, 100);
    await load.stop();
    const back = performance.now();
    const searches = [...load.searches.keys()].map((text) => `search:${text}`);
    const ask = async () => {
      const all = [];
      for (let from = 0; from < searches.length; from += 100) {
        const keys = searches.slice(from, from + 100).join(',');
        all.push(...(await load.json(`/stats/entries?keys=${encodeURIComponent(keys)}`)));
      }
      return all;
    };
    const ofBackups = async () => (await ask()).filter(({ source }) => source !== 'primary');
    record.entries = await ask();
    await until(async () => (await ofBackups()).length === 0, PROMISE.backupTtl, 100);
    record.replaced = performance.now() - back;
    // What was not replaced is gone when its life is over.
    if ((await ofBackups()).length > 0) await sleep(PROMISE.backupTtl);
    record.left = await ofBackups();
    await watch.stop();
  }
}

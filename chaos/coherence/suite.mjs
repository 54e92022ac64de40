import { join } from 'node:path';
import { randomOf } from '../../scripts/demo/random.mjs';
import { Servers } from '../lib/servers.mjs';
import { takeSnapshot } from '../lib/snapshot.mjs';
import { sleep, until } from '../lib/time.mjs';
import { Checker } from './checker.mjs';
import { Database } from './database.mjs';
import { FAULTS } from './faults.mjs';
import { History } from './history.mjs';
import { LANES } from './lanes.mjs';
import { PLACES } from './place.mjs';
import { planOf, TIER } from './plan.mjs';
import { readRecords } from './record.mjs';
import { Stage } from './stage.mjs';

/** A read may wait for a load of a process that died (its claim is believed for a second), and for Redis. */
const LIMIT_MS = 4_000;
const CALM_MS = 20_000;

/** Several processes with private memories, one Redis and one database: nobody may be shown for long what is out of date. */
export class CoherenceSuite {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {import('./checker.mjs').Violation[]} */
  violations = [];
  figures = { bound: TIER.bound, loads: 0, refused: 0, waited: 0, memory: 0, requests: 0 };
  #cleanUp = [];

  /**
   * @param {{ seed: number, topology: 'standalone' | 'cluster', quick: boolean, seconds?: number, faults?: string[], break?: string, bus?: string }} options
   * @param {(line: string) => void} say
   */
  constructor(options, say) {
    this.options = options;
    this.say = say;
  }

  async run() {
    const { dist, remove } = await takeSnapshot(this.say, { prisma: false });
    this.#cleanUp.push(remove);
    const servers = await Servers.make(this.say);
    this.#cleanUp.push(() => servers.end({ keep: this.violations.length > 0 || 'STRATA_CHAOS_KEEP' in process.env }));
    const place = new PLACES[this.options.topology](servers);
    this.#cleanUp.push(() => place.end());
    await place.start();
    const plan = planOf(this.options);
    const database = new Database(plan.seed);
    const { bus = 'pubsub' } = this.options;
    const settings = { dist, seed: plan.seed, tier: { ...TIER, bus }, break: this.options.break };
    const stage = new Stage(servers, settings, database, place);
    this.#cleanUp.push(() => stage.close());
    await stage.open();
    await this.#load(stage, plan);
    await this.#quiesce(stage);
    await this.#count(stage);
    await this.#check(stage, database);
    if (this.violations.length > 0) this.say(`Logs and records are in ${servers.folder}`);
  }

  /** Ends all processes; may be called more than once. */
  async end() {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }

  /** @param {Stage} stage @param {import('./plan.mjs').Plan} plan */
  async #load(stage, plan) {
    const begin = performance.now();
    const passed = () => (performance.now() - begin) / 1_000;
    await stage.startLoad(LANES);
    await sleep(1_500);
    for (const [i, names] of plan.faults.entries()) {
      const each = names.split('+').map(async (name) => {
        const came = await FAULTS[name].run(stage, randomOf(`${plan.seed}:${i}:${name}`));
        const { title } = FAULTS[name];
        if (came) this.faults.set(title, (this.faults.get(title) ?? 0) + 1);
        this.say(`  ${passed().toFixed(0).padStart(3)} s  ${name}${came ? '' : ': did not come to it'}`);
      });
      await Promise.all(each);
    }
    if (passed() < plan.seconds) await sleep(1_000 * (plan.seconds - passed()));
    await stage.stopLoad();
  }

  /** No faults and no changes any more: then all have to agree, and to have everything. @param {Stage} stage */
  async #quiesce(stage) {
    const calm = () => stage.all('isCalm').then((all) => all.every(([, is]) => is));
    if (!(await until(calm, CALM_MS, 100))) this.#surprise('changes are not delivered, or the bus is not heard');
    await sleep(3 * TIER.bound);
    for (let round = 1; round <= 2; round++) await stage.all('readAll');
    await stage.add('fresh');
    // A command that takes too long on a busy machine is no fault of anybody's, and does not come three times.
    let again = [];
    for (let round = 1; round <= 3; round++) {
      again = (await stage.all('readAll')).filter(([, loads]) => loads > 0);
      if (again.length === 0) break;
    }
    for (const [place, loads] of again) {
      const what = `${place} has loaded ${loads} rows that were all read before, without any change since`;
      this.violations.push({ rule: 8, text: what });
    }
  }

  /** @param {Stage} stage */
  async #count(stage) {
    const { figures } = this;
    for (const [, stats] of await stage.all('stats')) {
      figures.loads += stats.loads;
      figures.refused += stats.refused;
      figures.waited += stats.waited;
      figures.memory += stats.hits.memory;
      figures.requests += stats.requests;
    }
    await stage.all('flush');
  }

  /** @param {Stage} stage @param {Database} database */
  async #check(stage, { rows }) {
    const history = new History(readRecords(join(stage.servers.folder, 'history')), stage.restarts);
    const checker = new Checker(history, { bound: TIER.bound, limit: LIMIT_MS, rows, pauses: stage.pauses });
    for (const text of stage.surprises) this.#surprise(text);
    this.violations.push(...checker.run());
    Object.assign(this.figures, history.counts, checker.figures);
  }

  #surprise(text) {
    this.violations.push({ rule: 0, text });
  }
}

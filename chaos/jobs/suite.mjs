import { join } from 'node:path';
import { Child } from '../lib/link.mjs';
import { Servers } from '../lib/servers.mjs';
import { takeSnapshot } from '../lib/snapshot.mjs';
import { micros, until } from '../lib/time.mjs';
import { check, Notes } from './checker.mjs';
import { FAULTS } from './faults.mjs';
import { EVERY, LEASE, MEMBERS, NOISE, planOf } from './plan.mjs';

const MEMBER = new URL('./member.mjs', import.meta.url);

/** After so many loads it is clear who leads. */
const SOME = 20;

/** Several processes whose jobs keep keys warm. Whoever leads is hurt; another one has to take over, and never two may work. */
export class JobsSuite {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {{ rule: number, text: string }[]} */
  violations = [];
  /** @type {Record<string, number>} */
  figures = {};
  /** @type {Child[]} */
  #members = [];
  #notes = new Notes();
  #started = 0;
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
    const { dist, remove } = await takeSnapshot(this.say, { prisma: false });
    this.#cleanUp.push(remove);
    const servers = await Servers.make(this.say);
    this.#cleanUp.push(() => servers.end({ keep: 'STRATA_CHAOS_KEEP' in process.env }));
    await servers.start('redis');
    this.#cleanUp.push(() => Promise.all(this.#members.splice(0).map((child) => child.kill())));
    for (let i = 0; i < MEMBERS; i++) await this.#startMember(servers, dist);
    const { faults, least } = planOf(this.options, Object.keys(FAULTS));
    const begin = performance.now();
    for (let i = 0; i < faults.length || performance.now() - begin < least; i++)
      await this.#hurt(faults[i % faults.length], servers, dist);
    const loads = this.#notes.inOrder();
    this.violations.push(...check(this.#notes));
    this.figures = { 'loads by the leader': loads.length, ...this.figures };
    this.figures['processes that led'] = new Set(loads.map(({ by }) => by)).size;
  }

  /** Ends all processes; may be called more than once. */
  async end() {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }

  async #startMember(servers, dist) {
    const name = `m${++this.#started}`;
    const { seed, break: broken } = this.options;
    const settings = { dist, seed, redisUrl: servers.redisUrl, break: broken };
    const onEvent = (event) => this.#notes.heard(event, name);
    const child = new Child(name, MEMBER, settings, join(servers.folder, 'logs', `${name}.log`), onEvent);
    this.#members.push(child);
    child.exited.then(() => this.#members.includes(child) && this.#violation(0, `${name} has ended`));
    if (!(await child.ready)) throw new Error(`${name} does not start: see ${servers.folder}/logs`);
  }

  /** @param {string} name */
  async #hurt(name, servers, dist) {
    const { title, within, run } = FAULTS[name];
    const leader = await this.#leader();
    const at = this.#members.indexOf(leader);
    if (name === 'kill' || name === 'close') this.#members.splice(at, 1); // it may end
    const since = await run({ leader, servers, notes: this.#notes });
    this.faults.set(title, (this.faults.get(title) ?? 0) + 1);
    // A Redis that went on may go on with the leader it had.
    const other = name === 'redis-pause' ? undefined : leader.name;
    const longest = within + EVERY + NOISE;
    const found = await until(() => this.#notes.takenOver(other, since), longest + LEASE, 20);
    const took = found ? (found.begin - since) / 1_000 : Number.POSITIVE_INFINITY;
    const figure = `${name}: until the next load, ms`;
    this.figures[figure] = Math.max(took, this.figures[figure] ?? 0);
    this.say(`  ${title}: ${leader.name}, then ${found ? `${found.by} after ${Math.round(took)} ms` : 'nobody'}`);
    if (took > longest)
      this.#violation(
        2,
        `${name}: ${found ? `after ${Math.round(took)} ms` : 'nobody took over'}; may take ${longest} ms`,
      );
    while (this.#members.length < MEMBERS) await this.#startMember(servers, dist);
  }

  /** Who has begun the last of some loads. @returns {Promise<Child>} */
  async #leader() {
    const from = micros();
    const by = () => this.#notes.since(from)[SOME]?.by;
    const name = await until(by, 3 * LEASE + NOISE, 20);
    const child = this.#members.find((one) => one.name === name);
    if (!child) throw new Error(`nobody keeps the keys warm (${name ?? 'no loads'})`);
    return child;
  }

  #violation(rule, text) {
    this.violations.push({ rule, text });
  }
}

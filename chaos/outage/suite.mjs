import { join } from 'node:path';
import { Child } from '../lib/link.mjs';
import { Servers } from '../lib/servers.mjs';
import { takeSnapshot } from '../lib/snapshot.mjs';
import { micros, sleep, until } from '../lib/time.mjs';
import { judge } from './checker.mjs';
import { createTable, versionsOf } from './database.mjs';
import { FAULTS } from './faults.mjs';
import { seconds } from './measure.mjs';
import { AFTER_MS, CALM_MS, MEMBERS, NORMAL_MS, planOf, TIER } from './plan.mjs';
import { series } from './report.mjs';

const MEMBER = new URL('./member.mjs', import.meta.url);

/** Several processes of an app under a steady load, and a Redis that goes away for a while. */
export class OutageSuite {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {import('./checker.mjs').Violation[]} */
  violations = [];
  /** @type {Record<string, number>} */
  figures = {};
  /** @type {Child[]} */
  #members = [];
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
    await Promise.all([servers.start('redis'), servers.start('postgres')]);
    await createTable(servers);
    await this.#startMembers(servers, dist);
    const { faults, away } = planOf(this.options, Object.keys(FAULTS));
    for (const name of faults) await this.#outage(servers, name, away);
  }

  /** Ends all processes; may be called more than once. */
  async end() {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }

  /** @param {Servers} servers @param {string} dist */
  async #startMembers(servers, dist) {
    const { seed, break: broken } = this.options;
    const { redisUrl, databaseUrl, folder } = servers;
    const settings = { dist, seed, redisUrl, databaseUrl, break: broken };
    let closing = false;
    this.#cleanUp.push(async () => {
      closing = true;
      await Promise.all(this.#members.map((child) => child.kill()));
    });
    this.#members = Array.from({ length: MEMBERS }, (_, i) => {
      const name = `m${i + 1}`;
      const child = new Child(name, MEMBER, settings, join(folder, 'logs', `${name}.log`), () => {});
      child.exited.then(() => closing || this.#violation(0, `${name} has ended`));
      return child;
    });
    for (const child of this.#members)
      if (!(await child.ready)) throw new Error(`${child.name} does not start: see ${folder}/logs`);
  }

  /** @param {Servers} servers @param {string} name @param {number} ms */
  async #outage(servers, name, ms) {
    const { title, away, back } = FAULTS[name];
    const [first] = this.#members;
    await first.call('warm');
    await this.#all('start');
    await sleep(1_500);
    const times = { calm: micros(), away: 0, back: 0, end: 0, settled: undefined };
    await sleep(CALM_MS);
    times.away = micros();
    await away(servers);
    this.say(`  ${title}`);
    await sleep(ms - (micros() - times.away) / 1_000);
    await back(servers);
    times.back = micros();
    this.faults.set(title, (this.faults.get(title) ?? 0) + 1);
    await Promise.all([this.#settle(times), sleep(AFTER_MS)]);
    times.end = micros();
    await this.#all('stopChanges');
    await sleep(TIER.bound + 500);
    const open = await this.#all('stop');
    await this.#compare(servers, name);
    await this.#judge(name, times, open);
  }

  async #settle(times) {
    const calm = () => this.#all('isCalm').then((all) => all.every(Boolean));
    if (await until(calm, NORMAL_MS + 3_000, 50)) times.settled = micros();
  }

  /** Nobody changes rows any more: all processes have to show them as they are. */
  async #compare(servers, name) {
    const rows = await versionsOf(servers);
    for (const [i, versions] of (await this.#all('versions')).entries()) {
      const wrong = rows.flatMap((version, id) => (versions[id] === version ? [] : [id]));
      if (wrong.length === 0) continue;
      const [id] = wrong;
      const example = `item ${id} with version ${versions[id]} instead of ${rows[id]}`;
      this.#violation(
        6,
        `${name}: ${this.#members[i].name} shows ${wrong.length} rows as they were before a change: ${example}`,
      );
    }
  }

  async #judge(name, times, open) {
    const all = await this.#all('take');
    const seen = { reads: [], loads: [], waits: [], changes: [] };
    const count = (what) => all.reduce((sum, one) => sum + one[what].length, 0);
    for (const one of all) for (const what of Object.keys(seen)) for (const span of one[what]) seen[what].push(span);
    const { figures, violations } = judge(seen, times);
    this.say(`${series(seconds(seen, times.calm, times.end), Math.round((times.calm - times.away) / 1e6))}\n`);
    const changes = seen.changes.filter(([begin]) => begin >= times.away && begin < times.back).length;
    const own = { ...figures, 'changes without Redis': changes, 'requests that failed': count('failures') };
    for (const [what, value] of Object.entries(own)) this.figures[`${name}: ${what}`] = value;
    for (const { rule, text } of violations) this.#violation(rule, `${name}: ${text}`);
    const examples = all.flatMap(({ failures }) => failures);
    if (examples.length > 0) this.#violation(1, `${name}: ${examples.length} requests failed, e.g. ${examples[0]}`);
    const endless = open.reduce((a, b) => a + b);
    if (endless > 0) this.#violation(1, `${name}: ${endless} requests have no end`);
    for (const text of all.flatMap(({ stale }) => stale).slice(0, 5)) this.#violation(6, `${name}: ${text}`);
  }

  /** @returns {Promise<any[]>} */
  #all(method, ...args) {
    return Promise.all(this.#members.map((child) => child.call(method, ...args)));
  }

  #violation(rule, text) {
    this.violations.push({ rule, text });
  }
}

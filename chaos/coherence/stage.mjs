import { join } from 'node:path';
import { Child } from '../lib/link.mjs';
import { micros, sleep, until } from '../lib/time.mjs';

const MEMBER = new URL('./member.mjs', import.meta.url);
const MEMBERS = 4;
/** So many of them reach Redis through a proxy, so that it can be taken from them alone. */
const THROUGH_PROXIES = 2;

/** The processes. Who dies is replaced while the load lasts. */
export class Stage {
  /** @type {Map<string, Child>} by place: m1, m2 ... */
  members = new Map();
  /** @type {Map<string, import('./place.mjs').Line>} by place */
  proxies = new Map();
  /** What processes stood still, by their names. @type {{ name: string, from: number, to: number }[]} */
  pauses = [];
  /** From when on a restarted Redis may have lost what it had confirmed, and when it came back. @type {{ from: number, up: number }[]} */
  restarts = [];
  /** What ended without being told to, or did not come to its end. @type {string[]} */
  surprises = [];
  #generations = new Map();
  #replacing = new Set();
  #lanes;
  #closing = false;

  /**
   * @param {import('../lib/servers.mjs').Servers} servers
   * @param {any} settings what every process is told
   * @param {import('./database.mjs').Database} database
   * @param {import('./place.mjs').OneRedis | import('./place.mjs').ClusterOfRedis} place where their Redis is
   */
  constructor(servers, settings, database, place) {
    Object.assign(this, { servers, settings, database, place });
  }

  async open() {
    for (let i = 1; i <= THROUGH_PROXIES; i++) this.proxies.set(`m${i}`, await this.place.line());
    await Promise.all(Array.from({ length: MEMBERS }, (_, i) => this.add(`m${i + 1}`)));
  }

  /** @returns {string[]} of those that run */
  places() {
    return [...this.members].filter(([, child]) => !child.ended && !child.stopped).map(([place]) => place);
  }

  async add(place) {
    const generation = (this.#generations.get(place) ?? 0) + 1;
    this.#generations.set(place, generation);
    const name = `${place}.${generation}`;
    const { options } = this.proxies.get(place) ?? this.place;
    const { folder } = this.servers;
    const own = { ...this.settings, redis: options, history: join(folder, 'history') };
    const log = join(folder, 'logs', `${place}.log`);
    const child = new Child(name, MEMBER, own, log, (event, from) => this.#serve(event, from));
    this.members.set(place, child);
    if (!(await child.ready)) throw new Error(`${name} does not start: see ${log}`);
    child.exited.then(() => this.#replace(place, child));
    if (this.#lanes) child.call('start', this.#lanes).catch(() => {});
    return child;
  }

  /** @param {object[]} lanes */
  async startLoad(lanes) {
    this.#lanes = lanes;
    await this.all('start', lanes);
  }

  async stopLoad() {
    this.#lanes = undefined;
    await until(() => this.#replacing.size === 0, 30_000);
    for (const [place, stuck] of await this.all('stop')) {
      for (const { what, key, begin } of stuck) {
        const seconds = ((micros() - begin) / 1e6).toFixed(1);
        this.surprises.push(`${place}: ${what} of ${key} has had no end for ${seconds} s`);
      }
    }
  }

  /** @returns {Promise<[string, any][]>} the answers, by place */
  all(method, ...args) {
    return Promise.all([...this.members].map(async ([place, child]) => [place, await child.call(method, ...args)]));
  }

  async pause(place, ms) {
    const child = this.members.get(place);
    if (!child || child.ended) return false;
    const pause = { name: child.name, from: micros(), to: Number.POSITIVE_INFINITY };
    this.pauses.push(pause);
    child.signal('SIGSTOP');
    await sleep(ms);
    child.signal('SIGCONT');
    pause.to = micros();
    return true;
  }

  async close() {
    this.#closing = true;
    await Promise.all([...this.members.values()].map((child) => child.kill()));
    await Promise.all([...this.proxies.values()].map((proxy) => proxy.stop()));
  }

  async #serve(event, child) {
    await this.database.serve(event, child).catch((error) => this.surprises.push(error.stack));
  }

  async #replace(place, child) {
    if (this.#closing) return;
    const { exitCode } = child.process;
    if (exitCode !== null) this.surprises.push(`${child.name} ended with code ${exitCode}`);
    this.#replacing.add(place);
    await sleep(100);
    if (!this.#closing) await this.add(place).catch((error) => this.surprises.push(error.message));
    this.#replacing.delete(place);
  }
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from '../lib/link.mjs';
import { micros, sleep, until } from '../lib/time.mjs';
import { BufferView } from './view.mjs';

/** How long after an outage all have to be at work again. It is generous: bounds are for what never comes back. */
const RECOVERY_US = 8_000_000;

const SCRIPTS = {
  writer: new URL('./writer.mjs', import.meta.url),
  worker: new URL('./worker.mjs', import.meta.url),
};

/** The processes of one round. Who dies is replaced until the round is over. */
export class Stage {
  /** @type {Map<string, Child>} by role and place, such as worker-2 */
  children = new Map();
  /** Times in which nothing can be flushed. @type {{ from: number, to: number }[]} */
  outages = [];
  /** When which process ended, by its name. @type {Map<string, number>} */
  ends = new Map();
  /** What ended without being told to. @type {string[]} */
  surprises = [];
  #generations = new Map();
  #replacing = new Set();
  #waiting = new Map();
  #arms = 0;
  #lanes = new Map();
  #closing = false;

  /**
   * @param {import('../lib/servers.mjs').Servers} servers
   * @param {any} settings what every process is told
   * @param {(id: string, shards: number) => number} shardOf
   */
  constructor(servers, settings, shardOf) {
    this.servers = servers;
    this.settings = settings;
    this.folder = servers.folder;
    const { namespace, writeBehind } = settings;
    this.shards = { Item: writeBehind.shards, Child: writeBehind.shards };
    this.view = new BufferView(servers.redisUrl, { namespace, shards: this.shards, shardOf });
    /** @param {string} key entity/id */
    this.shardOf = (key) => {
      const [entity, ...id] = key.split('/');
      return shardOf(id.join('/'), this.shards[entity]);
    };
  }

  /** @param {number} writers @param {number} workers */
  async open(writers, workers) {
    const all = [this.#open('writer-control')];
    for (let i = 1; i <= writers; i++) all.push(this.#open(`writer-${i}`));
    for (let i = 1; i <= workers; i++) all.push(this.#open(`worker-${i}`));
    await Promise.all(all);
  }

  /** The writer that does what faults need, and is never killed. @returns {Child} */
  get control() {
    return this.children.get('writer-control');
  }

  /** @param {'writer' | 'worker'} role @returns {Child[]} those that run */
  all(role) {
    const own = ([place, child]) =>
      place.startsWith(`${role}-`) && place !== 'writer-control' && !child.ended && !child.stopped;
    return [...this.children].filter(own).map(([, child]) => child);
  }

  /** @param {(child: Child) => object[]} lanesOf */
  async startWriting(lanesOf) {
    for (const [place] of this.children) {
      if (/^writer-\d/.test(place)) this.#lanes.set(place, lanesOf(place));
    }
    await Promise.all([...this.#lanes].map(([place, lanes]) => this.children.get(place).call('start', lanes)));
  }

  async stopWriting() {
    this.#lanes.clear();
    await until(() => this.#replacing.size === 0, 60_000);
    await Promise.all(this.all('writer').map((child) => child.call('stop')));
  }

  /** Tells all that come, too. @param {'writer' | 'worker'} role */
  broadcast(role, method, ...args) {
    return Promise.all(this.all(role).map((child) => child.call(method, ...args).catch(() => {})));
  }

  /** Another process takes the place, with other settings if they are given. */
  async replace(place, settings) {
    await this.#open(place, settings);
  }

  /** Ends one for good. */
  async remove(place) {
    const child = this.children.get(place);
    this.children.delete(place);
    await child?.kill();
  }

  /**
   * Waits until one of the workers strikes; the arms of the others are taken back.
   * @param {Omit<import('./faulty-client.mjs').Arm, 'id'>} arm
   * @param {Child[]} [workers]
   * @returns {Promise<Child | undefined>} undefined: none did in time
   */
  async strike(arm, workers = this.all('worker'), ms = 8_000) {
    const id = ++this.#arms;
    const struck = new Promise((resolve) => this.#waiting.set(id, resolve));
    await Promise.all(workers.map((worker) => worker.call('arm', { ...arm, id }).catch(() => {})));
    const child = await Promise.race([struck, sleep(ms)]);
    this.#waiting.delete(id);
    for (const worker of workers) if (worker !== child) worker.call('disarm', id).catch(() => {});
    if (child && arm.act === 'stop') {
      child.stopped = true;
      await child.untilStopped();
    }
    return child;
  }

  /** @param {() => Promise<void>} work after which everything is there again */
  async outage(work) {
    const outage = { from: micros(), to: Number.POSITIVE_INFINITY };
    this.outages.push(outage);
    try {
      await work();
    } finally {
      outage.to = micros() + RECOVERY_US;
    }
  }

  /** @param {number} from @param {number} to */
  calm(from, to) {
    return this.outages.every((outage) => to < outage.from || from > outage.to);
  }

  /** What all processes have logged so far. */
  async logLines() {
    const folder = join(this.folder, 'logs');
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
    return texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0);
  }

  async close() {
    this.#closing = true;
    this.view.close();
    await Promise.all([...this.children.values()].map((child) => child.kill()));
  }

  async #open(place, settings = {}) {
    for (let attempt = 1; !this.#closing; attempt++) {
      const child = this.#spawn(place, settings);
      if (await child.ready) return this.#arrived(place, child, settings);
      // While Postgres is away a process ends again: whoever runs it starts it again.
      if (this.servers.isUp('postgres') && this.calm(micros(), micros())) {
        if (attempt >= 5) throw new Error(`${child.name} does not start: see ${this.folder}/logs/${place}.log`);
      }
      await sleep(500);
    }
  }

  #spawn(place, settings) {
    const generation = (this.#generations.get(place) ?? 0) + 1;
    this.#generations.set(place, generation);
    const name = `${this.settings.round}-${place}.${generation}`;
    const role = place.startsWith('writer') ? 'writer' : 'worker';
    const processors = role === 'worker';
    const writeBehind = { processors, ...this.settings.writeBehind, ...this.settings[role], ...settings };
    const own = { ...this.settings, writeBehind, history: join(this.folder, 'history') };
    const onEvent = (event, from) => this.#struck(event.arm, from);
    const child = new Child(name, SCRIPTS[role], own, join(this.folder, 'logs', `${place}.log`), onEvent);
    this.children.set(place, child);
    child.exited.then(() => this.ends.set(name, micros()));
    return child;
  }

  async #struck(arm, child) {
    const first = this.#waiting.get(arm);
    this.#waiting.delete(arm);
    if (first) return first(child);
    // Two were armed, and this one did so before its arm was taken back: nobody counts on it.
    await child.untilStopped();
    child.signal('SIGCONT');
  }

  async #arrived(place, child, settings) {
    child.exited.then(async () => {
      if (this.#closing || this.children.get(place) !== child) return;
      const { exitCode } = child.process;
      if (exitCode !== null) this.surprises.push(`${child.name} ended with code ${exitCode}`);
      this.#replacing.add(place);
      await sleep(200);
      await this.#open(place, settings).catch((error) => this.surprises.push(error.message));
      this.#replacing.delete(place);
    });
    const lanes = this.#lanes.get(place);
    if (lanes) await child.call('start', lanes).catch(() => {});
  }
}

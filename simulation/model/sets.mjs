import { SET_KEYS } from './settings.mjs';

/** @typedef {import('./process.mjs').Process} Process @typedef {{ at: number, number: number | undefined }} State */

/**
 * Values without a database: `cache.set`, where the order in which Redis sees them is the truth. So what stands in Redis is
 * watched, and a read may show nothing that was replaced there longer ago than the bound. To find nothing is allowed.
 */
export class Sets {
  #count = 0;
  /** What stood under each key, from when on. @type {Map<string, State[]>} */
  #history = new Map(SET_KEYS.map((key) => [key, [{ at: 0, number: undefined }]]));
  /** Who set what, and when. @type {Map<number, { process: Process, key: string, begun: number, resolved: number }>} */
  #calls = new Map();
  /** Evictions that have ended. @type {{ process: Process, key: string, begun: number, resolved: number }[]} */
  #drops = [];
  /** Until then Redis may have forgotten what somebody has seen. */
  #shadowUntil = 0;

  /** @param {import('./simulation.mjs').Simulation} simulation */
  constructor({ world, checker, server }) {
    Object.assign(this, { world, checker, server });
    server.executed = (_link, args) => {
      for (const key of SET_KEYS) if (args.includes(`sim:e:${key}`)) this.#look(key);
    };
  }

  /** @param {Process} process @param {string} key */
  async set(process, key) {
    const number = ++this.#count;
    const call = { process, key, begun: this.world.now, resolved: Number.POSITIVE_INFINITY };
    this.#calls.set(number, call);
    this.world.say(`${process.name} sets ${key} to ${number}`);
    await process.cache.set(key, { number });
    call.resolved = this.world.now;
    this.world.say(`${process.name} done: set ${key} to ${number}`);
  }

  /** @param {Process} process @param {string} key @param {boolean} pattern all keys of its first segment */
  async drop(process, key, pattern) {
    const begun = this.world.now;
    await process.cache.evict(pattern ? { pattern: `${key[0]}:?` } : key);
    const keys = pattern ? SET_KEYS.filter((other) => other[0] === key[0]) : [key];
    for (const one of keys) this.#drops.push({ process, key: one, begun, resolved: this.world.now });
  }

  /** @param {Process} process @param {string} key */
  async get(process, key) {
    const began = this.world.now;
    const own = [...this.#calls]
      .filter(([, call]) => call.process === process && call.key === key && call.resolved <= began)
      .at(-1);
    const number = (await process.cache.get(key))?.number;
    this.world.say(`${process.name} get ${key} (asked at ${began.toFixed(1)}) -> ${number ?? 'nothing'}`);
    if (number === undefined || began < this.#shadowUntil) return;
    const call = this.#calls.get(number);
    const history = this.#history.get(key);
    const told = (why) =>
      this.checker.fail(why, `${process.name} asked for ${key} at ${began.toFixed(1)} and got ${number}`);
    // What was set before an eviction was called: by the process itself, or by others and done.
    const dropped = this.#drops.find(
      (drop) =>
        drop.process === process &&
        drop.key === key &&
        drop.resolved <= began &&
        (call.process === process ? call.begun : call.resolved) < drop.begun,
    );
    if (dropped) told('evicted set value');
    const place = history.findLastIndex((state) => state.number === number);
    if (place < 0) {
      // While Redis is away, the process that set it has it in memory.
      if (call.process !== process) told('a value that Redis never had');
      return;
    }
    // Not by nothing: an eviction may be the late delivery of an older set, which the process that set this one need not hear.
    const replaced =
      history.find((state, i) => i > place && state.number !== undefined)?.at ?? Number.POSITIVE_INFINITY;
    if (replaced < began - this.checker.bound) told('set value beyond the bound');
    else if (own && history[place].at < own[1].begun && own[0] !== number) told('own set not read');
  }

  /** Redis has forgotten its last writes. @param {number} shadow */
  forgotten(shadow) {
    this.#shadowUntil = this.world.now + shadow;
    for (const key of SET_KEYS) this.#look(key);
  }

  #look(key) {
    const text = this.server.get(`sim:e:${key}`)?.value;
    const found = /"number":(\d+)\}$/.exec(text ?? '');
    const number = found ? Number(found[1]) : undefined;
    const history = this.#history.get(key);
    if (history.at(-1).number !== number) history.push({ at: this.world.now, number });
  }
}

import { execute } from './commands.mjs';
import { LuaMachine } from './lua.mjs';
import { TrackingTable } from './tracking.mjs';

/**
 * `foreign`: not a string, but something another program put there.
 * @typedef {{ readonly value: string, readonly until: number, readonly foreign?: boolean }} Stored
 */

/** Scripts keep nothing between two runs. */
const lua = new LuaMachine();

/** One Redis: data that ends by its own clock, scripts, channels, and the ways in which it forgets. */
export class Server {
  lua = lua;
  up = true;
  tracking = new TrackingTable();
  /** Which start it is: a connection belongs to one. */
  incarnation = 0;
  /** What its clock is ahead. */
  clockOffset = 0;
  /** Scripts it was sent since it started, by hash. @type {Map<string, string>} */
  scripts = new Map();
  /** Called after every command. @type {(link: import('./link.mjs').Link, args: string[]) => void} */
  executed = () => {};
  /** @type {Map<string, Stored>} */
  #data = new Map();
  /** What was there before each write, so that the last ones can be lost. @type {{ at: number, key: string, old: Stored | undefined }[]} */
  #journal = [];
  /** @type {Map<string, Set<import('./link.mjs').Link>>} */
  #channels = new Map();
  /** @type {Set<import('./link.mjs').Link>} */
  #links = new Set();
  #accepted = 0;

  /** @param {import('../lib/world.mjs').World} world @param {number} id */
  constructor(world, id) {
    this.world = world;
    this.id = id;
  }

  clock() {
    return this.world.now + this.clockOffset;
  }

  /** @param {string} key */
  get(key) {
    const entry = this.#data.get(key);
    if (entry !== undefined && entry.until <= this.clock()) {
      this.#data.delete(key);
      this.#changed(key);
      return undefined;
    }
    return entry;
  }

  /** @param {string} key @param {string} value @param {number} until */
  put(key, value, until) {
    this.replace(key, { value, until });
  }

  /** @param {string} key @param {Stored} entry */
  replace(key, entry) {
    this.#journal.push({ at: this.world.now, key, old: this.#data.get(key) });
    this.#data.set(key, entry);
    this.#changed(key);
  }

  /** @param {string} key */
  remove(key) {
    this.#journal.push({ at: this.world.now, key, old: this.#data.get(key) });
    this.#data.delete(key);
    this.#changed(key);
  }

  #changed(key) {
    this.tracking.changed(key, this.#find);
  }

  #find = (id) => [...this.#links].find((link) => link.id === id);

  *names() {
    for (const key of [...this.#data.keys()]) if (this.get(key) !== undefined) yield key;
  }

  /** @param {import('./link.mjs').Link} link @param {string[]} args */
  execute(link, args) {
    this.tracking.current = link;
    const reply = execute(this, args, link);
    this.tracking.current = undefined;
    this.executed(link, args);
    return reply;
  }

  /** Whether there is a connection with this number. @param {number} id */
  has(id) {
    return this.#find(id) !== undefined;
  }

  /** @param {import('./link.mjs').Link} link */
  accept(link) {
    this.#links.add(link);
    link.id = ++this.#accepted;
  }

  /** The server's end of a connection is gone. @param {import('./link.mjs').Link} link */
  drop(link) {
    this.#links.delete(link);
    this.tracking.drop(link);
    for (const links of this.#channels.values()) links.delete(link);
  }

  /** @param {import('./link.mjs').Link} link @param {string[]} channels */
  subscribe(link, channels) {
    for (const channel of channels) {
      if (!this.#channels.has(channel)) this.#channels.set(channel, new Set());
      this.#channels.get(channel).add(link);
    }
    return channels.length;
  }

  /** @param {import('./link.mjs').Link} link @param {string[]} channels */
  unsubscribe(link, channels) {
    for (const [channel, links] of this.#channels)
      if (channels.length === 0 || channels.includes(channel)) links.delete(link);
    return channels.length;
  }

  /** @param {string} channel @param {string} message */
  publish(channel, message) {
    const links = this.#channels.get(channel) ?? new Set();
    for (const link of links) link.publish(channel, message);
    return links.size;
  }

  /** A key goes: evicted for want of memory, or deleted by somebody. @param {string} key */
  lose(key) {
    this.#data.delete(key);
    this.#changed(key);
  }

  /** Everything goes, as after FLUSHALL. */
  flush() {
    this.tracking.flushed(this.#find);
    for (const key of [...this.#data.keys()]) this.remove(key);
  }

  /**
   * Ends, and is there again after `away`, without the writes of the last `loss` milliseconds.
   * @param {number} loss @param {number} away
   */
  restart(loss, away) {
    const since = this.world.now - loss;
    for (let last = this.#journal.at(-1); last !== undefined && last.at > since; last = this.#journal.at(-1)) {
      this.#journal.pop();
      if (last.old) this.#data.set(last.key, last.old);
      else this.#data.delete(last.key);
    }
    this.incarnation++;
    this.up = false;
    this.scripts.clear();
    this.tracking.clear();
    this.#channels.clear();
    for (const link of [...this.#links]) link.reset();
    this.world.after(away, () => {
      this.up = true;
    });
  }
}

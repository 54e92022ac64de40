import { BUS, openCache } from '../engine.mjs';
import { SimulatedClient } from '../redis/client.mjs';
import { ProcessTime } from './clock.mjs';
import * as settings from './settings.mjs';

/**
 * One process of an app: a cache, on a clock of its own. It may stand still (all that comes meanwhile waits), its clock may
 * jump, and it may end without a word.
 */
export class Process {
  alive = true;
  /** Its connections, the subscriber included. @type {SimulatedClient[]} */
  clients = [];
  /** Redis has forgotten writes, and this process has no new connection yet: what it was told is not known to it. */
  replaying = false;
  /** It was told to end. */
  leaving = false;
  /** When it last could not ask or hear Redis, or had something to tell it. */
  troubled = Number.NEGATIVE_INFINITY;
  #troubles = 0;
  /** Changes whose delivery the checker waits for. @type {import('./checker.mjs').Change[]} */
  undone = [];
  /** @type {{ timer: boolean, work: () => void }[]} */
  #waiting = [];
  #pausedUntil = 0;

  /**
   * @param {import('../lib/world.mjs').World} world
   * @param {import('../redis/server.mjs').Server} server
   * @param {string} name
   * @param {{ bound: number, owned: boolean, grace: boolean, commandTimeout: number }} shape
   */
  constructor(world, server, name, { bound, owned, grace, commandTimeout }) {
    Object.assign(this, { world, server, name });
    this.time = new ProcessTime(world, (work, timer) => this.run(work, timer));
    this.time.enter();
    world.touched = true;
    const client = new SimulatedClient(this, server, { role: 'app', disconnectTimeout: 100 });
    this.client = client;
    this.cache = openCache(
      {
        namespace: 'sim',
        clock: this.time.clock(),
        random: world.random,
        memory: { maxEntries: settings.MEMORY_ENTRIES, ttl: settings.MEMORY_TTL },
        ttl: settings.TTL,
        refreshAhead: settings.REFRESH_AHEAD,
        ...(grace && { grace: settings.GRACE, graceBackoff: settings.GRACE_BACKOFF }),
        hardTimeout: settings.HARD_TIMEOUT,
        policies: { strong: { consistency: 'strong' } },
      },
      {
        client,
        bus: BUS,
        bound,
        lossWindow: settings.LOSS_WINDOW,
        commandTimeout,
        breakerPause: settings.BREAKER_PAUSE,
      },
    );
    this.core = this.cache.core;
    // As if the tier had made its client itself: then it may end a connection that says nothing.
    if (this.core.remote.connection.owned === undefined) throw new Error('The owner of the connection has moved');
    this.core.remote.connection.owned = owned;
    this.changes = this.core.remote.log?.pending ?? this.core.remote.undelivered;
    if (typeof this.changes?.limit !== 'number') throw new Error('The list of undelivered changes has moved');
    this.changes.limit = settings.MAX_UNDELIVERED;
    client.on('ready', () => {
      this.replaying = false;
    });
    this.cache.on('error', ({ operation, error }) => {
      if (world.log) world.say(`${name} error in ${operation}: ${error?.cause?.message ?? error?.message}`);
      const outage =
        ['connection', 'bus'].includes(operation) ||
        error?.name === 'CacheUnavailableError' ||
        /^The bus is silent/.test(error?.message);
      const expected = outage || world.foreign;
      if (!expected) this.failure ??= error;
    });
  }

  /** Runs code of the process: now, or when it goes on. @param {() => void} work */
  run(work, timer = false) {
    if (!this.alive) return;
    if (this.#pausedUntil > this.world.now || this.#waiting.length > 0) {
      this.#waiting.push({ timer, work });
      return;
    }
    this.world.touched = true;
    this.time.enter();
    work();
  }

  /** A promise for code of the app. @param {number} delay @returns {Promise<void>} */
  sleep(delay) {
    return new Promise((resolve) => this.world.after(delay, () => this.run(resolve)));
  }

  /** Stands still. `suspend`: with its machine, so its monotonic clock does too. @param {number} time @param {boolean} suspend */
  pause(time, suspend) {
    const { world } = this;
    if (this.#pausedUntil > world.now) return;
    this.#pausedUntil = world.now + time;
    world.after(time, () => {
      if (suspend) this.time.suspended(time);
      // The event loop may come to its timers or to its sockets first; each of them keeps its order.
      if (world.random() < 0.5) this.#waiting.sort((a, b) => Number(b.timer) - Number(a.timer));
      this.#goOn();
    });
  }

  crash() {
    this.alive = false;
    this.#waiting = [];
    for (const client of this.clients) client.kill();
  }

  // Not by stats(), which looks at a clock.

  /** Changes that Redis did not confirm. */
  undelivered() {
    return this.changes.size;
  }

  /** Grows with every command that was not answered. */
  troubles() {
    const { failed, notSent } = this.core.remote.connection;
    return failed + notSent;
  }

  /** Called between two turns. */
  watch() {
    const troubles = this.troubles();
    const deaf = this.core.trust.until <= this.time.wall();
    if (deaf || troubles !== this.#troubles || this.undelivered() > 0) this.troubled = this.world.now;
    this.#troubles = troubles;
  }

  #goOn() {
    if (!this.alive || this.#pausedUntil > this.world.now) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.world.touched = true;
    this.time.enter();
    next.work();
    if (this.#waiting.length > 0) this.world.after(0, () => this.#goOn());
  }
}

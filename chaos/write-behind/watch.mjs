import { micros, sleep } from '../lib/time.mjs';

const EVERY_MS = 250;

/** Looks at the buffer all the time: what stands in there must fit together, grow, and go. */
export class Watch {
  /** @type {{ rule: number, text: string }[]} */
  violations = [];
  /** Longest time in which a version stayed dirty although all was well, in ms. */
  longestDirty = 0;
  mostDirty = 0;
  mostMemory = 0;
  looks = 0;
  #since = new Map();
  #last = new Map();
  #running = false;
  #loop = Promise.resolve();
  #told = new Set();

  /**
   * @param {import('./stage.mjs').Stage} stage
   * @param {number} bound ms in which everything has to be flushed
   */
  constructor(stage, bound) {
    this.stage = stage;
    this.bound = bound;
  }

  start() {
    this.#running = true;
    this.#loop = this.#run();
  }

  async stop() {
    this.#running = false;
    await this.#loop;
  }

  /** Redis has lost the end of its memory, as planned: what was seen of it counts no longer. */
  forget() {
    this.#last.clear();
    this.#since.clear();
  }

  async #run() {
    while (this.#running) {
      const before = micros();
      try {
        const shards = await this.stage.view.look();
        for (const shard of shards) this.#judge(shard, before);
        this.mostDirty = Math.max(this.mostDirty, ...shards.map(({ dirty }) => dirty.length));
        const memory = /used_memory:(\d+)/.exec(await this.stage.view.redis.info('memory'));
        this.mostMemory = Math.max(this.mostMemory, Number(memory?.[1] ?? 0));
        this.looks++;
      } catch {
        // Redis is away: what waits waits longer, and how long is not held against anybody.
      }
      await sleep(EVERY_MS);
    }
  }

  /** @param {import('./view.mjs').ShardView} view */
  #judge({ entity, shard, problems, meta, dirty, failing }, now) {
    const where = `${entity}, shard ${shard}`;
    for (const text of problems) this.#violation(3, `${where}: ${text}`);
    this.#grows(4, `${where}: last version`, meta.last);
    this.#grows(5, `${where}: epoch`, meta.epoch);
    const seen = new Set();
    for (const { key, version } of dirty) {
      const name = `${entity}/${key}`;
      seen.add(name);
      this.#grows(4, `${name}: version`, version);
      const before = this.#since.get(name);
      if (before?.version !== version || failing.has(key)) this.#since.set(name, { version, from: now });
      else this.#waits(name, before, now);
    }
    for (const name of this.#since.keys()) {
      if (!seen.has(name) && name.startsWith(`${entity}/`) && this.stage.shardOf(name) === shard)
        this.#since.delete(name);
    }
  }

  #waits(name, { version, from }, now) {
    if (!this.stage.calm(from, now)) return;
    const waited = (now - from) / 1_000;
    this.longestDirty = Math.max(this.longestDirty, waited);
    if (waited > this.bound) {
      this.#violation(
        8,
        `${name}: version ${version} is dirty for ${Math.round(waited)} ms, with Postgres and Redis up`,
        name,
      );
    }
  }

  #grows(rule, what, value) {
    if (value === undefined) return;
    const before = this.#last.get(what);
    if (before !== undefined && BigInt(value) < BigInt(before)) {
      this.#violation(rule, `${what} went back from ${before} to ${value}`);
    }
    this.#last.set(what, value);
  }

  /** @param {string} [kind] told once */
  #violation(rule, text, kind = text) {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    this.violations.push({ rule, text });
  }
}

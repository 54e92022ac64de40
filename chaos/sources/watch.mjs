// Looks now and then at the breakers of the primary, and at what reaches it.
import { sleep } from '../lib/time.mjs';

const EVERY = 100;

/**
 * @typedef {{ at: number, reached: number, primaries: Map<string, any>, recovered: number, fallbacks: number, refused: number,
 *   stale: number, chosen: Record<string, number> }} Look
 */

export class Watch {
  /** @type {Look[]} */
  looks = [];
  #stopped = false;

  /** @param {import('./stage.mjs').Stage} stage @param {import('./load.mjs').Load} load */
  constructor(stage, load) {
    this.stage = stage;
    this.load = load;
  }

  start() {
    this.running = this.#run();
  }

  async stop() {
    this.#stopped = true;
    await this.running;
  }

  /** @returns {Promise<Look>} */
  async look() {
    const { cache } = await this.load.json('/stats');
    const { sources } = cache;
    const primaries = sources.map(({ sources: [primary] }) => primary);
    const chosen = {};
    for (const { source, chosen: count } of sources.flatMap((chain) => chain.sources))
      chosen[source] = (chosen[source] ?? 0) + count;
    const sum = (name, list = sources) => list.reduce((total, one) => total + one[name], 0);
    return {
      at: performance.now(),
      reached: this.stage.reached(),
      primaries: new Map(sources.map(({ chain, sources: [primary] }) => [chain, primary])),
      recovered: sum('recovered'),
      fallbacks: sum('fallbacks'),
      refused: sum('refused', primaries),
      stale: cache.stale,
      chosen,
    };
  }

  async #run() {
    while (!this.#stopped) {
      this.looks.push(await this.look().catch((error) => ({ at: performance.now(), error })));
      await sleep(EVERY);
    }
  }
}

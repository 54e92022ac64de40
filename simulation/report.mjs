import { table } from '../chaos/lib/table.mjs';

/** What came of many seeds. */
export class Summary {
  seeds = 0;
  failed = 0;
  /** The first seed that failed. @type {number | undefined} */
  first = undefined;
  #begin = performance.now();
  /** @type {Record<string, number>} */
  #figures = {};
  /** Seeds by what failed first in them. @type {Map<string, number[]>} */
  #kinds = new Map();

  /** @param {number} seed @param {readonly { why: string }[]} violations @param {Record<string, number>} figures */
  add(seed, violations, figures) {
    this.seeds++;
    for (const [name, count] of Object.entries(figures)) this.#figures[name] = (this.#figures[name] ?? 0) + count;
    if (violations.length === 0) return;
    this.failed++;
    this.first = Math.min(this.first ?? seed, seed);
    const [{ why }] = violations;
    this.#kinds.set(why, [...(this.#kinds.get(why) ?? []), seed]);
  }

  kinds() {
    return [...this.#kinds].map(([why, seeds]) => `${why} (${seeds.length})`).join(', ');
  }

  report() {
    const seconds = (performance.now() - this.#begin) / 1_000;
    const failed = [...this.#kinds].map(
      ([why, seeds]) =>
        /** @type {[string, string]} */ ([`  ${why}`, `${seeds.length}, e.g. ${seeds.slice(0, 4).join(' ')}`]),
    );
    return table('simulation', [
      ['seeds', this.seeds],
      ['seeds per second', (this.seeds / seconds).toFixed(1)],
      ...Object.entries(this.#figures),
      ['seeds that failed', this.failed],
      ...failed,
    ]);
  }
}

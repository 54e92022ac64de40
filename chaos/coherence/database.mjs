// The database that all processes share: a version of each row, which only grows. It lives in the process of the suite,
// which nothing kills, and takes its time, so that loads, writes and invalidations overtake each other.
import { randomOf } from '../../scripts/demo/random.mjs';
import { sleep } from '../lib/time.mjs';
import { ALL_KEYS } from './keys.mjs';

export class Database {
  /** @type {Map<string, number>} */
  rows = new Map(ALL_KEYS.map((key) => [key, 1]));
  reads = 0;
  writes = 0;
  #random;

  /** @param {string} seed */
  constructor(seed) {
    this.#random = randomOf(`${seed}:database`);
  }

  /** A process asks. @param {{ db: number, op: 'read' | 'write', keys: string[] }} request @param {import('../lib/link.mjs').Child} child */
  async serve({ db, op, keys }, child) {
    const slow = /^[hls]:/.test(keys[0]) ? 0.2 : 0.06;
    await this.#delay(slow);
    const rows = keys.map((key) => (op === 'read' ? this.rows.get(key) : this.#change(key)));
    if (op === 'read') this.reads += keys.length;
    await this.#delay(slow);
    child.answer({ db, rows });
  }

  #change(key) {
    const version = this.rows.get(key) + 1;
    this.rows.set(key, version);
    this.writes++;
    return version;
  }

  /** @param {number} slow how often it takes long: more often for what many want, so that more comes between */
  #delay(slow) {
    const chance = this.#random();
    const more = this.#random();
    if (chance < 0.5) return undefined;
    return sleep(chance < 1 - slow ? 1 + 8 * more : 15 + 80 * more);
  }
}

// What the processes did, in files. One line an event, times in µs of one clock:
//   ["r", begin, end, key, version, flags]          a read that found a value
//   ["w", begin, end, what, kept, [key, version...], flags]   rows were changed, and what has them was invalidated
//   ["s", time, clean]                              from now on: whether all own changes are known to be in Redis
//   ["b", from, to]                                 the event loop was kept busy all the time
//   ["!", begin, end, what, key, message]           something rejected, or answered nonsense
// A write is written down when it has ended: of one that did not, nothing follows.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { micros } from '../lib/time.mjs';

/** Of reads: asked for strong; Redis could not be asked at some moment, or was not believed; after all faults. */
export const [STRONG, UNSOUND, FINAL] = [1, 2, 4];

/** How often what was recorded is written: what a kill loses of it only asks less of the others. */
const EVERY_MS = 20;

export class Recorder {
  #lines = [];
  #file;
  /** What has begun and not ended. @type {Map<number, { what: string, key: string, begin: number }>} */
  open = new Map();
  #next = 0;

  /** @param {string} folder @param {string} name */
  constructor(folder, name) {
    this.#file = openSync(join(folder, `${name}.jsonl`), 'a');
    setInterval(() => this.flush(), EVERY_MS).unref();
  }

  begin(what, key) {
    const op = this.#next++;
    this.open.set(op, { what, key, begin: micros() });
    return op;
  }

  /** @returns {number} when it began */
  end(op) {
    const { begin } = this.open.get(op);
    this.open.delete(op);
    return begin;
  }

  line(...event) {
    this.#lines.push(JSON.stringify(event));
  }

  flush() {
    if (this.#lines.length === 0) return;
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  close() {
    this.flush();
    closeSync(this.#file);
  }
}

/** @param {string} folder @returns {Generator<[string, any[]]>} name of the process, event */
export function* readRecords(folder) {
  for (const file of readdirSync(folder).sort()) {
    const name = file.replace(/\.jsonl$/, '');
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    lines.pop(); // nothing, or a line that a kill has cut off
    for (const line of lines) yield [name, JSON.parse(line)];
  }
}

// What writers did: written down before and after, in files that outlive the kill of a writer. One line an event:
//   ["i", op, entity/id, type, time, n, note]   begun; type: put, patch, delete, get; note: what may become of it
//   ["a", op, time, tag read, n of it]          a patch has read, and is about to write n + 1
//   ["r", op, time, outcome, detail]            ended; outcome: ok, no (not taken, surely), unknown
// Details of ok: the version of a put or delete, `[tag, n]` or null of a get. A tag is `writer:op`: the write that made a row.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { micros } from '../lib/time.mjs';

/** Letters that depend on the tag, so that parts of two rows in one are seen. */
export function payloadOf(tag) {
  let hash = 7;
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(hash, 31) + tag.charCodeAt(i)) >>> 0;
  return `${tag} "\\ \n\u00e4\u{1f600} ${hash.toString(36).repeat(1 + (hash % 40))}`;
}

export const tagOf = (row) => `${row.writer}:${row.op}`;

export class Recorder {
  #op = 0;
  #file;

  /** @param {string} folder @param {string} name */
  constructor(folder, name) {
    this.name = name;
    this.#file = openSync(join(folder, `${name}.jsonl`), 'a');
  }

  /**
   * @param {string} type
   * @param {string} key
   * @param {(op: number) => Promise<unknown>} work answers the detail
   * @param {{ n?: number, note?: string }} [more]
   * @returns {Promise<{ outcome: string, detail: unknown }>}
   */
  async during(type, key, work, { n, note } = {}) {
    const op = ++this.#op;
    this.#line('i', op, key, type, micros(), n, note);
    try {
      const detail = await work(op);
      this.#line('r', op, micros(), 'ok', detail);
      return { outcome: 'ok', detail };
    } catch (error) {
      const outcome = outcomeOf(error);
      const detail = `${error?.code ?? error?.name}: ${deepest(error)}`;
      this.#line('r', op, micros(), outcome, detail);
      return { outcome, detail };
    }
  }

  /** Several reads that begin and end together. */
  async together(keys, work) {
    const from = this.#op + 1;
    this.#op += keys.length;
    const all = (line) => {
      for (const [i, key] of keys.entries()) line(from + i, key, i);
    };
    all((op, key) => this.#line('i', op, key, 'get', micros()));
    try {
      const details = await work();
      const end = micros();
      all((op, _, i) => this.#line('r', op, end, 'ok', details[i]));
    } catch (error) {
      const end = micros();
      all((op) => this.#line('r', op, end, 'unknown', String(error?.code ?? error)));
    }
  }

  attempt(op, row) {
    this.#line('a', op, micros(), tagOf(row), row.n);
  }

  close() {
    closeSync(this.#file);
  }

  #line(...event) {
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }
}

const NOT_TAKEN = new Set(['WRITE_BEHIND_OVERFLOW', 'WRITE_BEHIND_CONFLICT', 'WRITE_BEHIND_ROW']);
const NOT_SENT = /there is no connection|did not answer in time lately|is shutting down|cache is closed/;

/** The error of a write does not tell whether it was taken, except where it was not even sent. */
function outcomeOf(error) {
  if (NOT_TAKEN.has(error?.code)) return 'no';
  return NOT_SENT.test(deepest(error)) ? 'no' : 'unknown';
}

function deepest(error) {
  let at = error;
  while (at?.cause) at = at.cause;
  return at?.message ?? String(at);
}

/** Of several processes, by the time of each event within its own file. @param {string} folder */
export function readRecords(folder) {
  /** @type {Map<string, any[][]>} */
  const records = new Map();
  for (const file of readdirSync(folder).sort()) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    lines.pop(); // nothing, or a line that a kill has cut off
    records.set(
      file.replace(/\.jsonl$/, ''),
      lines.map((line) => JSON.parse(line)),
    );
  }
  return records;
}

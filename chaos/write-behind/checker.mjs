// The ten invariants of the write-behind design, against what writers have recorded. 1 and 6: #last; 2 and 3: #buffer (2 also
// by what follows from it: 1); 4: versions, also seen by watch.mjs; 5: #fences; 7: linear.mjs; 8 and 10: #delays and
// watch.mjs; 9: all of them, as no clock of a process is part of any; 10 also: patches in linear.mjs.
import { compare, show } from './history.mjs';
import { KeyChecker } from './linear.mjs';
import { payloadOf } from './record.mjs';

/** @typedef {{ rule: number, key?: string, text: string, history?: string[] }} Violation */

const PER_RULE = 20;
const AFTER_ALL = Number.POSITIVE_INFINITY;

export class Checker {
  /** @type {Violation[]} */
  violations = [];
  #counts = new Map();

  /**
   * @param {import('./history.mjs').History} history
   * @param {import('./evidence.mjs').Evidence} evidence
   * @param {{ bound: number, quietSince: number, calm(from: number, to: number): boolean, shardOf(key: string): number }} world
   */
  constructor(history, evidence, world) {
    Object.assign(this, { history, evidence, world });
    this.longestDelay = 0;
  }

  run() {
    const checkers = new Map();
    for (const key of this.history.keys.keys()) {
      const checker = new KeyChecker(key, this.history, (rule, ...rest) => this.#violation(rule, ...rest));
      checker.run();
      checkers.set(key, checker);
      this.#last(key, checker);
    }
    for (const key of this.evidence.rows.keys()) {
      if (!this.history.keys.has(key)) this.#violation(6, key, 'Postgres has a row that nobody has written');
    }
    this.#reads();
    this.#letters();
    this.#log();
    this.#fences();
    this.#buffer();
    this.#delays();
    return this.violations;
  }

  /** The last acknowledged write is in Postgres, or a dead letter. @param {string} key @param {KeyChecker} checker */
  #last(key, checker) {
    const row = this.evidence.rows.get(key);
    const letter = this.evidence.letters.get(key);
    const base = { end: AFTER_ALL, begin: AFTER_ALL };
    if (letter) {
      const tag = letter.operation === 'put' ? letter.tag : null;
      checker.judge({ ...base, tag, by: 'the end, in its dead letter,' }, checker.owed, 1);
    }
    const torn = row !== undefined && row.payload !== payloadOf(row.tag);
    const told = this.history.writes.get(row?.tag)?.version;
    if (row?.version && told !== undefined && BigInt(row.version) !== told)
      this.#violation(4, key, `Postgres has version ${row.version} of a write that was told ${told}`);
    const least = letter ? checker.floor : checker.owed;
    checker.judge({ ...base, tag: row?.tag ?? null, n: row?.n, torn, by: 'the end, in Postgres,' }, least, 6);
  }

  /** What readers get when all is quiet is what Postgres has. */
  #reads() {
    for (const [key, { reads }] of this.history.keys) {
      const inPostgres = this.evidence.rows.get(key)?.tag ?? null;
      for (const { tag, begin } of reads) {
        if (begin < this.world.quietSince || tag === inPostgres) continue;
        this.#violation(7, key, `all is quiet, readers get ${tag} and Postgres has ${inPostgres}`);
      }
    }
  }

  /** Only what was written to be refused is a dead letter. */
  #letters() {
    for (const [key, { tag, error }] of this.evidence.letters) {
      const write = this.history.writes.get(tag);
      if (!write?.note) this.#violation(1, key, `${show(write)} became a dead letter: ${error}`);
    }
  }

  /** Row by row, what was committed only ever goes forward. */
  #log() {
    const before = new Map();
    for (const { key, tag, n } of this.evidence.rowLog) {
      if (!this.history.keys.has(key)) continue;
      const last = before.get(key);
      if (tag === null) {
        before.set(key, { ...last, deleted: true });
        continue;
      }
      const write = this.history.writes.get(tag);
      if (!write?.position || write.outcome === 'no' || write.n !== n || write.key !== key) {
        this.#violation(6, key, `Postgres got a row of ${tag}, n=${n}, that nobody has written: ${show(write)}`);
        continue;
      }
      if (last?.write) {
        const order = compare(write.position, last.write.position);
        const back = order < 0 || (order === 0 && last.deleted);
        if (back)
          this.#violation(
            5,
            key,
            `Postgres went back from ${show(last.write)}${last.deleted ? ' (deleted)' : ''} to ${show(write)}`,
          );
      }
      before.set(key, { write, deleted: false });
    }
  }

  /** Every commit has the fence of its shard; epochs do not go back, and each belongs to one process. */
  #fences() {
    const epochs = new Map();
    const owners = new Map();
    const fenced = new Set();
    for (const { scope, shard, epoch, worker, xid } of this.evidence.fenceLog) {
      const name = `${scope.split(':').at(-1)}, shard ${shard}`;
      fenced.add(`${xid} ${name}`);
      const before = epochs.get(name) ?? 0n;
      if (epoch < before) this.#violation(5, name, `epoch ${epoch} committed after epoch ${before}`);
      epochs.set(name, epoch);
      const owner = owners.get(`${name} ${epoch}`) ?? worker;
      if (owner !== worker) this.#violation(5, name, `${owner} and ${worker} both committed with epoch ${epoch}`);
      owners.set(`${name} ${epoch}`, worker);
    }
    for (const { key, xid } of this.evidence.rowLog) {
      const name = `${key.split('/')[0]}, shard ${this.world.shardOf(key)}`;
      if (!fenced.has(`${xid} ${name}`))
        this.#violation(5, key, `transaction ${xid} wrote it without the fence of ${name}`);
    }
  }

  /** All is quiet: nothing is left, not even in the counters. */
  #buffer() {
    for (const { entity, shard, problems, dirty, failing } of this.evidence.shards) {
      const name = `${entity}, shard ${shard}`;
      for (const text of problems) this.#violation(3, name, text);
      for (const { key } of dirty) this.#violation(8, `${entity}/${key}`, 'still dirty at the end');
      if (failing.size > 0) this.#violation(3, name, `attempts of ${[...failing].join(', ')} are left`);
    }
  }

  /**
   * From the answer to a write until a commit of its key, where Postgres and Redis were there all the time. Deletes of
   * rows that are not there leave no trace, and rows that are refused come later.
   */
  #delays() {
    const commits = new Map();
    for (const { key, at } of this.evidence.rowLog) {
      if (!commits.has(key)) commits.set(key, []);
      commits.get(key).push(at);
    }
    for (const [key, { writes }] of this.history.keys) {
      if (!key.startsWith('Item/') || writes.some(({ note }) => note)) continue;
      const times = commits.get(key) ?? [];
      const ended = writes
        .filter(({ type, outcome }) => type !== 'delete' && outcome === 'ok')
        .sort((a, b) => a.end - b.end);
      let next = 0;
      for (const write of ended) {
        // It may have been committed before its writer was told.
        while (next < times.length && times[next] < write.begin) next++;
        if (next === times.length) break; // deleted before it was written: a later commit has nothing to show
        this.#delay(key, write, times[next]);
      }
    }
  }

  #delay(key, write, commit) {
    if (!this.world.calm(write.end, commit)) return;
    const delay = (commit - write.end) / 1_000;
    if (delay <= Math.min(this.longestDelay, this.world.bound)) return; // it changes nothing
    // A write that was deleted before its flush leaves no trace: the commit is of a later one, whenever that was made.
    if (this.#deletedBetween(key, write.end, commit)) return;
    this.longestDelay = Math.max(this.longestDelay, delay);
    if (delay <= this.world.bound) return;
    this.#violation(10, key, `${show(write)} was in Postgres only after ${Math.round(delay)} ms`);
  }

  #deletedBetween(key, from, to) {
    return this.history
      .of(key)
      .writes.some(({ type, begin, end }) => type === 'delete' && begin < to && end > from - 1_000_000);
  }

  #violation(rule, key, text) {
    const count = (this.#counts.get(rule) ?? 0) + 1;
    this.#counts.set(rule, count);
    if (count <= PER_RULE) this.violations.push({ rule, key, text, history: this.#tail(key) });
  }

  /** The end of what happened to a key. */
  #tail(key) {
    const { writes } = this.history.keys.get(key) ?? { writes: [] };
    return [...writes]
      .sort((a, b) => a.begin - b.begin)
      .slice(-8)
      .map((write) => `${Math.round(write.begin / 1_000)}..${Math.round(write.end / 1_000)} ms  ${show(write)}`);
  }
}

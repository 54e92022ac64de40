// One key: every read must be of a moment at which its value was the newest one.
import { compare, show } from './history.mjs';

/** @typedef {import('./history.mjs').Write} Write @typedef {import('./history.mjs').Read} Read */
/** @typedef {(rule: number, key: string, text: string) => void} Report */

/**
 * What a read may not be older than, at some moment: the newest write in the order of versions, and of those whose place is not
 * known exactly the newest ones by themselves.
 * @typedef {{ newest: Write | undefined, loose: readonly Write[] }} Floor
 */

export class KeyChecker {
  /**
   * @param {string} key
   * @param {import('./history.mjs').History} history
   * @param {Report} report
   */
  constructor(key, history, report) {
    const { writes, reads } = history.of(key);
    Object.assign(this, { key, history, writes, reads });
    this.report = (rule, text) => report(rule, key, text);
    /**
     * For readers. What was written to be refused does not count: once it is a dead letter they get what Postgres has.
     * @type {Floor}
     */
    this.floor = { newest: undefined, loose: [] };
    /** For what is left at the end: all that was acknowledged. @type {Floor} */
    this.owed = this.floor;
    this.deletes = writes.filter(({ type, outcome }) => type === 'delete' && outcome !== 'no');
    this.used = new Set(reads.map(({ tag }) => tag));
  }

  run() {
    this.#versions();
    this.#patches();
    const events = [];
    for (const write of this.writes) if (write.outcome === 'ok') events.push([write.end, 1, write]);
    for (const read of this.reads) events.push([read.begin, 0, read], [read.end, 2, read]);
    // At the same microsecond nothing was before anything else: reads begin first, then writes end, then reads.
    events.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const floors = new Map();
    for (const [, kind, it] of events) {
      if (kind === 0) floors.set(it, this.floor);
      else if (kind === 1) this.#raise(it);
      else {
        this.judge(it, floors.get(it), 7);
        const write = it.tag === null ? undefined : this.history.writes.get(it.tag);
        if (write) this.#raise(write);
      }
    }
  }

  /**
   * @param {Pick<Read, 'tag' | 'n' | 'torn' | 'by' | 'end'>} read
   * @param {Floor} floor
   * @param {number} rule
   * @returns {boolean} whether it is right
   */
  judge(read, floor, rule) {
    const { tag } = read;
    if (tag === null) return this.#judgeNothing(read, floor, rule);
    const write = this.history.writes.get(tag);
    const wrong = (text) => {
      this.report(rule, `${read.by} saw ${write ? show(write) : tag}: ${text}`);
      return false;
    };
    if (!write || write.key !== this.key || write.type === 'delete') return wrong('nobody has written that here');
    if (write.outcome === 'no') return wrong('that write was refused');
    if (read.n !== undefined && read.n !== write.n) return wrong(`with n=${read.n}`);
    if (read.torn) return wrong('with the payload of another row');
    if (write.begin > read.end) return wrong('that was written later');
    if (!write.position) return wrong('it follows a row that nobody has written');
    const newer = [floor.newest, ...floor.loose].find(
      (one) => one?.position && compare(write.position, one.position) < 0,
    );
    if (newer) return wrong(`older than ${show(newer)}`);
    const since = this.#superseded(write, read.begin ?? read.end);
    if (since) return wrong(`it was there before ${show(since)} began`);
    return true;
  }

  /** @param {Write} write */
  #raise(write) {
    if (!write.position) return;
    this.owed = raised(this.owed, write);
    if (!write.note) this.floor = raised(this.floor, write);
  }

  /** No row: nothing was written yet, or a delete is not older than the floor. */
  #judgeNothing(read, { newest, loose }, rule) {
    const floors = [newest, ...loose].filter(Boolean);
    if (floors.length === 0) return true;
    const fits = (one) => {
      if (one.begin > read.end) return false;
      if (floors.some((other) => one !== other && compare(one.position, other.position) < 0)) return false;
      return one.outcome === 'ok' || !this.#superseded(one, read.begin ?? read.end);
    };
    if (this.deletes.some(fits)) return true;
    this.report(rule, `${read.by} saw no row, after ${show(floors.at(0))}`);
    return false;
  }

  /** A write without version had taken effect before another one began, which was answered before the time. */
  #superseded(write, time) {
    if (write.position.root.low === write.position.root.high) return undefined;
    return this.writes.find(
      (one) => one.outcome === 'ok' && one.type !== 'patch' && one.begin > write.by && one.end < time,
    );
  }

  /** Of writes that do not overlap the later one has the higher version. */
  #versions() {
    const exact = this.writes.filter(({ version }) => version !== undefined);
    exact.sort((a, b) => (a.version < b.version ? -1 : a.version > b.version ? 1 : 0));
    let latest;
    for (const [i, write] of exact.entries()) {
      if (i > 0 && exact[i - 1].version === write.version) {
        this.report(4, `${show(write)} and ${show(exact[i - 1])} have the same version`);
      }
      if (latest && write.end < latest.begin) this.report(4, `${show(write)} ended before ${show(latest)} began`);
      if (!latest || write.begin > latest.begin) latest = write;
    }
  }

  /** Each state was changed by one patch at most: increments are neither lost nor doubled. */
  #patches() {
    const followers = new Map();
    for (const write of this.writes) {
      if (write.type !== 'patch' || write.outcome === 'no') continue;
      if (write.outcome !== 'ok' && !this.used.has(write.tag)) continue;
      const other = followers.get(write.prev);
      if (other)
        this.report(10, `${show(write)} and ${show(other)} have changed the same state: one increment is lost`);
      followers.set(write.prev, write);
    }
  }
}

/** @param {Floor} floor @param {Write} write @returns {Floor} */
function raised(floor, write) {
  const { newest, loose } = floor;
  const { position } = write;
  if (position.root.low === position.root.high) {
    return !newest || compare(position, newest.position) > 0 ? { newest: write, loose } : floor;
  }
  if (loose.some((one) => one.position.root === position.root && one.position.depth >= position.depth)) return floor;
  const others = loose.filter((one) => one.position.root !== position.root);
  return { newest, loose: [...others, write] };
}

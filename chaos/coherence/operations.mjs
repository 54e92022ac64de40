import { micros } from '../lib/time.mjs';
import { ALL_KEYS, lateTagsOf, optionsOf } from './keys.mjs';
import { FINAL, STRONG, UNSOUND } from './record.mjs';

/** How many loads of rows with grace fail. */
const FAILING = 0.1;

/** Of a stale value: `graceBackoff` and some more. */
const STANDS_IN_US = 300_000;

class NoDatabase extends Error {}

/** What a process does with its cache, each of it recorded. */
export class Operations {
  loadsFail = true;
  /** Counts moments in which Redis could not be asked, and knows the last one. */
  #troubles = 0;
  #lastTrouble = 0;

  /**
   * @param {any} cache
   * @param {import('./record.mjs').Recorder} recorder
   * @param {{ read(keys: string[]): Promise<number[]>, write(keys: string[]): Promise<number[]> }} database
   */
  constructor(cache, recorder, database) {
    Object.assign(this, { cache, recorder, database });
    for (const event of ['error', 'connection']) cache.on(event, () => this.#trouble());
  }

  #trouble() {
    this.#troubles++;
    this.#lastTrouble = micros();
  }

  /** Whether a stale value may be one that this process knew before it lost Redis. */
  #standsIn(key) {
    return key.startsWith('x:') && (micros() - this.#lastTrouble < STANDS_IN_US || !this.isClean()) ? UNSOUND : 0;
  }

  /** Whether all changes of this process are known to be in Redis. */
  isClean() {
    const { ready, undelivered } = this.cache.stats().redis;
    return ready && undelivered === 0;
  }

  get(key) {
    return this.#read(
      'get',
      key,
      () => this.#standsIn(key),
      () => this.cache.get(key),
    );
  }

  load(key, flags = 0) {
    return this.#read(
      'load',
      key,
      () => flags | this.#standsIn(key),
      () => this.cache.getOrLoad(key, this.#loader(key), optionsOf(key)),
    );
  }

  async strong(key) {
    const troubles = this.#troubles;
    const clean = this.isClean();
    const sound = () => (clean && this.isClean() && troubles === this.#troubles ? STRONG : STRONG | UNSOUND);
    const options = optionsOf(key, { strong: true });
    await this.#read('strong', key, sound, () => this.cache.getOrLoad(key, this.#loader(key), options));
  }

  /** Hits follow each other without the event loop in between. */
  async burst(keys) {
    for (const key of keys) await this.get(key);
  }

  getMany(keys) {
    return this.#readMany('getMany', keys, () => this.cache.getMany(keys));
  }

  loadMany(keys, flags = 0) {
    const load = async (missing) => {
      const versions = await this.database.read(missing);
      return new Map(missing.map((key, i) => [key, rowOf(key, versions[i])]));
    };
    return this.#readMany('loadMany', keys, () => this.cache.getOrLoadMany(keys, load, optionsOf(keys[0])), flags);
  }

  /** Changes a row and puts it. Some changes fail after they took effect: then the cache evicts. */
  async put(key, random) {
    let version;
    const change = async () => {
      [version] = await this.database.write([key]);
      if (random() < 0.05) throw new NoDatabase();
      return rowOf(key, version);
    };
    const options = optionsOf(key, { write: true });
    const written = () => [key, version];
    await this.#change('put', key, false, written, () => this.cache.write(key, change, options));
  }

  evict(key) {
    return this.#invalidate('evict', [key], () => this.cache.evict(key));
  }

  several(keys) {
    return this.#invalidate('several', keys, () => this.cache.evict(keys));
  }

  expire(key) {
    return this.#invalidate('expire', [key], () => this.cache.expire(key), true);
  }

  /** A change while the same process loads the row, and reads after it. */
  async race(key, random) {
    await this.evict(key);
    const before = this.load(key);
    await (random() < 0.5 ? this.evict(key) : this.put(key, random));
    for (let i = 0; i < 3; i++) await this.load(key);
    await before;
  }

  /** @param {string} what @param {string[]} keys that are changed @param {object | 'all'} target */
  together(what, keys, target) {
    return this.#invalidate(what, keys, () => (target === 'all' ? this.cache.clear() : this.cache.evict(target)));
  }

  /** All rows, as the cache gives them when nothing happens any more. */
  async readAll() {
    const plain = ALL_KEYS.filter((key) => !lateTagsOf(key));
    for (let i = 0; i < plain.length; i += 50) {
      await Promise.all(plain.slice(i, i + 50).map((key) => this.load(key, FINAL)));
    }
    // Late tags wait for an echo each; all together for one.
    await Promise.all(ALL_KEYS.filter(lateTagsOf).map((key) => this.load(key, FINAL)));
  }

  #loader(key) {
    return async (context) => {
      const [version] = await this.database.read([key]);
      if (this.loadsFail && key.startsWith('x:') && Math.random() < FAILING) throw new NoDatabase();
      const late = lateTagsOf(key);
      if (late) context.setTags(late);
      return rowOf(key, version);
    };
  }

  /** @param {() => number} flags asked for when the read has ended */
  async #read(what, key, flags, read) {
    const op = this.recorder.begin(what, key);
    try {
      const row = await read();
      const end = micros();
      const begin = this.recorder.end(op);
      this.#seen(what, begin, end, key, row, flags());
    } catch (error) {
      this.#failed(what, key, op, error);
    }
  }

  async #readMany(what, keys, read, flags = 0) {
    const op = this.recorder.begin(what, keys.join());
    try {
      const rows = await read();
      const end = micros();
      const begin = this.recorder.end(op);
      for (const key of keys) this.#seen(what, begin, end, key, rows.get(key), flags | this.#standsIn(key));
    } catch (error) {
      this.#failed(what, keys.join(), op, error);
    }
  }

  #seen(what, begin, end, key, row, flags) {
    if (row === undefined && what.startsWith('get')) this.recorder.line('r', begin, end, key, null, flags);
    else if (row?.key === key && row.text === textOf(key, row.version))
      this.recorder.line('r', begin, end, key, row.version, flags);
    else this.recorder.line('!', begin, end, what, key, `answered ${JSON.stringify(row)}`);
  }

  async #invalidate(what, keys, invalidate, kept = false) {
    let versions;
    const written = () => keys.flatMap((key, i) => [key, versions[i]]);
    await this.#change(what, keys[0], kept, written, async () => {
      versions = await this.database.write(keys);
      await invalidate();
    });
  }

  async #change(what, key, kept, written, change) {
    const op = this.recorder.begin(what, key);
    try {
      await change();
    } catch (error) {
      if (!(error instanceof NoDatabase)) return this.#failed(what, key, op, error);
    }
    const end = micros();
    const { undelivered } = this.cache.stats().redis;
    this.recorder.line('w', this.recorder.end(op), end, what, kept, written(), undelivered > 0 ? UNSOUND : 0);
  }

  #failed(what, key, op, error) {
    const begin = this.recorder.end(op);
    if (error instanceof NoDatabase) return;
    const text = `${error?.code ?? error?.name}: ${error?.message ?? error}`;
    this.recorder.line('!', begin, micros(), what, key, text);
  }
}

/** So that a row is never taken for another one. */
const textOf = (key, version) => `${version} of ${key} "\\ ü`;
const rowOf = (key, version) => ({ key, version, text: textOf(key, version) });

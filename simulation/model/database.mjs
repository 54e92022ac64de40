import { END, FAILING, KEYS, lateTagsOf } from './settings.mjs';

/** What a load that fails ends with. */
export class DatabaseDown extends Error {
  name = 'DatabaseDown';
}

/** The source of truth: a row per key, whose version grows with each write. Reading and writing take virtual time. */
export class Database {
  loads = 0;
  /** Those since the last look at them. */
  recent = 0;
  /** Loads may fail. */
  failing = false;
  #versions = new Map(KEYS.map((key) => [key, 1]));

  /** @param {import('../lib/world.mjs').World} world */
  constructor(world) {
    this.world = world;
  }

  /** @param {import('./process.mjs').Process} process @param {string} key */
  async read(process, key) {
    const { random } = this.world;
    this.loads++;
    this.recent++;
    const most = this.world.now > END ? 10 : random() < 0.1 ? 320 : 50;
    const time = 1 + random() * most;
    const before = random() * time;
    await process.sleep(before);
    const version = this.#versions.get(key);
    if (this.world.log) this.world.say(`${process.name} load of ${key} reads row v${version}`);
    await process.sleep(time - before);
    if (this.failing && this.world.now < END && random() < FAILING) throw new DatabaseDown();
    return { version, tags: lateTagsOf(key) };
  }

  /**
   * Commits new rows of all keys at once.
   * @param {import('./process.mjs').Process} process @param {readonly string[]} keys
   * @param {(versions: { key: string, version: number }[]) => void} committed called at the moment of it
   */
  async write(process, keys, committed) {
    const { random } = this.world;
    await process.sleep(random() * 10);
    const rows = keys.map((key) => ({ key, version: this.#versions.get(key) + 1 }));
    for (const { key, version } of rows) this.#versions.set(key, version);
    if (this.world.log)
      this.world.say(`${process.name} commits ${rows.map(({ key, version }) => `${key}=v${version}`).join(', ')}`);
    committed(rows);
    await process.sleep(random() * 10);
    return rows;
  }
}

import { BUS } from '../engine.mjs';
import { KEYS, LONG_TTL, lateTagsOf, tagOf } from './settings.mjs';

/** @typedef {import('./process.mjs').Process} Process @typedef {import('./simulation.mjs').Simulation} Simulation */

/** The errors that loads of this model end with. */
function withoutValue(error) {
  if (error?.name !== 'LoadTimeoutError' && error?.name !== 'DatabaseDown') throw error;
  return undefined;
}

/** What the app does with the cache, with a check of what comes of it. */
export class Operations {
  /** @param {Simulation} simulation */
  constructor({ world, checker, database, server }) {
    Object.assign(this, { world, checker, database, server });
  }

  /** @param {Process} process @param {string} key @param {boolean} strong */
  async read(process, key, strong) {
    const { world, checker, database } = this;
    const began = world.now;
    const expected = checker.expect(process, key, strong);
    const troubles = process.troubles();
    const believed = process.undelivered() === 0;
    const options = {
      tags: [tagOf(key)],
      ...(strong && { policy: 'strong' }),
      ...(checker.final && { ttl: LONG_TTL }),
    };
    let loaded = '';
    const load = async (context) => {
      loaded = ', load failed';
      const row = await database.read(process, key);
      loaded = ', loaded';
      context.setTags(row.tags);
      return row;
    };
    const row = await process.cache.getOrLoad(key, load, options).catch(withoutValue);
    const version = row?.version;
    if (world.log)
      world.say(
        `${process.name} ${strong ? 'STRONG' : 'read'} ${key} (asked at ${began.toFixed(1)}${loaded}) -> v${version ?? '- timeout'}`,
      );
    const compared = believed && process.troubles() === troubles && process.undelivered() === 0;
    expected(version, compared && loaded !== ', load failed');
  }

  /** Reads a key and its sister together. @param {Process} process @param {string} key @param {boolean} strong */
  async readMany(process, key, strong) {
    const { world, checker, database } = this;
    const keys = KEYS.filter((other) => tagOf(other) === tagOf(key));
    const expected = new Map(keys.map((one) => [one, checker.expect(process, one, strong)]));
    // The loader of several keys has no way to tell tags.
    const options = { tags: [tagOf(key), ...lateTagsOf(key)], ...(strong && { policy: 'strong' }) };
    const load = async (missing) => {
      const rows = await Promise.all(missing.map((one) => database.read(process, one)));
      return new Map(missing.map((one, i) => [one, rows[i]]));
    };
    const rows = await process.cache.getOrLoadMany(keys, load, options).catch(withoutValue);
    if (world.log) {
      const versions = keys.map((one) => `v${rows?.get(one)?.version}`);
      world.say(`${process.name} ${strong ? 'STRONG' : 'read'} ${keys.join(', ')} -> ${versions.join(', ')}`);
    }
    for (const [one, check] of expected) check(rows?.get(one)?.version, false);
  }

  /** A read that does not load. @param {Process} process @param {string} key */
  async get(process, key) {
    const expected = this.checker.expect(process, key, false);
    const row = await process.cache.get(key);
    if (this.world.log)
      this.world.say(`${process.name} get ${key} -> ${row === undefined ? 'nothing' : `v${row.version}`}`);
    expected(row?.version, false);
  }

  /**
   * Writes rows, and tells the caches in one of their ways.
   * @param {Process} process @param {readonly string[]} keys @param {string} mode
   */
  async write(process, keys, mode) {
    const { world, checker, database } = this;
    if (BUS === 'tracking' && (mode === 'evict' || mode === 'tag') && world.random() < 0.5) {
      await this.#writeOutside(process, keys, mode);
      return;
    }
    const change = checker.begin(process, mode);
    if (world.log) world.say(`${process.name} WRITE and ${mode} ${keys.join(', ')}`);
    const commit = () => database.write(process, keys, (rows) => change.rows.push(...rows));
    if (mode === 'put' || mode === 'put-fails') await this.#put(process, keys[0], commit, mode === 'put-fails');
    else {
      await commit();
      await this.#tell(process.cache, keys, mode);
    }
    checker.returned(change);
    if (world.log) world.say(`${process.name} done: ${mode} ${keys.join(', ')}`);
  }

  /** Another program changes rows, and removes entries or a marker from Redis, as redis-cli would. */
  async #writeOutside(process, keys, mode) {
    const { world, checker, database, server } = this;
    const change = checker.begin({ undone: [] }, mode);
    world.say(`another program WRITES and removes (${mode}) ${keys.join(', ')}`);
    await database.write(process, keys, (rows) => change.rows.push(...rows));
    while (!server.up) await process.sleep(5);
    const names = mode === 'tag' ? [`sim:m:t:${tagOf(keys[0])}`] : keys.map((key) => `sim:e:${key}`);
    for (const name of names) server.lose(name);
    change.resolved = change.done = world.now;
    world.say(`another program has removed (${mode}) ${keys.join(', ')}`);
  }

  async #put(process, key, commit, fails) {
    const write = async () => {
      const [{ version }] = await commit();
      // It was committed all the same.
      if (fails) throw new Error('connection to the database lost');
      return { version, tags: [] };
    };
    // Nobody can ask a put for late tags, so it names all.
    const options = { tags: [tagOf(key), 'd:1'] };
    await process.cache.write(key, write, options).catch((error) => {
      if (!fails) throw error;
    });
  }

  /** @param {any} cache @param {readonly string[]} keys @param {string} mode */
  #tell(cache, keys, mode) {
    const [key] = keys;
    switch (mode) {
      case 'evict':
        return cache.evict(keys.length === 1 ? key : [...keys]);
      case 'expire':
        return cache.expire(key);
      case 'tag':
        return cache.evict({ tags: [tagOf(key)] });
      case 'late':
        return cache.evict({ tags: ['d:1'] });
      case 'prefix':
        return cache.evict({ prefix: key.slice(0, 2) });
      case 'pattern':
        return cache.evict({ pattern: `${key[0]}:?` });
      case 'clear':
        return cache.clear();
      default:
        throw new Error(`There is no way "${mode}" to tell caches`);
    }
  }
}

import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheKey, CacheService } from '../../src/index.js';
import { commandsDuring, slowLoader, useWorld } from './world.js';

const keys = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `item:${from + i}`);

describe('bulk operations', () => {
  const world = useWorld();
  let a: CacheService;
  let b: CacheService;

  beforeEach(async () => {
    a = (await world.app()).cache;
    b = (await world.app()).cache;
  });

  const rows = (missing: readonly CacheKey[]) => new Map(missing.map((key) => [key, `row of ${String(key)}`]));
  const names = async (run: () => unknown) => (await commandsDuring(world, run)).map(({ name }) => name);

  it('store and read many values by one command for each step', async () => {
    const entries = keys(100).map((key): [string, string] => [key, `value of ${key}`]);
    expect(await names(() => a.setMany(entries))).toEqual(['MARK', 'PUT']);
    let found = new Map<CacheKey, unknown>();
    expect(await names(async () => (found = await b.getMany(keys(100))))).toEqual(['MGET']);
    expect([...found]).toEqual(entries);
    expect(await names(() => b.getMany(keys(100)))).toEqual([]);
    expect(b.stats().hits).toEqual({ memory: 100, redis: 100 });
  });

  it('load many values by one call, and one command for each step', async () => {
    const load = jest.fn(async (missing: CacheKey[]) => rows(missing));
    const seen = await names(async () => {
      await a.getOrLoadMany(keys(60), load);
      await a.idle();
    });
    expect(seen.sort()).toEqual(['FILL', 'HOLD', 'MARK', 'MGET']);
    expect(load).toHaveBeenCalledTimes(1);
    expect(await names(() => b.getOrLoadMany(keys(60), load))).toEqual(['MGET']);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('split what is too much for one command', async () => {
    const seen = await names(() => a.getMany(keys(500)));
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(new Set(seen)).toEqual(new Set(['MGET']));
  });

  it('load what is missing only, in one call, and answer in the order asked for', async () => {
    await a.setMany([
      ['item:1', 'in redis'],
      ['item:3', 'in redis too'],
    ]); // prettier-ignore
    await b.set('item:2', 'in memory');
    const load = jest.fn(async (missing: CacheKey[]) => rows(missing));
    const found = await b.getOrLoadMany(['item:4', 'item:3', 'item:2', 'item:1', 'item:0', 'item:4'], load);
    expect([...found]).toEqual([
      ['item:4', 'row of item:4'],
      ['item:3', 'in redis too'],
      ['item:2', 'in memory'],
      ['item:1', 'in redis'],
      ['item:0', 'row of item:0'],
    ]);
    expect(load.mock.calls).toEqual([[['item:4', 'item:0']]]);
  });

  it('take keys of parts, and give them back as they were passed', async () => {
    const [one, two]: CacheKey[] = [
      ['item', 1],
      ['item', '1'],
    ]; // prettier-ignore
    await a.setMany([
      [one as CacheKey, 'number'],
      [two as CacheKey, 'text'],
    ]); // prettier-ignore
    const found = await b.getMany<string>([one as CacheKey, two as CacheKey, 'absent']);
    expect([...found]).toEqual([
      [one, 'number'],
      [two, 'text'],
    ]); // prettier-ignore
    const loaded = await b.getOrLoadMany([['x', 1]], () => ({ 'x:~1': 'by its text form' }));
    expect([...loaded.values()]).toEqual(['by its text form']);
  });

  it('neither store nor give back what the load did not find', async () => {
    const found = await a.getOrLoadMany(['item:1', 'item:2'], () => new Map([['item:1', null as string | null]]));
    expect([...found]).toEqual([['item:1', null]]);
    await a.idle();
    expect([...(await b.getMany(['item:1', 'item:2']))]).toEqual([['item:1', null]]);
  });

  it('share the loads of single keys that are under way, and are shared by them', async () => {
    const single = slowLoader<string>();
    const one = a.getOrLoad('item:1', single.load);
    await single.started;
    const many = slowLoader<Map<CacheKey, string>>();
    const asked: CacheKey[][] = [];
    const bulk = a.getOrLoadMany(['item:1', 'item:2'], (missing) => {
      asked.push(missing);
      return many.load();
    });
    await many.started; // although item:1 is still being loaded
    const follower = a.getOrLoad('item:2', () => 'not needed');
    many.finish(new Map([['item:2', 'of the bulk']]));
    expect(await follower).toBe('of the bulk');
    single.finish('of the single');
    expect([...(await bulk)]).toEqual([
      ['item:1', 'of the single'],
      ['item:2', 'of the bulk'],
    ]); // prettier-ignore
    expect(await one).toBe('of the single');
    expect(asked).toEqual([['item:2']]);
  });

  it('fail together when the load fails, and store nothing', async () => {
    const failing = a.getOrLoadMany(keys(3), () => Promise.reject(new Error('down')));
    await expect(failing).rejects.toThrow('down');
    expect(await a.getMany(keys(3))).toEqual(new Map());
    expect(a.stats().flights).toBe(0);
  });

  it('store with tags, by which all of them go', async () => {
    await a.setMany(
      keys(50).map((key) => [key, 1] as const),
      { tags: ['list'], ttl: '1h' },
    ); // prettier-ignore
    await b.evict({ tags: ['list'] });
    expect(await b.getMany(keys(50))).toEqual(new Map());
  });

  it('keep an eviction of one key during the load from being undone, for that key alone', async () => {
    const slow = slowLoader<Map<CacheKey, string>>();
    const bulk = a.getOrLoadMany(keys(3), slow.load);
    await slow.started;
    await b.evict('item:1');
    slow.finish(rows(keys(3)) as Map<CacheKey, string>);
    expect((await bulk).size).toBe(3);
    await a.idle();
    const reader = await world.app();
    expect([...(await reader.cache.getMany(keys(3))).keys()]).toEqual(['item:0', 'item:2']);
    expect(a.peek('item:1')).toBeUndefined();
  });

  it('do nothing when nothing is asked for', async () => {
    const load = jest.fn(() => new Map<CacheKey, number>());
    expect(
      await names(async () => {
        expect(await a.getMany([])).toEqual(new Map());
        expect(await a.getOrLoadMany([], load)).toEqual(new Map());
        await a.setMany([]);
      }),
    ).toEqual([]); // prettier-ignore
    expect(load).not.toHaveBeenCalled();
  });
});

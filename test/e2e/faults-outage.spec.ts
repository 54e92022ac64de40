import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisProxy } from '../support/redis-proxy.js';
import { type Film, useFilmsTable } from './films-table.js';
import { type TestApp, until, useWorld } from './world.js';

const COMMAND_TIMEOUT = 400;

/** Jest fails a spec in which a promise is rejected and nobody handles it: every test here says that as well. */
describe('Redis goes away under load', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let proxy: RedisProxy;
  let app: TestApp;

  beforeEach(async () => {
    proxy = await world.proxy();
    app = await world.app({ url: proxy.url, tier: { commandTimeout: COMMAND_TIMEOUT } });
  });

  /** Calls that each want another film; slowest and values tell how it went. */
  async function ask(from: number, count: number, load: (id: number) => Promise<unknown>) {
    let slowest = 0;
    const calls = Array.from({ length: count }, async (_, i) => {
      const start = performance.now();
      const value = await app.cache.getOrLoad(`film:${from + i}`, () => load(from + i), { tags: [`genre:${i % 5}`] });
      slowest = Math.max(slowest, performance.now() - start);
      return value;
    });
    return { values: await Promise.all(calls), slowest };
  }

  it('while 200 calls read rows of Postgres: each gets its row, and none waits for ever', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, id) => films.insert(id, `film ${id}`)));
    const asking = ask(0, 200, films.find);
    await new Promise((resolve) => setTimeout(resolve, 3));
    proxy.cut();
    const { values, slowest } = await asking;
    expect(values.map((row) => (row as Film).title)).toEqual(values.map((_, id) => `film ${id}`));
    expect(slowest).toBeLessThan(20_000); // how long it takes: `npm run chaos -- outage`
    proxy.restore();
  });

  const moments: [when: string, event: 'miss' | 'load' | 'loaded'][] = [
    ['the marks and holds of the loads are asked for', 'miss'],
    ['the loads run', 'load'],
    ['their values are being stored', 'loaded'],
  ];

  it.each(moments)('when %s: every call gets its value', async (_when, event) => {
    let hanging = 0;
    const stop = app.cache.on(event, () => {
      if (hanging++ === 0) proxy.stall();
    });
    const asking = ask(0, 200, async (id) => `value ${id}`);
    await until('the calls hang', () => hanging === 200);
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    proxy.resume();
    expect((await asking).values).toEqual(Array.from({ length: 200 }, (_, id) => `value ${id}`));
    await app.cache.idle();
    stop();
    proxy.restore();
    await until('Redis is used again', () => app.cache.stats().redis?.ready);
    expect(app.cache.stats().flights).toBe(0);
  });

  it('when the first reads are asked: every call gets its value', async () => {
    proxy.stall();
    const asking = ask(0, 200, async (id) => `value ${id}`);
    const reading = app.cache.getMany(['x', 'y']);
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    proxy.resume();
    expect((await asking).values).toEqual(Array.from({ length: 200 }, (_, id) => `value ${id}`));
    expect(await reading).toEqual(new Map());
  });

  it('when the tags are asked for that only an entry names: every read goes on without Redis', async () => {
    const other = await world.app();
    await Promise.all(
      Array.from({ length: 50 }, (_, id) => other.cache.set(`film:${id}`, id, { tags: ['only in the entry'] })),
    );
    // The entries are answered; the question after that is on its way when Redis goes.
    proxy.delay(150);
    const asked = until('the second question', async () => app.cache.stats().redis?.commands.answered);
    const reads = Promise.all(Array.from({ length: 50 }, (_, id) => app.cache.get(`film:${id}`)));
    const loads = Promise.all(Array.from({ length: 50 }, (_, id) => app.cache.getOrLoad(`film:${id}`, () => id)));
    await asked;
    proxy.cut();
    proxy.resume();
    expect(await reads).toEqual(Array.from({ length: 50 }, () => undefined));
    expect(await loads).toEqual(Array.from({ length: 50 }, (_, id) => id));
    proxy.restore();
  });

  it('and comes back: everything is cached again, in both tiers', async () => {
    await ask(0, 50, async () => 'before');
    await app.cache.idle();
    proxy.cut();
    await ask(50, 50, async () => 'meanwhile');
    proxy.restore();
    await until('Redis is used again', () => app.cache.stats().redis?.ready);
    await until('others are heard again', () => app.cache.stats().redis?.bus?.gaps === 1);
    await ask(100, 50, async () => 'after');
    await app.cache.idle();
    const { cache } = await world.app();
    const found = await cache.getMany<string>(Array.from({ length: 150 }, (_, id) => `film:${id}`));
    expect([...found.values()].filter((value) => value === 'before')).toHaveLength(50);
    expect([...found.values()].filter((value) => value === 'after')).toHaveLength(50);
    // What was loaded meanwhile was in the memory of the app that loaded it. Nobody could have told it of a change: it asks again.
    const again = await ask(50, 50, async () => 'asked again');
    expect(new Set(again.values)).toEqual(new Set(['asked again']));
    await app.cache.idle();
    expect(await cache.get('film:50')).toBe('asked again');
  });

  it('again and again: no call ever fails, and no value is another one', async () => {
    let going = true;
    let calls = 0;
    const versions = new Array<number>(20).fill(0);
    const caller = async (): Promise<void> => {
      while (going) {
        await new Promise((resolve) => setImmediate(resolve)); // hits in memory alone would let nothing else happen
        const id = Math.floor(Math.random() * 20);
        const before = versions[id] as number;
        const value = await app.cache.getOrLoad(`film:${id}`, async () => ({ id, version: versions[id] as number }));
        expect(value.id).toBe(id);
        expect(value.version).toBeGreaterThanOrEqual(before);
        calls++;
        if (calls % 7 === 0) {
          versions[id] = (versions[id] as number) + 1;
          const version = versions[id];
          await app.cache.evict(`film:${id}`);
          expect(
            (await app.cache.getOrLoad(`film:${id}`, async () => ({ id, version: versions[id] as number }))).version,
          ).toBeGreaterThanOrEqual(version); // prettier-ignore
        }
      }
    };
    const callers = Promise.all(Array.from({ length: 20 }, caller));
    for (let round = 0; round < 8; round++) {
      const target = calls + 60;
      await until('calls go on with Redis', () => calls > target);
      proxy.cut();
      const without = calls + 60;
      await until('calls go on without Redis', () => calls > without);
      proxy.restore();
      if (round % 2 === 0) await until('Redis is used again', () => app.cache.stats().redis?.ready);
    }
    going = false;
    await callers;
    await until(
      'Redis is used again',
      () => app.cache.stats().redis?.ready && app.cache.stats().redis?.undelivered === 0,
    );
    const reader = await world.app();
    for (let id = 0; id < 20; id++) {
      const left = await reader.cache.get<{ version: number }>(`film:${id}`);
      expect([undefined, versions[id]]).toContain(left?.version);
    }
  });
});

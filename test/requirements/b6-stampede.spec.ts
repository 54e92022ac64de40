import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../src/testing.js';
import { useFilmsTable } from '../e2e/films-table.js';
import { useWorld } from '../e2e/world.js';

/** Early refresh comes with the issue on sources, one load per cluster with the one on coherence. */
describe('B6 stampede protection: one load per key', () => {
  const world = useWorld();
  const films = useFilmsTable();

  it.each([
    ['in memory', { url: false as const }],
    ['with Redis', {}],
    ['without memory', { memory: false as const }],
  ])('B6 a thousand callers of a cold key, %s, ask Postgres once', async (where, options) => {
    const id = where.length;
    await films.insert(id, 'Vertigo');
    films.queries();
    const { cache } = await world.app(options);
    const found = await Promise.all(
      Array.from({ length: 1_000 }, () => cache.getOrLoad(['film', id], () => films.find(id))),
    );
    expect(found.every((film) => film?.title === 'Vertigo')).toBe(true);
    expect(films.queries().reads).toBe(1);
    expect(cache.stats()).toMatchObject({ loads: 1, joined: 999, requests: 1_000 });
  });

  it('B6 callers of different keys do not wait for each other', async () => {
    const { cache } = await world.app();
    let release = (): void => {};
    const blocked = cache.getOrLoad('slow', () => new Promise<string>((resolve) => (release = () => resolve('late'))));
    expect(await cache.getOrLoad('quick', async () => 'at once')).toBe('at once');
    release();
    expect(await blocked).toBe('late');
  });

  it('B6 a key that expires under load is loaded once again', async () => {
    const clock = new FakeClock();
    const { cache } = await world.app({ clock, ttl: '1m' });
    let loads = 0;
    const load = async () => ++loads;
    const ask = () => Promise.all(Array.from({ length: 100 }, () => cache.getOrLoad('key', load)));
    expect(new Set(await ask())).toEqual(new Set([1]));
    await cache.idle();
    await clock.advance('1m');
    expect(new Set(await ask())).toEqual(new Set([2]));
    expect(loads).toBe(2);
  });

  it('B6 neighbours do not expire together: lives are spread', async () => {
    const { cache } = await world.app({ url: false, jitter: 0.2, ttl: '100s', clock: new FakeClock() });
    const ends = new Set<number>();
    for (let i = 0; i < 50; i++) {
      await cache.set(`key:${i}`, i);
      const entry = await cache.getEntry(`key:${i}`);
      const life = (entry?.expiresAt ?? 0) - (entry?.createdAt ?? 0);
      expect(life).toBeGreaterThanOrEqual(80_000);
      expect(life).toBeLessThanOrEqual(100_000);
      ends.add(life);
    }
    expect(ends.size).toBeGreaterThan(30);
  });

  it('B6 a load that takes too long holds up its callers only so long', async () => {
    const clock = new FakeClock();
    const { cache } = await world.app({ url: false, clock, hardTimeout: '2s' });
    let release = (): void => {};
    const hanging = cache.getOrLoad('key', () => new Promise<void>((resolve) => (release = resolve)));
    const failed = expect(hanging).rejects.toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    await clock.advance('2s');
    await failed;
    expect(await cache.getOrLoad('key', () => 'another try')).toBe('another try');
    release();
  });
});

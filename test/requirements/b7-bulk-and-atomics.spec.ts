import { describe, expect, it } from '@jest/globals';
import type { CacheKey } from '../../src/index.js';
import { type Film, useFilmsTable } from '../e2e/films-table.js';
import { commandsDuring, useWorld } from '../e2e/world.js';

describe('B7 bulk get and set; atomic counters, rate limits and distributed locks', () => {
  const world = useWorld();
  const films = useFilmsTable();

  it('B7 bulk: a hundred rows are loaded by one query, stored by one command, and read by one command', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => i + 1);
    for (const id of ids) await films.insert(id, `film ${id}`);
    films.queries();
    const keys = ids.map((id): CacheKey => ['film', id]);
    const load = async (missing: CacheKey[]): Promise<Map<CacheKey, Film>> => {
      const rows = await films.findMany(missing.map((key) => key[1] as number));
      return new Map(rows.map((row) => [['film', row.id], row]));
    };
    const one = await world.app();
    const two = await world.app();
    const stored = await commandsDuring(world, async () => {
      await one.cache.getOrLoadMany(keys, load);
      await one.cache.idle();
    });
    expect(stored.map(({ name }) => name).sort()).toEqual(['FILL', 'HOLD', 'MARK', 'MGET']);
    let found = new Map<CacheKey, Film>();
    const read = await commandsDuring(world, async () => {
      found = await two.cache.getOrLoadMany(keys, load);
    });
    expect(read.map(({ name }) => name)).toEqual(['MGET']);
    expect([...found].map(([key, film]) => [key, film.title])).toEqual(ids.map((id) => [['film', id], `film ${id}`]));
    expect(films.queries().reads).toBe(1);
  });

  it('B7 bulk: many values are set at once, and got at once', async () => {
    const one = await world.app();
    const two = await world.app();
    const entries = Array.from({ length: 50 }, (_, i): [CacheKey, number] => [`key:${i}`, i]);
    await one.cache.setMany(entries, { ttl: '1h', tags: ['many'] });
    expect([...(await two.cache.getMany(entries.map(([key]) => key)))]).toEqual(entries);
  });

  it('B7 counters: exact when several processes add at once', async () => {
    const apps = await Promise.all([world.app(), world.app(), world.app()]);
    await Promise.all(Array.from({ length: 300 }, (_, i) => apps[i % 3]?.cache.increment('views')));
    expect(await apps[0].cache.increment('views', 0)).toBe(300);
    expect(await apps[1].cache.increment('stock', -5, { ttl: '1h' })).toBe(-5);
  });

  it('B7 rate limits: exact when several processes ask at once', async () => {
    const apps = await Promise.all([world.app(), world.app()]);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        apps[i % 2]?.cache.rateLimit(['login', 'ann'], { limit: 30, window: '1m' }),
      ),
    );
    expect(answers.filter((answer) => answer?.allowed)).toHaveLength(30);
  });

  it('B7 locks: one process at a time has it, and it ends by itself', async () => {
    const apps = await Promise.all([world.app(), world.app()]);
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => apps[i % 2]?.cache.lease('job', { ttl: '1m' })),
    );
    const [lease, ...others] = taken.filter((one) => one !== null);
    expect(others).toEqual([]);
    expect(await lease?.release()).toBe(true);
    expect(await apps[1].cache.lease('job', { ttl: '1m' })).not.toBeNull();
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { useFilmsTable } from '../e2e/films-table.js';
import { slowLoader, useWorld } from '../e2e/world.js';
import { FILMS, FilmService } from './film-service.js';

/** Refresh-ahead and write-behind come with later issues. */
describe('B4 read and write strategies over Postgres', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let service: FilmService;
  let id = 0;

  const start = async () =>
    (await world.app({ providers: [FilmService, { provide: FILMS, useValue: films }] })).get(FilmService);

  beforeEach(async () => {
    service = await start();
    await films.insert(++id, 'Vertigo');
    films.queries();
  });

  const cached = () => service.cache.get<{ title: string }>(['film', id]);

  it('B4 cache-aside: the app asks the cache, then its database, then fills the cache itself', async () => {
    const { cache } = service;
    const find = async () => {
      const hit = await cache.get<{ title: string }>(['film', id]);
      if (hit !== undefined) return hit;
      const row = await films.find(id);
      await cache.set(['film', id], row);
      return row;
    };
    for (let i = 0; i < 3; i++) expect((await find())?.title).toBe('Vertigo');
    expect(films.queries().reads).toBe(1);
    await films.rename(id, 'Psycho');
    await cache.evict(['film', id]);
    expect((await find())?.title).toBe('Psycho');
  });

  it('B4 read-through: the cache asks the database, once for all who ask', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.find(id)));
    expect(new Set(answers.map((film) => film?.title))).toEqual(new Set(['Vertigo']));
    expect((await service.find(id))?.title).toBe('Vertigo');
    expect(films.queries()).toEqual({ reads: 1, writes: 0 });
  });

  it('B4 write-through: database and cache have the new row when the call returns, for all processes', async () => {
    await service.find(id);
    const film = await service.writeThrough(id, 'Psycho');
    expect(film.title).toBe('Psycho');
    expect((await cached())?.title).toBe('Psycho');
    const other = await start();
    expect((await other.find(id))?.title).toBe('Psycho');
    expect(films.queries()).toEqual({ reads: 1, writes: 1 });
  });

  it('B4 write-through: a write that fails leaves nothing in the cache that the database does not have', async () => {
    await service.find(id);
    await expect(service.cache.write(['film', id], () => films.rename(-1, 'x'))).rejects.toThrow(
      'There is no such film.',
    );
    expect(await cached()).toBeUndefined();
    expect((await service.find(id))?.title).toBe('Vertigo');
  });

  it('B4 write-through: a load that read the old row before the write does not replace the new one', async () => {
    const old = await films.find(id);
    const slow = slowLoader();
    const loading = service.cache.getOrLoad(['film', id], slow.load);
    await slow.started;
    await service.writeThrough(id, 'Psycho');
    slow.finish(old);
    await loading;
    await service.cache.idle();
    expect((await service.find(id))?.title).toBe('Psycho');
    expect((await (await start()).find(id))?.title).toBe('Psycho');
  });

  it('B4 write-around: the write goes to the database, the cache forgets, and the next read loads', async () => {
    await service.find(id);
    films.queries();
    expect((await service.writeAround(id, 'Psycho')).title).toBe('Psycho');
    expect(await cached()).toBeUndefined();
    expect(films.queries()).toEqual({ reads: 0, writes: 1 });
    expect((await service.find(id))?.title).toBe('Psycho');
    expect((await service.find(id))?.title).toBe('Psycho');
    expect(films.queries()).toEqual({ reads: 1, writes: 0 });
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict, CacheService } from '../../src/index.js';
import { useFilmsTable } from '../e2e/films-table.js';
import { type TestApp, useWorld } from '../e2e/world.js';
import { FILMS, FilmService } from './film-service.js';

describe('A1 a NestJS module: import CacheModule, annotate methods, inject CacheService', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let service: FilmService;
  let id = 0;

  const start = (): Promise<TestApp> => world.app({ providers: [FilmService, { provide: FILMS, useValue: films }] });

  beforeEach(async () => {
    service = (await start()).get(FilmService);
    id++;
    await films.insert(id, 'Vertigo');
    films.queries();
  });

  it('A1 @Cacheable: the method asks Postgres once, and in a second process not at all', async () => {
    for (let i = 0; i < 10; i++) expect((await service.find(id))?.title).toBe('Vertigo');
    await service.cache.idle();
    const elsewhere = (await start()).get(FilmService);
    const row = await elsewhere.find(id);
    expect(row).toEqual(await films.find(id));
    expect(row?.updatedAt).toBeInstanceOf(Date);
    expect(films.queries()).toEqual({ reads: 2, writes: 0 }); // one of them is the comparison above
  });

  it('A1 @Cacheable: what Postgres does not have is remembered as null', async () => {
    expect(await service.find(-1)).toBeNull();
    expect(await service.find(-1)).toBeNull();
    expect(films.queries().reads).toBe(1);
  });

  it('A1 @CacheEvict: after the method has changed the row, the next read asks Postgres', async () => {
    await service.find(id);
    await service.renameAndEvict(id, 'Psycho');
    expect((await service.find(id))?.title).toBe('Psycho');
    expect(films.queries()).toEqual({ reads: 2, writes: 1 });
  });

  it('A1 @CachePut: the changed row is served without asking Postgres', async () => {
    await service.find(id);
    await service.writeThrough(id, 'Psycho');
    expect((await service.find(id))?.title).toBe('Psycho');
    expect(films.queries()).toEqual({ reads: 1, writes: 1 });
  });

  it('A1 @Caching: one method puts a row and evicts the lists it stands in', async () => {
    expect(await service.titles([id])).toEqual(['Vertigo']);
    await service.rename(id, 'Psycho');
    expect(await service.titles([id])).toEqual(['Psycho']);
    expect((await service.find(id))?.title).toBe('Psycho');
    expect(films.queries()).toEqual({ reads: 2, writes: 1 });
  });

  it('A1 @CacheConfig: the class gives its methods their key prefix and tags', async () => {
    await service.find(id);
    expect(await service.cache.get(['film', id])).toMatchObject({ id, title: 'Vertigo' });
    expect((await service.cache.getEntry(['film', id]))?.tags).toEqual(['films', `film:${id}`]);
    await service.cache.evict({ tags: ['films'] });
    expect(await service.cache.get(['film', id])).toBeUndefined();
  });

  it('A1 @CacheableMany: only what is missing is asked for, in one query', async () => {
    const ids = [1, 2, 3].map((i) => 1000 * id + i);
    for (const one of ids) await films.insert(one, `film ${one}`);
    await service.find(ids[1] as number);
    films.queries();
    const found = await service.findMany([...ids, -5]);
    expect(found.map((film) => film.id)).toEqual(ids);
    expect(films.queries().reads).toBe(1);
    await service.findMany(ids);
    expect(films.queries().reads).toBe(0);
  });

  it('A1 CacheService is injected by its class', async () => {
    expect(service.cache).toBeInstanceOf(CacheService);
    expect(await service.cache.getOrLoad('key', () => 'value')).toBe('value');
  });

  it('A1 decorated methods keep their exceptions and store nothing then', async () => {
    await expect(service.rename(-1, 'x')).rejects.toThrow('There is no such film.');
    expect(await service.find(-1)).toBeNull();
  });

  it('A1 works without any server: in memory', async () => {
    const app = await world.app({ url: false, providers: [FilmService, { provide: FILMS, useValue: films }] });
    const local = app.get(FilmService);
    await local.find(id);
    await local.find(id);
    expect(films.queries().reads).toBe(1);
    await local.renameAndEvict(id, 'Psycho');
    expect((await local.find(id))?.title).toBe('Psycho');
  });

  it('A1 a class decorated by its default key is cached by class, method and arguments', async () => {
    @Injectable()
    class Calculator {
      calls = 0;

      @Cacheable()
      async add(a: number, b: number): Promise<number> {
        this.calls++;
        return a + b;
      }

      @CacheEvict({ all: true })
      async forget(): Promise<void> {}
    }
    const calculator = (await world.app({ providers: [Calculator] })).get(Calculator);
    expect(await calculator.add(1, 2)).toBe(3);
    expect(await calculator.add(1, 2)).toBe(3);
    expect(await calculator.add(2, 1)).toBe(3);
    expect(calculator.calls).toBe(2);
    await calculator.forget();
    await calculator.add(1, 2);
    expect(calculator.calls).toBe(3);
  });
});

import { Inject, Injectable } from '@nestjs/common';
import { Cacheable, CacheableMany, CacheConfig, CacheEvict, CachePut, CacheService, Caching } from '../../src/index.js';
import type { Film, FilmsTable } from '../e2e/films-table.js';

export const FILMS = Symbol('films');

/** A service as the users of this package write them, over a table in Postgres. */
@Injectable()
@CacheConfig({ keyPrefix: 'film', tags: ['films'] })
export class FilmService {
  constructor(
    @Inject(FILMS) private readonly films: FilmsTable,
    readonly cache: CacheService,
  ) {}

  @Cacheable({ key: (id: number) => [id], ttl: '5m', tags: (id: number) => [`film:${id}`] })
  async find(id: number): Promise<Film | null> {
    return this.films.find(id);
  }

  @CacheableMany<FilmService['findMany']>({ key: (id) => [id], itemOf: (film) => film.id })
  async findMany(ids: number[]): Promise<Film[]> {
    return this.films.findMany(ids);
  }

  /** The list of everything: out of date after each change. */
  @Cacheable({ key: ['titles'], tags: ['titles'] })
  async titles(ids: number[]): Promise<string[]> {
    return (await this.films.findMany(ids)).map((film) => film.title).sort();
  }

  @Caching({
    put: [{ key: (id: number) => [id], tags: (id: number) => [`film:${id}`] }],
    evict: [{ tags: ['titles'] }],
  })
  async rename(id: number, title: string): Promise<Film> {
    return this.films.rename(id, title);
  }

  @CachePut({ key: (id: number) => [id] })
  async writeThrough(id: number, title: string): Promise<Film> {
    return this.films.rename(id, title);
  }

  @CachePut({ key: (id: number) => [id], write: 'around' })
  async writeAround(id: number, title: string): Promise<Film> {
    return this.films.rename(id, title);
  }

  @CacheEvict({ key: (id: number) => [id] })
  async renameAndEvict(id: number, title: string): Promise<void> {
    await this.films.rename(id, title);
  }
}

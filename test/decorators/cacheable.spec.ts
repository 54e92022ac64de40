import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheOptionsError, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { startApp } from '../module/app.js';

interface Film {
  id: number;
  genres: string[];
}

const boom = () => {
  throw new RangeError('boom');
};

@Injectable()
class Films {
  runs = 0;
  answer: unknown = 'film';

  @Cacheable({ condition: (id, fresh) => id > 0 && !fresh })
  async conditional(id: number, _fresh = false): Promise<string> {
    return `run ${++this.runs} of ${id}`;
  }

  @Cacheable({ unless: (film, id) => film === null || id > 100 })
  async unless(id: number): Promise<Film | null> {
    this.runs++;
    return id === 0 ? null : { id, genres: [] };
  }

  @Cacheable({ key: (id) => ['film', id], tags: (id) => [`film:${id}`, 'films'] })
  async tagged(id: number): Promise<number> {
    this.runs++;
    return id;
  }

  @Cacheable({ key: (id) => ['listed', id], tags: ['films', 'lists'], resultTags: (film) => film.genres })
  async listed(id: number): Promise<Film> {
    this.runs++;
    return { id, genres: ['drama', `genre ${id}`] };
  }

  @Cacheable({ cacheNull: false })
  async notNull(_id: number): Promise<unknown> {
    this.runs++;
    return this.answer;
  }

  @Cacheable()
  async anything(_id: number): Promise<unknown> {
    this.runs++;
    return this.answer;
  }

  @Cacheable()
  sync(id: number): string {
    this.runs++;
    if (id === 0) throw new RangeError('sync');
    return `film ${id}`;
  }

  @Cacheable({ condition: boom })
  async wrongCondition(): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ tags: boom })
  async wrongTags(): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ tags: (id) => [id] })
  async emptyTag(_id: string): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ resultTags: (run) => [run] as unknown as string[] })
  async wrongResultTags(): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ unless: boom })
  async wrongUnless(): Promise<number> {
    return ++this.runs;
  }
}

describe('@Cacheable', () => {
  let films: Films;
  let cache: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    const app = await startApp({ imports: [CacheTestingModule.forRoot()], providers: [Films] });
    films = app.get(Films);
    cache = app.get(CacheService);
    clock = app.get(FakeClock);
  });

  it('runs the method as it is where the condition does not hold: nothing read, nothing stored', async () => {
    await films.conditional(1);
    expect(await films.conditional(1, true)).toBe('run 2 of 1');
    expect(await films.conditional(1)).toBe('run 1 of 1');
    expect([await films.conditional(0), await films.conditional(0)]).toEqual(['run 3 of 0', 'run 4 of 0']);
    expect(cache.stats().memory.entries).toBe(1);
  });

  it('does not keep a result that unless refuses, and its callers get it all the same', async () => {
    for (const id of [0, 0, 101, 101]) expect((await films.unless(id))?.id ?? 0).toBe(id);
    expect(films.runs).toBe(4);
    await films.unless(5);
    await films.unless(5);
    expect(films.runs).toBe(5);
  });

  it('gives its result the tags made from the arguments', async () => {
    for (const id of [1, 2]) await films.tagged(id);
    await cache.evict({ tags: ['film:1'] });
    for (const id of [1, 2]) await films.tagged(id);
    expect(films.runs).toBe(3);
    await cache.evict({ tags: ['films'] });
    for (const id of [1, 2]) await films.tagged(id);
    expect(films.runs).toBe(5);
    expect((await cache.getEntry(['film', 1]))?.tags).toEqual(['film:1', 'films']);
  });

  it('gives its result fixed tags and those made from it', async () => {
    for (const id of [1, 2]) await films.listed(id);
    expect((await cache.getEntry(['listed', 1]))?.tags).toEqual(['films', 'lists', 'drama', 'genre 1']);
    await cache.evict({ tags: ['genre 1'] });
    for (const id of [1, 2]) await films.listed(id);
    expect(films.runs).toBe(3);
    await cache.evict({ tags: ['drama'] });
    for (const id of [1, 2]) await films.listed(id);
    expect(films.runs).toBe(5);
  });

  it.each([[null], [0], [''], [false], [[]], [{ deep: undefined }]])(
    'keeps %j like any other result',
    async (answer) => {
      films.answer = answer;
      expect([await films.anything(1), await films.anything(1)]).toEqual([answer, answer]);
      expect(films.runs).toBe(1);
    },
  );

  it('does not keep undefined, nor null with cacheNull: false', async () => {
    films.answer = undefined;
    expect([await films.anything(1), await films.anything(1)]).toEqual([undefined, undefined]);
    films.answer = null;
    expect([await films.notNull(1), await films.notNull(1)]).toEqual([null, null]);
    expect(films.runs).toBe(4);
    films.answer = 0;
    await films.notNull(1);
    await films.notNull(1);
    expect(films.runs).toBe(5);
  });

  it('gives the callers of a method that returns a plain value a promise, also of its error', async () => {
    expect(films.sync(1)).toBeInstanceOf(Promise);
    expect([await films.sync(1), await films.sync(1)]).toEqual(['film 1', 'film 1']);
    await expect(films.sync(0)).rejects.toThrow('sync');
    expect(films.runs).toBe(2);
  });

  it('rejects with the error of a condition or tags function, and does not run the method', async () => {
    await expect(films.wrongCondition()).rejects.toEqual(new RangeError('boom'));
    await expect(films.wrongTags()).rejects.toEqual(new RangeError('boom'));
    expect(films.runs).toBe(0);
  });

  it('rejects with an error that names the method when a tags function gives something else', async () => {
    const error: unknown = await films.emptyTag('').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CacheOptionsError);
    expect((error as Error).message).toMatch(/^The tags function in @Cacheable of Films\.emptyTag is wrong:/);
    expect(films.runs).toBe(0);
    await expect(films.wrongResultTags()).rejects.toThrow(
      'The resultTags function in @Cacheable of Films.wrongResultTags is wrong:',
    );
  });

  it('rejects with the error of an unless function, and keeps nothing', async () => {
    await expect(films.wrongUnless()).rejects.toEqual(new RangeError('boom'));
    expect(cache.stats().memory.entries).toBe(0);
  });

  it('hands out values that nobody can change for others', async () => {
    const film = await films.listed(1);
    expect(() => film.genres.push('horror')).toThrow(TypeError);
    expect((await films.listed(1)).genres).toEqual(['drama', 'genre 1']);
    await clock.advance('5m');
    expect((await films.listed(1)).genres).toEqual(['drama', 'genre 1']);
  });
});

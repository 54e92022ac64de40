import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheableMany, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { deferred, startApp } from '../module/app.js';

interface Film {
  id: number;
  title: string;
}

@Injectable()
class Films {
  /** The items of each run. */
  asked: unknown[][] = [];
  gate: Promise<unknown> = Promise.resolve();

  /** Rows in the opposite order, and none for negative ids. */
  private async rows(ids: readonly number[]): Promise<Film[]> {
    this.asked.push([...ids]);
    await this.gate;
    return ids
      .filter((id) => id >= 0)
      .map((id) => ({ id, title: `film ${id}` }))
      .reverse();
  }

  @CacheableMany({
    key: (id) => ['film', id],
    itemOf: (film) => Number(film.title.slice(5)),
    ttl: '1m',
    tags: ['films'],
  })
  async list(ids: readonly number[]): Promise<Film[]> {
    return this.rows(ids);
  }

  @CacheableMany({ key: (id) => ['film', id] })
  async map(ids: readonly number[]): Promise<Map<number, Film>> {
    return new Map((await this.rows(ids)).map((film) => [film.id, film]));
  }

  @Cacheable({ key: (id) => ['film', id] })
  async find(id: number): Promise<Film | undefined> {
    return (await this.rows([id]))[0];
  }

  @CacheableMany()
  async titles(ids: number[], language: string, upper = false): Promise<Map<number, string>> {
    this.asked.push(ids);
    const title = (id: number) => `${id} in ${language}`;
    return new Map(ids.map((id) => [id, upper ? title(id).toUpperCase() : title(id)]));
  }

  @CacheableMany({ key: (id, language) => ['title', language, id] })
  async keyedTitles(ids: number[], language: string): Promise<Map<number, string>> {
    this.asked.push(ids);
    return new Map(ids.map((id) => [id, `${id} in ${language}`]));
  }

  @CacheableMany({ condition: (ids) => ids.length > 1 })
  async unlessOne(ids: number[]): Promise<Map<number, number>> {
    this.asked.push(ids);
    return new Map(ids.map((id) => [id, id]));
  }

  @CacheableMany({ cacheNull: true })
  async nullable(dates: Date[]): Promise<Map<Date, number | null>> {
    this.asked.push(dates);
    return new Map(dates.map((date) => [date, date.getTime() === 0 ? null : 0]));
  }
}

const film = (id: number): Film => ({ id, title: `film ${id}` });

describe('@CacheableMany', () => {
  let films: Films;
  let cache: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    const app = await startApp({ imports: [CacheTestingModule.forRoot()], providers: [Films] });
    films = app.get(Films);
    cache = app.get(CacheService);
    clock = app.get(FakeClock);
  });

  it('runs the method once for all items that are missing, and only for those', async () => {
    await films.list([1, 2]);
    expect(await films.list([3, 1, 4])).toEqual([film(3), film(1), film(4)]);
    expect(films.asked).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('does not run the method when all items are there, or none is asked for', async () => {
    await films.list([1, 2]);
    expect(await films.list([2, 1])).toEqual([film(2), film(1)]);
    expect(await films.list([])).toEqual([]);
    expect(films.asked).toHaveLength(1);
  });

  it('assigns rows by itemOf, in whatever order they come, and answers in the order asked for', async () => {
    expect(await films.list([5, 3, 9])).toEqual([film(5), film(3), film(9)]);
    expect(await cache.get(['film', 3])).toEqual(film(3));
  });

  it('answers with a Map by item, in the order asked for, when the method returns one', async () => {
    const found = await films.map([5, 3]);
    expect([...found]).toEqual([
      [5, film(5)],
      [3, film(3)],
    ]);
    expect([...(await films.map([3, 5])).keys()]).toEqual([3, 5]);
    expect(films.asked).toHaveLength(1);
  });

  it('leaves out what was not found, and asks for it again', async () => {
    expect(await films.list([1, -1])).toEqual([film(1)]);
    expect([...(await films.map([-1, 1])).keys()]).toEqual([1]);
    expect(films.asked).toEqual([[1, -1], [-1]]);
  });

  it('asks once for an item that is named twice, and answers it once', async () => {
    expect(await films.list([1, 2, 1])).toEqual([film(1), film(2)]);
    expect(films.asked).toEqual([[1, 2]]);
  });

  it('shares entries with a @Cacheable method of the same key', async () => {
    await films.find(1);
    await films.list([1, 2]);
    await films.find(2);
    expect(films.asked).toEqual([[1], [2]]);
  });

  it('leaves out of its rows, without asking again, what such a method knows not to be there', async () => {
    await cache.set(['film', 2], null);
    expect(await films.list([1, 2])).toEqual([film(1)]);
    expect(films.asked).toEqual([[1]]);
  });

  it('joins the loads of others that are under way, for the items they have in common', async () => {
    const { promise, resolve } = deferred<void>();
    films.gate = promise;
    const calls = [films.list([1, 2]), films.list([2, 3]), films.find(3)] as const;
    resolve();
    expect(await Promise.all(calls)).toEqual([[film(1), film(2)], [film(2), film(3)], film(3)]);
    expect(films.asked).toEqual([[1, 2], [3]]);
  });

  it('lets all callers see the error of a run, and keeps nothing of it', async () => {
    films.gate = Promise.reject(new Error('down'));
    for (const call of [films.list([1]), films.list([1, 2])]) await expect(call).rejects.toThrow('down');
    films.gate = Promise.resolve();
    expect(await films.list([1])).toEqual([film(1)]);
  });

  it('stores with ttl and tags', async () => {
    await films.list([1]);
    expect(await cache.getEntry(['film', 1])).toMatchObject({ expiresAt: clock.now() + 60_000, tags: ['films'] });
    await cache.evict({ tags: ['films'] });
    await films.list([1]);
    expect(films.asked).toHaveLength(2);
  });

  it.each(['titles', 'keyedTitles'] as const)('tells calls with other further arguments apart (%s)', async (method) => {
    await films[method]([1], 'en');
    expect(await films[method]([1], 'de')).toEqual(new Map([[1, '1 in de']]));
    expect(await films[method]([1], 'en')).toEqual(new Map([[1, '1 in en']]));
    expect(films.asked).toHaveLength(2);
  });

  it('passes further arguments on', async () => {
    expect(await films.titles([1], 'en', true)).toEqual(new Map([[1, '1 IN EN']]));
  });

  it('runs the method as it is where the condition does not hold', async () => {
    await films.unlessOne([1]);
    await films.unlessOne([1]);
    expect(await films.unlessOne([1, 2])).toEqual(
      new Map([
        [1, 1],
        [2, 2],
      ]),
    );
    expect(films.asked).toEqual([[1], [1], [1, 2]]);
  });

  it('keeps null and 0, and knows items by what they say, not by identity', async () => {
    const dates = () => [new Date(0), new Date(1)];
    await films.nullable(dates());
    const asked = dates();
    const found = await films.nullable(asked);
    expect(asked.map((date) => found.get(date))).toEqual([null, 0]);
    expect(films.asked).toHaveLength(1);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheConfig, type CacheKey, CacheKeyError, CacheModule, CacheService } from '../../src/index.js';
import { bootError, startApp } from '../module/app.js';

@Injectable()
class Films {
  runs = 0;

  @Cacheable({ key: 'front page' })
  async frontPage(_visitor: string): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ key: ['films', { list: 'top' }] })
  async top(): Promise<number> {
    return ++this.runs;
  }

  @Cacheable({ key: (id) => ['film', id] })
  async find(id: number, _requestId: string): Promise<number> {
    this.runs++;
    return id;
  }

  @Cacheable({ key: (id) => `film:${id}` })
  async byText(id: string): Promise<string> {
    this.runs++;
    return id;
  }

  @Cacheable({ key: (id) => (id > 0 ? id : undefined) as unknown as CacheKey })
  async wrong(id: number): Promise<number> {
    this.runs++;
    return id;
  }

  @Cacheable({
    key: (id) => {
      throw new RangeError(`no key for ${id}`);
    },
  })
  async throwing(id: number): Promise<number> {
    this.runs++;
    return id;
  }
}

@Injectable()
@CacheConfig({ keyPrefix: 'shop' })
class Prefixed {
  @Cacheable()
  async byDefault(id: number): Promise<number> {
    return id;
  }

  @Cacheable({ key: (id) => ['film', id] })
  async byList(id: number): Promise<number> {
    return id;
  }

  @Cacheable({ key: (id) => `film:${id}` })
  async byText(id: string): Promise<string> {
    return id;
  }
}

@Injectable()
class Heir extends Prefixed {}

@Injectable()
@CacheConfig({ keyPrefix: 'other: shop' })
class OwnHeir extends Prefixed {}

async function start() {
  const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Films, Prefixed, Heir, OwnHeir] });
  return { app, films: app.get(Films), cache: app.get(CacheService) };
}

describe('a key that is given', () => {
  it('may be a text: one entry for all arguments', async () => {
    const { films, cache } = await start();
    expect([await films.frontPage('ann'), await films.frontPage('bob')]).toEqual([1, 1]);
    expect(await cache.get('front page')).toBe(1);
  });

  it('may be a list', async () => {
    const { films, cache } = await start();
    expect([await films.top(), await films.top()]).toEqual([1, 1]);
    expect(await cache.get(['films', { list: 'top' }])).toBe(1);
  });

  it('may be made of some of the arguments', async () => {
    const { films, cache } = await start();
    await films.find(1, 'request 1');
    await films.find(1, 'request 2');
    expect(films.runs).toBe(1);
    expect(await cache.get(['film', 1])).toBe(1);
  });

  it('may be made as text', async () => {
    const { films, cache } = await start();
    await films.byText('a');
    expect(await cache.get('film:a')).toBe('a');
  });

  it('of a list is of the type of its parts: 1 is not "1"', async () => {
    const { films } = await start();
    await films.find(1, '');
    await films.find('1' as unknown as number, '');
    expect(films.runs).toBe(2);
  });

  it('is an error that names the method when the function gives none, and the method does not run', async () => {
    const { films } = await start();
    for (const id of [0, 1]) {
      const error: unknown = await films.wrong(id).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CacheKeyError);
      expect((error as Error).message).toMatch(
        /^@Cacheable of Films\.wrong: A key must be a string or an array, not (number|undefined)\. Write 'product:42'/,
      );
    }
    expect(films.runs).toBe(0);
  });

  it('lets an error of its function through as it is, as a rejection, and the method does not run', async () => {
    const { films } = await start();
    await expect(films.throwing(7)).rejects.toEqual(new RangeError('no key for 7'));
    expect(films.runs).toBe(0);
  });

  it.each([[''], [[]], ['x'.repeat(2000)], [7]])('is refused when the app starts if it is %j', async (key) => {
    @Injectable()
    class Wrong {
      @Cacheable({ key: key as CacheKey })
      async find(): Promise<number> {
        return 1;
      }
    }
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Wrong] });
    expect(error.problems).toEqual([
      expect.objectContaining({ option: 'key in @Cacheable of Wrong.find', value: key }),
    ]);
  });
});

describe('keyPrefix of @CacheConfig', () => {
  it('is the first segment of all keys of the class', async () => {
    const { app, cache } = await start();
    const prefixed = app.get(Prefixed);
    await prefixed.byDefault(1);
    await prefixed.byList(2);
    await prefixed.byText('3');
    expect(await cache.get('shop:Prefixed.byDefault:~1')).toBe(1);
    expect(await cache.get(['shop', 'film', 2])).toBe(2);
    expect(await cache.get('shop:film:3')).toBe('3');
    await cache.evict({ prefix: 'shop:' });
    expect(cache.stats().memory.entries).toBe(3);
    expect(await cache.getMany(['shop:Prefixed.byDefault:~1', ['shop', 'film', 2], 'shop:film:3'])).toEqual(new Map());
  });

  it('holds for classes that extend the class', async () => {
    const { app, cache } = await start();
    await app.get(Heir).byList(2);
    expect(await cache.get(['shop', 'film', 2])).toBe(2);
  });

  it('of a class that extends it takes its place, and cannot forge a segment', async () => {
    const { app, cache } = await start();
    await app.get(OwnHeir).byList(2);
    expect(await cache.get(['other: shop', 'film', 2])).toBe(2);
    expect(await cache.get(['shop', 'film', 2])).toBeUndefined();
    expect(await cache.get('other: shop:film:~2')).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { applyDecorators, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Cacheable, CacheEvict, CacheModule, CacheService } from '../../src/index.js';
import { redisTier } from '../../src/redis.js';
import { startApp, startWith } from '../module/app.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';

describe('a decorated method', () => {
  @Injectable()
  class Films {
    runs = 0;
    readonly #catalogue = new Map([[1, 'Alien']]);

    @Cacheable()
    async find(id: number, _language = 'en'): Promise<string | undefined> {
      this.runs++;
      return this.#title(id);
    }

    async findTwice(id: number): Promise<unknown[]> {
      return [await this.find(id), await this.find(id)];
    }

    #title(id: number): string | undefined {
      return this.#catalogue.get(id);
    }
  }

  it('is cached also when the class calls it itself', async () => {
    const films = await startWith(CacheModule.forRoot(), Films);
    expect(await films.findTwice(1)).toEqual(['Alien', 'Alien']);
    expect(films.runs).toBe(1);
  });

  it('may use #private fields and methods', async () => {
    const films = await startWith(CacheModule.forRoot(), Films);
    expect(await films.find(1)).toBe('Alien');
  });

  it('keeps its name and length', () => {
    expect([Films.prototype.find.name, Films.prototype.find.length]).toEqual(['find', 1]);
  });

  it('leaves no trace among the properties of the instance', async () => {
    const films = await startWith(CacheModule.forRoot(), Films);
    expect(Object.keys(films)).toEqual(['runs']);
    expect(Object.getOwnPropertySymbols(films)).toEqual([]);
  });

  it('runs when it is called without its instance, as any method would', async () => {
    @Injectable()
    class Free {
      runs = 0;

      @Cacheable()
      async find(id: number): Promise<number> {
        return id;
      }
    }
    const { find } = await startWith(CacheModule.forRoot(), Free);
    expect(await find(1)).toBe(1);
  });

  it('may be replaced on the instance by a spy', async () => {
    const films = await startWith(CacheModule.forRoot(), Films);
    films.find = async () => 'spy';
    expect(await films.findTwice(1)).toEqual(['spy', 'spy']);
  });

  it('keeps the metadata of other decorators, above and below, and of parameters', () => {
    class Annotated {
      @SetMetadata('above', 1)
      @Cacheable()
      @SetMetadata('below', 2)
      async find(@Inject('token') id: number): Promise<number> {
        return id;
      }
    }
    const { find } = Annotated.prototype;
    expect([Reflect.getMetadata('above', find), Reflect.getMetadata('below', find)]).toEqual([1, 2]);
    expect(Reflect.getMetadata('design:paramtypes', Annotated.prototype, 'find')).toEqual([Number]);
  });

  it('may be decorated through applyDecorators', async () => {
    const CachedFor = (ttl: '5m' | '1h') => applyDecorators(Cacheable({ ttl }), SetMetadata('ttl', ttl));
    class Composed {
      runs = 0;

      @CachedFor('5m')
      async find(id: number): Promise<number> {
        this.runs++;
        return id;
      }
    }
    const composed = await startWith(CacheModule.forRoot(), Composed);
    await composed.find(1);
    await composed.find(1);
    expect(composed.runs).toBe(1);
    expect(Reflect.getMetadata('ttl', composed.find)).toBe('5m');
  });
});

describe('inheritance', () => {
  abstract class Repository {
    abstract readonly table: string;
    runs = 0;

    @Cacheable()
    async find(id: number): Promise<string> {
      this.runs++;
      await Promise.resolve();
      return `${this.table} ${id}`;
    }

    @CacheEvict({ key: (id) => ['any', id] })
    async remove(_id: number): Promise<void> {}
  }

  @Injectable()
  class Films extends Repository {
    readonly table = 'film';
  }

  @Injectable()
  class Actors extends Repository {
    readonly table = 'actor';
  }

  @Injectable()
  class CountedFilms extends Films {
    counted = 0;

    @Cacheable()
    override async find(id: number): Promise<string> {
      this.counted++;
      await Promise.resolve();
      return `counted ${await super.find(id)}`;
    }
  }

  @Injectable()
  class LoudFilms extends Films {
    override async find(id: number): Promise<string> {
      return (await super.find(id)).toUpperCase();
    }
  }

  const providers = [Films, Actors, CountedFilms, LoudFilms];

  it('gives two classes that extend one keys of their own', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers });
    expect([await app.get(Films).find(1), await app.get(Actors).find(1)]).toEqual(['film 1', 'actor 1']);
    expect([await app.get(Films).find(1), await app.get(Actors).find(1)]).toEqual(['film 1', 'actor 1']);
    expect([app.get(Films).runs, app.get(Actors).runs]).toEqual([1, 1]);
  });

  it('lets a decorated method call the decorated one it overrides: each has its entry', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot({ hardTimeout: '2s' })], providers });
    const films = app.get(CountedFilms);
    expect([await films.find(1), await films.find(1)]).toEqual(['counted film 1', 'counted film 1']);
    expect([films.counted, films.runs]).toEqual([1, 1]);
    expect(await app.get(CacheService).get('CountedFilms.Films/find:~1')).toBeUndefined();
    expect(await app.get(CacheService).get('CountedFilms.Repository/find:~1')).toBe('film 1');
  });

  it('does so with Redis as well, where the outer load waits before it runs', async () => {
    const redis = redisTier({ url: redisUrl() });
    const cache = CacheModule.forRoot({ redis, namespace: uniqueNamespace(), hardTimeout: '2s' });
    const films = (await startApp({ imports: [cache], providers })).get(CountedFilms);
    expect(await films.find(1)).toBe('counted film 1');
  });

  it('leaves a method undecorated that overrides a decorated one, and caches what it calls', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers });
    const films = app.get(LoudFilms);
    expect([await films.find(1), await films.find(1)]).toEqual(['FILM 1', 'FILM 1']);
    expect(films.runs).toBe(1);
  });

  it('keeps inherited @CacheEvict working', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers });
    await app.get(CacheService).set(['any', 1], 'value');
    await app.get(Actors).remove(1);
    expect(await app.get(CacheService).has(['any', 1])).toBe(false);
  });
});

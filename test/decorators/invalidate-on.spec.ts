import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope, type Type } from '@nestjs/common';
import { Cacheable, CacheModule, CacheService, InvalidateOn, type InvalidationAction } from '../../src/index.js';
import { bootError, startApp } from '../module/app.js';

interface Film {
  id: number;
  genre: string;
}

@Injectable()
@InvalidateOn('film.removed', { evict: (film: Film) => ['film', film.id] })
@InvalidateOn('genre.*', { expire: { prefix: 'film:' } })
class Films {
  runs = 0;
  private readonly listOf = (genre: string) => `list:${genre}`;

  @Cacheable({ key: (id) => ['film', id] })
  async find(id: number): Promise<string> {
    this.runs++;
    return `film ${id}`;
  }

  @InvalidateOn(['film.changed', 'film.moved'], { condition: (film: Film) => film.id !== 0 })
  async changed(film: Film, event: string) {
    return [['film', film.id], this.listOf(event === 'film.moved' ? 'all' : film.genre)];
  }
}

async function start(...providers: Type[]) {
  const app = await startApp({ imports: [CacheModule.forRoot({ grace: '1h' })], providers });
  const cache = app.get(CacheService);
  const keys = ['film:~0', 'film:~1', 'film:~2', 'list:crime', 'list:all'];
  for (const key of keys) await cache.set(key, key);
  const gone = async () => {
    const left = await cache.getMany(keys);
    return keys.filter((key) => !left.has(key));
  };
  return { app, cache, gone };
}

describe('@InvalidateOn', () => {
  it('on a method: it gets payload and name of the event, and returns what to invalidate', async () => {
    const { cache, gone } = await start(Films);
    await cache.emit('film.changed', { id: 1, genre: 'crime' });
    expect(await gone()).toEqual(['film:~1', 'list:crime']);
    await cache.emit('film.moved', { id: 2, genre: 'crime' });
    expect(await gone()).toEqual(['film:~1', 'film:~2', 'list:crime', 'list:all']);
  });

  it('on a method: does nothing where its condition does not hold', async () => {
    const { cache, gone } = await start(Films);
    await cache.emit('film.changed', { id: 0, genre: 'crime' });
    expect(await gone()).toEqual([]);
  });

  it('on a class: is a rule of the app, and there may be several', async () => {
    const { cache, gone } = await start(Films);
    await cache.emit('film.removed', { id: 1, genre: 'crime' });
    expect(await gone()).toEqual(['film:~1']);
    await cache.emit('genre.renamed');
    expect(await gone()).toEqual(['film:~0', 'film:~1', 'film:~2']);
    expect(await cache.getOrLoad('film:~2', () => Promise.reject(new Error('down')))).toBe('film:~2');
  });

  it('stands beside cache decorators: what they stored is loaded again', async () => {
    const { app, cache } = await start(Films);
    const films = app.get(Films);
    await films.find(7);
    await cache.emit('film.removed', { id: 7, genre: 'crime' });
    await films.find(7);
    expect(films.runs).toBe(2);
  });

  it('holds for classes that extend the class, once, unless they override the method', async () => {
    const ran: string[] = [];
    class Base {
      @InvalidateOn('a')
      one() {
        ran.push(`one of ${this.constructor.name}`);
        return [];
      }

      @InvalidateOn('a')
      two() {
        ran.push('two');
        return [];
      }
    }
    class Extended extends Base {
      override two() {
        return super.two();
      }
    }
    const { cache } = await start(Extended);
    await cache.emit('a');
    expect(ran).toEqual(['one of Extended']);
  });

  it('is no rule of an app that does not have the class', async () => {
    const { cache, gone } = await start();
    await cache.emit('film.changed', { id: 1, genre: 'crime' });
    expect(await gone()).toEqual([]);
  });

  it('may expire instead', async () => {
    class Expiring {
      @InvalidateOn('a', { mode: 'expire' })
      old() {
        return 'film:~1';
      }
    }
    const { cache } = await start(Expiring);
    await cache.emit('a');
    expect(await cache.get('film:~1')).toBeUndefined();
    expect(await cache.getOrLoad('film:~1', () => Promise.reject(new Error('down')))).toBe('film:~1');
  });

  it('on a class works for any scope; on a method of a request-scoped class it is an error at boot', async () => {
    @Injectable({ scope: Scope.REQUEST })
    @InvalidateOn('a', { evict: 'film:~1' })
    class OfRequest {}
    const { cache, gone } = await start(OfRequest);
    await cache.emit('a');
    expect(await gone()).toEqual(['film:~1']);

    @Injectable({ scope: Scope.REQUEST })
    class Wrong {
      @InvalidateOn('a')
      targets() {
        return 'x';
      }
    }
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Wrong] });
    expect(error.problems).toEqual([
      expect.objectContaining({ option: '@InvalidateOn of Wrong.targets', remedy: expect.stringContaining('scope') }),
    ]);
  });

  it('tells everything that is wrong with it when the app starts, together with other decorators', async () => {
    @InvalidateOn('a.b*', { evict: { tagz: [] } } as unknown as InvalidationAction)
    @InvalidateOn('a', {} as InvalidationAction)
    class Wrong {
      @Cacheable({ policy: 'nope' })
      async find(id: number) {
        return id;
      }

      @InvalidateOn('', { mode: 'kill', cache: 'gone', evict: 'x' } as object)
      targets() {
        return 'x';
      }
    }
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Wrong] });
    expect(error.problems.map(({ option }) => option).sort()).toEqual([
      'cache in @InvalidateOn of Wrong.targets',
      'evict in @InvalidateOn of Wrong',
      'evict in @InvalidateOn of Wrong',
      'evict in @InvalidateOn of Wrong.targets',
      'mode in @InvalidateOn of Wrong.targets',
      'on in @InvalidateOn of Wrong',
      'on in @InvalidateOn of Wrong.targets',
      'policy in @Cacheable of Wrong.find',
    ]);
  });

  it('may not stand on static methods, properties or accessors', () => {
    const decorate = InvalidateOn('a') as (...place: unknown[]) => void;
    expect(() => decorate(Films, 'of', { value: () => 'x' })).toThrow('static Films.of');
    expect(() => decorate(Films.prototype, 'runs', undefined)).toThrow('Films.runs');
    expect(() => decorate(Films.prototype, 'size', { get: () => 'x' })).toThrow('wrong place');
  });
});

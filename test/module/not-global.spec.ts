import { describe, expect, it } from '@jest/globals';
import { Injectable, Module, Scope } from '@nestjs/common';
import { Cacheable, CacheEvict, CacheModule, CacheService } from '../../src/index.js';
import { bootError, startApp } from './app.js';

const cache = () => CacheModule.forRoot({ isGlobal: false });

@Injectable()
class Films {
  runs = 0;

  @Cacheable()
  async find(id: number): Promise<number> {
    this.runs++;
    return id;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestFilms {
  static runs = 0;

  @Cacheable()
  async find(id: number): Promise<number> {
    RequestFilms.runs++;
    return id;
  }

  @CacheEvict({ all: true })
  async forget(): Promise<void> {}
}

@Injectable({ scope: Scope.TRANSIENT })
class TransientFilms {
  @Cacheable()
  async find(id: number): Promise<number> {
    return id;
  }
}

@Injectable()
class Reader {
  constructor(readonly cache: CacheService) {}
}

describe('CacheModule with isGlobal: false', () => {
  it('is there in the module that imports it', async () => {
    const app = await startApp({ imports: [cache()], providers: [Films, Reader] });
    const films = app.get(Films);
    await films.find(1);
    await films.find(1);
    expect(films.runs).toBe(1);
    expect(app.get(Reader).cache.stats().loads).toBe(1);
  });

  it('reaches other modules through one that exports it', async () => {
    @Module({ imports: [cache()], exports: [CacheModule] })
    class SharedModule {}
    @Module({ imports: [SharedModule], providers: [RequestFilms, Reader] })
    class FeatureModule {}
    const app = await startApp({ imports: [SharedModule, FeatureModule] });
    const before = RequestFilms.runs;
    for (let request = 0; request < 3; request++) await (await app.resolve(RequestFilms)).find(1);
    expect(RequestFilms.runs - before).toBe(1);
    expect(app.get(Reader, { strict: false }).cache.stats().loads).toBe(1);
  });

  it('cannot be injected elsewhere', async () => {
    @Module({ imports: [cache()] })
    class CachedModule {}
    await expect(startApp({ imports: [CachedModule], providers: [Reader] })).rejects.toThrow(/Reader.*CacheService/);
  });

  it('cannot be imported by its class elsewhere, and the error tells how', async () => {
    @Module({ imports: [cache()] })
    class CachedModule {}
    const error = await bootError({ imports: [CachedModule, CacheModule] });
    expect(error.message).toContain('With isGlobal: false: import the module that has it in its exports.');
  });

  it('still serves decorated singletons everywhere, because they are found when the app starts', async () => {
    @Module({ imports: [cache()] })
    class CachedModule {}
    const app = await startApp({ imports: [CachedModule], providers: [Films] });
    await app.get(Films).find(1);
    await app.get(Films).find(1);
    expect(app.get(Films).runs).toBe(1);
  });

  it.each([
    ['request-scoped', RequestFilms],
    ['transient', TransientFilms],
  ])('refuses a %s class that cannot see it, naming class, methods and module', async (_, type) => {
    @Module({ imports: [cache()] })
    class CachedModule {}
    @Module({ providers: [type] })
    class FeatureModule {}
    const error = await bootError({ imports: [CachedModule, FeatureModule] });
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]?.option).toContain(`${type.name} (@Cacheable find`);
    expect(error.problems[0]?.remedy).toContain('FeatureModule does not see the cache');
  });

  it('refuses such a class also where another module sees the cache and has the same class', async () => {
    const shared = cache();
    @Module({ imports: [shared], providers: [RequestFilms] })
    class SeeingModule {}
    @Module({ providers: [RequestFilms] })
    class BlindModule {}
    const error = await bootError({ imports: [shared, SeeingModule, BlindModule] });
    expect(error.problems.map(({ value }) => value)).toEqual(['BlindModule']);
  });

  it('refuses such a class also behind a module that imports the cache and exports something else', async () => {
    @Module({ providers: [Films], exports: [Films] })
    class FilmModule {}
    @Module({ imports: [cache(), FilmModule], exports: [FilmModule] })
    class CachedModule {}
    @Module({ imports: [CachedModule], providers: [RequestFilms] })
    class FeatureModule {}
    const error = await bootError({ imports: [FeatureModule] });
    expect(error.problems.map(({ value }) => value)).toEqual(['FeatureModule']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cacheable, CacheModule, CacheService, type Clock } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { bootError, closeLater, startApp } from './app.js';

@Injectable()
class Films {
  runs = 0;

  @Cacheable({ ttl: '5m' })
  async find(id: number): Promise<string> {
    this.runs++;
    return `film ${id}`;
  }
}

@Injectable()
class Shelf {
  constructor(
    readonly films: Films,
    readonly cache: CacheService,
  ) {}
}

const root = CacheModule.forRoot();

@Module({ imports: [root], providers: [Films, Shelf] })
class AppModule {}

const testing = () => Test.createTestingModule({ imports: [AppModule] });

describe('tests of an app that uses the cache', () => {
  it('may replace a decorated service by a fake, which is then not cached', async () => {
    let runs = 0;
    const fake = { find: async () => `fake ${++runs}` };
    const app = closeLater(await testing().overrideProvider(Films).useValue(fake).compile());
    await app.init();
    expect([await app.get(Shelf).films.find(1), await app.get(Shelf).films.find(1)]).toEqual(['fake 1', 'fake 2']);
  });

  it('may replace a decorated service by a class that extends it, which is cached', async () => {
    @Injectable()
    class FakeFilms extends Films {}
    const app = closeLater(await testing().overrideProvider(Films).useClass(FakeFilms).compile());
    await app.init();
    const { films } = app.get(Shelf);
    await films.find(1);
    await films.find(1);
    expect(films).toBeInstanceOf(FakeFilms);
    expect(films.runs).toBe(1);
  });

  it('may replace the CacheService that others inject, and decorators keep the real one', async () => {
    const fake = { get: async () => 'fake' };
    const app = closeLater(await testing().overrideProvider(CacheService).useValue(fake).compile());
    await app.init();
    const { films, cache } = app.get(Shelf);
    expect(await cache.get('k')).toBe('fake');
    await films.find(1);
    await films.find(1);
    expect(films.runs).toBe(1);
  });

  it('may replace the whole module by the one for tests', async () => {
    const app = closeLater(await testing().overrideModule(root).useModule(CacheTestingModule.forRoot()).compile());
    await app.init();
    const { films } = app.get(Shelf);
    await films.find(1);
    await app.get(FakeClock).advance('5m');
    await films.find(1);
    expect(films.runs).toBe(2);
  });

  it('may leave out init(): services that Nest makes are cached all the same', async () => {
    const app = closeLater(await testing().compile());
    const { films } = app.get(Shelf);
    await films.find(1);
    await films.find(1);
    expect(films.runs).toBe(1);
  });

  it('may do without an app: the methods of a plain instance run', async () => {
    const films = new Films();
    expect([await films.find(1), await films.find(1)]).toEqual(['film 1', 'film 1']);
    expect(films.runs).toBe(2);
  });
});

describe('CacheTestingModule', () => {
  it('has a clock that moves when told, and no jitter', async () => {
    const app = await startApp({ imports: [CacheTestingModule.forRoot()], providers: [Films] });
    const films = app.get(Films);
    const clock = app.get(FakeClock);
    await films.find(1);
    await clock.advance(5 * 60_000 - 1);
    await films.find(1);
    expect(films.runs).toBe(1);
    await clock.advance(1);
    await films.find(1);
    expect(films.runs).toBe(2);
  });

  it('takes the clock of the test, and the options of forRoot', async () => {
    const clock = new FakeClock(0);
    const app = await startApp({ imports: [CacheTestingModule.forRoot({ clock, memory: { maxEntries: 3 } })] });
    expect(app.get(FakeClock)).toBe(clock);
    expect(app.get(CacheService).stats().memory.maxEntries).toBe(3);
  });

  it('checks its options like forRoot', async () => {
    const error = await bootError({ imports: [CacheTestingModule.forRoot({ ttl: 0, clock: {} as Clock })] });
    expect(error.problems.map(({ option }) => option).sort()).toEqual(['clock', 'ttl']);
  });
});

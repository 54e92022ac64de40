import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheModule, CacheService } from '../../src/index.js';
import { startApp } from './app.js';

@Injectable()
class Films {
  runs = 0;

  @Cacheable({ key: (id) => ['film', id] })
  async find(id: number): Promise<string> {
    this.runs++;
    return `film ${id}, run ${this.runs}`;
  }
}

const start = () => startApp({ imports: [CacheModule.forRoot()], providers: [Films] });

/** An app that gets its service from outside. */
const startWithObject = (films: Films) =>
  startApp({ imports: [CacheModule.forRoot()], providers: [{ provide: Films, useValue: films }] });

describe('two apps in one process', () => {
  it('do not see each other’s cache', async () => {
    const [one, two] = [await start(), await start()];
    expect(one.get(CacheService)).not.toBe(two.get(CacheService));
    await one.get(Films).find(1);
    await two.get(Films).find(1);
    expect([one.get(Films).runs, two.get(Films).runs]).toEqual([1, 1]);
    await one.get(CacheService).clear();
    await two.get(Films).find(1);
    expect(two.get(Films).runs).toBe(1);
  });

  it('go on when the other one is closed', async () => {
    const [one, two] = [await start(), await start()];
    await two.get(Films).find(1);
    await one.close();
    await two.get(Films).find(1);
    expect(two.get(Films).runs).toBe(1);
  });

  it('may have different policies and named caches for the same class', async () => {
    class Sessions {
      runs = 0;

      @Cacheable({ cache: 'sessions', policy: 'session' })
      async find(id: number): Promise<number> {
        this.runs++;
        return id;
      }
    }
    const named = CacheModule.register({ name: 'sessions' });
    const root = CacheModule.forRoot({ policies: { session: { ttl: '1h' } } });
    const one = await startApp({ imports: [root, named], providers: [Sessions] });
    await one.get(Sessions).find(1);
    await expect(startApp({ imports: [CacheModule.forRoot()], providers: [Sessions] })).rejects.toThrow('sessions');
    await one.get(Sessions).find(1);
    expect(one.get(Sessions).runs).toBe(1);
  });
});

describe('one object in two apps in turn', () => {
  it('uses the cache of the app it is in now', async () => {
    const films = new Films();
    const first = await startWithObject(films);
    await films.find(1);
    await first.close();
    const second = await startWithObject(films);
    expect(await films.find(1)).toBe('film 1, run 2');
    expect(await films.find(1)).toBe('film 1, run 2');
    expect(second.get(CacheService).stats()).toMatchObject({ loads: 1, hits: { memory: 1 } });
  });

  it('stays with the later app when the earlier one is closed', async () => {
    const films = new Films();
    const first = await startWithObject(films);
    const second = await startWithObject(films);
    await films.find(1);
    await first.close();
    await films.find(1);
    expect(films.runs).toBe(1);
    expect(second.get(CacheService).stats()).toMatchObject({ loads: 1, hits: { memory: 1 } });
  });

  it('belongs to no app after the last one is closed', async () => {
    const films = new Films();
    const app = await startWithObject(films);
    await app.close();
    await films.find(1);
    await films.find(1);
    expect(films.runs).toBe(2);
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, Scope } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { Cacheable, CacheModule, CacheService } from '../../src/index.js';
import { startApp } from '../module/app.js';

let runs = 0;
beforeEach(() => {
  runs = 0;
});

class Plain {
  constructor(private readonly table = 'film') {}

  @Cacheable()
  async find(id: number): Promise<string> {
    runs++;
    return `${this.table} ${id}`;
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest extends Plain {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Plain {}

@Injectable()
class NeedsTransient {
  constructor(readonly transient: Transient) {}
}

@Injectable()
class NeedsRequest {
  constructor(readonly ofRequest: OfRequest) {}

  @Cacheable()
  async find(id: number): Promise<string> {
    return `needs ${await this.ofRequest.find(id)}`;
  }
}

const start = (...providers: NonNullable<Parameters<typeof startApp>[0]['providers']>) =>
  startApp({ imports: [CacheModule.forRoot()], providers });

describe('instances of a decorated class', () => {
  it('of each request share the cache of the app', async () => {
    const app = await start(OfRequest);
    const [one, two] = [await app.resolve(OfRequest), await app.resolve(OfRequest)];
    expect(one).not.toBe(two);
    expect([await one.find(1), await two.find(1)]).toEqual(['film 1', 'film 1']);
    expect(runs).toBe(1);
  });

  it('that only depend on the request share it too', async () => {
    const app = await start(OfRequest, NeedsRequest);
    for (let request = 0; request < 2; request++) {
      expect(await (await app.resolve(NeedsRequest)).find(1)).toBe('needs film 1');
    }
    expect(app.get(CacheService).stats().loads).toBe(2);
    expect(runs).toBe(1);
  });

  it('with transient scope share it', async () => {
    const app = await start(Transient, NeedsTransient);
    const injected = app.get(NeedsTransient).transient;
    const resolved = await app.resolve(Transient);
    expect(injected).not.toBe(resolved);
    for (const transient of [injected, resolved]) expect(await transient.find(1)).toBe('film 1');
    expect(runs).toBe(1);
  });

  it('made by useFactory are cached', async () => {
    const app = await start({ provide: 'films', useFactory: async () => new Plain('movie') });
    const films = app.get<Plain>('films');
    expect([await films.find(1), await films.find(1)]).toEqual(['movie 1', 'movie 1']);
    expect(runs).toBe(1);
  });

  it('given by useValue are cached, also under two tokens', async () => {
    const films = new Plain();
    const app = await start({ provide: 'one', useValue: films }, { provide: 'two', useExisting: 'one' });
    await app.get<Plain>('one').find(1);
    await app.get<Plain>('two').find(1);
    expect(runs).toBe(1);
  });

  it('made by ModuleRef.create while the app runs are cached', async () => {
    const app = await start();
    const films = [await app.get(ModuleRef).create(Plain), await app.get(ModuleRef).create(Plain)];
    for (const one of films) await one.find(1);
    expect(runs).toBe(1);
  });

  it('of modules that are loaded lazily are cached', async () => {
    @Module({ providers: [Plain] })
    class LazyModule {}
    const app = await start();
    const module = await app.get(LazyModuleLoader).load(() => LazyModule);
    const films = module.get(Plain);
    await films.find(1);
    await films.find(1);
    expect(runs).toBe(1);
  });

  it('without an app run their methods each time', async () => {
    const films = new Plain();
    await films.find(1);
    await films.find(1);
    expect(runs).toBe(2);
  });

  it('of a request that outlives the app run their methods each time', async () => {
    const app = await start(OfRequest);
    const films = await app.resolve(OfRequest);
    await films.find(1);
    await app.close();
    await films.find(1);
    await films.find(1);
    expect(runs).toBe(3);
  });

  it('in an app without CacheModule run their methods each time', async () => {
    const app = await startApp({ providers: [Plain, OfRequest] });
    for (const films of [app.get(Plain), await app.resolve(OfRequest)]) {
      await films.find(1);
      await films.find(1);
    }
    expect(runs).toBe(4);
  });
});

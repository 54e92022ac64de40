import { describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Cacheable, CacheModule, CacheService, LoadTimeoutError } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { deferred, startApp } from './app.js';

/** Lets everything run that waits for nothing but promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

@Injectable()
class Films {
  runs = 0;
  answer: Promise<string> = Promise.resolve('film');

  @Cacheable({ hardTimeout: '1s' })
  find(_id: number): Promise<string> {
    this.runs++;
    return this.answer;
  }
}

/** An app with a load that its caller gave up, and that goes on in the background. */
async function withLateLoad() {
  const app = await startApp({ imports: [CacheTestingModule.forRoot({ shutdownTimeout: '5s' })], providers: [Films] });
  const clock = app.get(FakeClock);
  const late = deferred<string>();
  app.get(Films).answer = late.promise;
  const call = app.get(Films).find(1);
  await Promise.all([expect(call).rejects.toBeInstanceOf(LoadTimeoutError), clock.advance('1s')]);
  let closed = false;
  const close = () =>
    app.close().then(() => {
      closed = true;
    });
  return { clock, late, close, isClosed: () => closed };
}

describe('shutdown', () => {
  it('waits for values that are still being loaded in the background', async () => {
    const { late, close, isClosed } = await withLateLoad();
    const closing = close();
    await settled();
    expect(isClosed()).toBe(false);
    late.resolve('film');
    await closing;
  });

  it('waits for them no longer than shutdownTimeout', async () => {
    const { clock, close, isClosed } = await withLateLoad();
    const closing = close();
    await settled();
    await clock.advance(4_999);
    expect(isClosed()).toBe(false);
    await clock.advance(1);
    await closing;
  });

  it('is not held up by a load that fails in the background', async () => {
    const { late, close } = await withLateLoad();
    const closing = close();
    late.reject(new Error('gone'));
    await closing;
  });

  it('may be asked for twice, one after the other and at the same time', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Films] });
    await Promise.all([app.close(), app.close()]);
    await app.close();
  });

  it('has decorated methods run as if they were not decorated', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Films] });
    const films = app.get(Films);
    await films.find(1);
    await app.close();
    await films.find(1);
    await films.find(1);
    expect(films.runs).toBe(3);
  });

  it('ends the listeners of cache events', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()] });
    const cache = app.get(CacheService);
    const heard = jest.fn();
    cache.on('miss', heard);
    await cache.get('k');
    await app.close();
    await cache.get('k');
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe('a service that uses its own cached method', () => {
  @Injectable()
  class Early extends Films implements OnModuleInit, OnModuleDestroy {
    readonly atConstruction: Promise<string>;
    runsInHooks = 0;

    constructor() {
      super();
      this.atConstruction = this.find(1);
      this.runs = 0;
    }

    async onModuleInit(): Promise<void> {
      await this.find(1);
      await this.find(1);
    }

    async onApplicationBootstrap(): Promise<void> {
      await this.find(1);
      this.runsInHooks = this.runs;
    }

    async onModuleDestroy(): Promise<void> {
      await this.find(1);
      this.runsInHooks = this.runs;
    }
  }

  @Module({ providers: [Early] })
  class EarlyModule {}

  it.each([true, false])(
    'finds it cached in the hooks of the start and of the shutdown (isGlobal: %s)',
    async (isGlobal) => {
      const cache = CacheModule.forRoot({ isGlobal });
      const app = await startApp({ imports: [cache, EarlyModule], providers: [Early] });
      for (const early of [app.get(Early), app.select(EarlyModule).get(Early)])
        expect(early.runsInHooks).toBeLessThan(2);
      // Two instances of one class and one cache: the second found what the first had stored.
      expect(app.get(CacheService).stats().loads).toBe(1);
      const early = app.get(Early);
      await app.close();
      expect(early.runsInHooks).toBe(early.runs);
    },
  );

  it('finds it undecorated in its constructor', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Early] });
    expect(await app.get(Early).atConstruction).toBe('film');
    expect(app.get(CacheService).stats().requests).toBe(3);
  });

  it('finds it cached in onModuleInit also when useFactory made it', async () => {
    const app = await startApp({
      imports: [CacheModule.forRoot()],
      providers: [{ provide: Early, useFactory: () => new Early() }],
    });
    expect(app.get(Early).runsInHooks).toBe(1);
  });
});

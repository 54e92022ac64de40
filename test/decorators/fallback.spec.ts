import { describe, expect, it } from '@jest/globals';
import { Injectable, NotFoundException, Scope } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { lastValueFrom, Observable, of, throwError } from 'rxjs';
import {
  AllSourcesFailedError,
  Cacheable,
  CacheableMany,
  CacheConfig,
  type CacheEvents,
  CacheModule,
  CacheService,
  currentSource,
  Fallback,
} from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { bootError, closeLater, startApp } from '../module/app.js';

const SNAPSHOT = Symbol('snapshot');

const state = { primary: false, replica: false, snapshot: false };
const asked: string[] = [];

function answer(source: keyof typeof state, text: string): string {
  asked.push(source);
  if (!state[source]) throw new Error(`${source} is down`);
  return `${source} ${text}`;
}

@Injectable()
class Replica {
  async find(id: number): Promise<string> {
    return answer('replica', `${id}`);
  }

  async findMany(ids: readonly number[]): Promise<Map<number, string>> {
    return new Map(ids.map((id) => [id, answer('replica', `${id}`)]));
  }

  watch(id: number): Observable<string> {
    return of('first', answer('replica', `${id}`));
  }
}

@Injectable()
class Snapshot {
  read(id: number): string {
    return answer('snapshot', `${id}`);
  }
}

const to = [Replica, { provider: SNAPSHOT, method: 'read' }] as const;

@Injectable()
class Films {
  constructor(readonly replica: Replica) {}

  @Fallback<Films['find']>({ to })
  async find(id: number): Promise<string> {
    return answer('primary', `${id}`);
  }

  @Cacheable<Films['cached']>({ key: (id) => ['film', id], ttl: '5m', grace: '1h' })
  @Fallback<Films['cached']>({ to: [{ provider: Replica, method: 'find', name: 'replica' }], breaker: false })
  async cached(id: number): Promise<string> {
    return answer('primary', `${id}`);
  }

  @Fallback<Films['staleFirst']>({ to: [{ provider: Replica, method: 'find' }], breaker: false })
  @Cacheable<Films['staleFirst']>({ key: (id) => ['stale-first', id], ttl: '5m', grace: '1h' })
  async staleFirst(id: number): Promise<string> {
    return answer('primary', `${id}`);
  }

  @Cacheable<Films['page']>({ key: (id) => ['page', id], ttl: '5m' })
  async page(id: number): Promise<string> {
    await Promise.resolve();
    return `<${await this.find(id)}>`;
  }

  @Cacheable<Films['shelf']>({ key: (id) => ['shelf', id], ttl: '1h' })
  async shelf(id: number): Promise<string> {
    return `[${await this.cached(id)}]`;
  }

  @Fallback<Films['ticks']>({ to: [{ use: () => 'quick' }], timeout: 20 })
  ticks(ended: string[]): Observable<string> {
    return new Observable<string>(() => () => ended.push('unsubscribed'));
  }

  @CacheableMany<Films['findMany']>({ key: (id) => ['many', id], ttl: '5m' })
  @Fallback<Films['findMany']>({ to: [Replica], breaker: false })
  async findMany(ids: readonly number[]): Promise<Map<number, string>> {
    return new Map(ids.map((id) => [id, answer('primary', `${id}`)]));
  }

  @Fallback<Films['kept']>({
    to: [{ use: () => answer('snapshot', 'x'), name: 'list' }],
    serveStale: '1h',
    breaker: false,
  })
  async kept(id: number): Promise<string> {
    return answer('primary', `${id}`);
  }

  @Fallback<Films['watch']>({ to: [Replica] })
  watch(id: number): Observable<string> {
    return state.primary ? of(`primary ${id}`) : throwError(() => new Error('down'));
  }

  @Fallback<Films['plain']>({ to: [{ use: () => 'none' }] })
  plain(): string {
    return answer('primary', 'plain');
  }

  @Fallback<Films['missing']>({ to: [{ use: async () => 'default' }] })
  async missing(): Promise<string> {
    throw new NotFoundException();
  }

  @Fallback<Films['slow']>({ to: [{ use: async () => 'quick' }], timeout: 20 })
  async slow(seen: AbortSignal[]): Promise<string> {
    const { signal } = currentSource() ?? {};
    if (signal) seen.push(signal);
    return new Promise(() => {});
  }
}

async function start(...providers: unknown[]) {
  Object.assign(state, { primary: true, replica: true, snapshot: true });
  asked.length = 0;
  const app = await startApp({
    imports: [CacheTestingModule.forRoot()],
    providers: [Films, Replica, { provide: SNAPSHOT, useClass: Snapshot }, ...(providers as [])],
  });
  const cache = app.get(CacheService);
  const fallbacks: CacheEvents['fallback'][] = [];
  cache.on('fallback', (event) => fallbacks.push(event));
  return { app, films: app.get(Films), cache, clock: app.get(FakeClock), fallbacks };
}

describe('@Fallback', () => {
  it('runs the method, then its backups in order, each with the arguments of the call', async () => {
    const { films, fallbacks } = await start();
    expect(await films.find(7)).toBe('primary 7');
    state.primary = false;
    expect(await films.find(7)).toBe('replica 7');
    state.replica = false;
    expect(await films.find(7)).toBe('snapshot 7');
    expect(asked).toEqual(['primary', 'primary', 'replica', 'primary', 'replica', 'snapshot']);
    expect(fallbacks).toMatchObject([
      { chain: 'Films.find', source: 'Replica', attempts: 2, error: { message: 'primary is down' } },
      { chain: 'Films.find', source: 'snapshot', attempts: 3 },
    ]);
    expect(fallbacks[0]?.requestId).not.toBe(fallbacks[1]?.requestId);
  });

  it("throws the method's own error when all have failed, with all failures in its cause", async () => {
    const { films, cache } = await start();
    Object.assign(state, { primary: false, replica: false, snapshot: false });
    const error: unknown = await films.find(7).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'primary is down' });
    expect((error as Error).cause).toBeInstanceOf(AllSourcesFailedError);
    expect(AllSourcesFailedError.of(error)?.failures.map(({ source }) => source)).toEqual([
      'primary',
      'Replica',
      'snapshot',
    ]);
    const chain = cache.stats().sources.find(({ chain }) => chain === 'Films.find');
    expect(chain).toMatchObject({ failures: 1, sources: [{ source: 'primary' }, {}, {}] });
  });

  it('leaves errors that are answers alone', async () => {
    const { films, fallbacks } = await start();
    await expect(films.missing()).rejects.toThrow(NotFoundException);
    expect(fallbacks).toEqual([]);
  });

  it('gives up a method that takes too long; the method can see that by its signal', async () => {
    const { films } = await start();
    const signals: AbortSignal[] = [];
    expect(await films.slow(signals)).toBe('quick');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('unsubscribes from an Observable that takes too long', async () => {
    const { films } = await start();
    const ended: string[] = [];
    expect(await lastValueFrom(films.ticks(ended))).toBe('quick');
    expect(ended).toEqual(['unsubscribed']);
  });

  it('takes backups that a test puts in the place of others', async () => {
    Object.assign(state, { primary: false });
    const testing = await Test.createTestingModule({
      imports: [CacheModule.forRoot()],
      providers: [Films, Replica, { provide: SNAPSHOT, useClass: Snapshot }],
    })
      .overrideProvider(Replica)
      .useValue({ find: async (id: number) => `fake ${id}`, findMany: () => {}, watch: () => {} })
      .compile();
    const app = closeLater(await testing.init());
    expect(await app.get(Films).find(7)).toBe('fake 7');
  });

  it('answers with the last value of an Observable', async () => {
    const { films } = await start();
    expect(await lastValueFrom(films.watch(7))).toBe('primary 7');
    state.primary = false;
    expect(await lastValueFrom(films.watch(7))).toBe('replica 7');
  });

  it('gives a promise for the value of a plain method', async () => {
    const { films } = await start();
    state.primary = false;
    expect(await films.plain()).toBe('none');
  });

  it('runs the method alone in an instance that belongs to no app', async () => {
    state.primary = false;
    await expect(new Films(new Replica()).find(1)).rejects.toThrow('primary is down');
  });

  it('keeps the last good answer if told to, for each of the arguments', async () => {
    const { films, clock, fallbacks } = await start();
    expect(await films.kept(1)).toBe('primary 1');
    Object.assign(state, { primary: false, snapshot: false });
    expect(await films.kept(1)).toBe('primary 1');
    expect(fallbacks.at(-1)).toMatchObject({ source: 'stale', error: { message: 'primary is down' } });
    await expect(films.kept(2)).rejects.toThrow('primary is down');
    await clock.advance('61m');
    await expect(films.kept(1)).rejects.toThrow('primary is down');
  });

  it('keeps the last good answers of two classes apart that have one name and one key', async () => {
    const classOf = (answer: string) => {
      @Injectable()
      class Products {
        up = true;

        @Fallback({
          to: [{ use: () => Promise.reject(new Error('no')) }],
          serveStale: '1h',
          key: ['one'],
          breaker: false,
        })
        async find(): Promise<string> {
          if (!this.up) throw new Error('down');
          return answer;
        }
      }
      return Products;
    };
    const [Public, Admin] = [classOf('public'), classOf('admin')];
    const { problems } = await bootError({ imports: [CacheModule.forRoot()], providers: [Public, Admin] });
    expect(problems).toMatchObject([{ option: 'serveStale in @Fallback of Products.find' }]);
    expect(problems[0]?.remedy).toMatch(/two classes Products.*Give one of them @CacheConfig\({ keyPrefix }\)\.$/);
    CacheConfig({ keyPrefix: 'admin' })(Admin);
    const { app } = await start(Public, Admin);
    const [open, secret] = [app.get(Public), app.get(Admin)];
    expect([await secret.find(), await open.find()]).toEqual(['admin', 'public']);
    open.up = false;
    secret.up = false;
    expect([await secret.find(), await open.find()]).toEqual(['admin', 'public']);
  });

  it('uses a transient backup, and one of the tokens that a string is', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      find(id: number): string {
        return `transient ${id}`;
      }
    }
    @Injectable()
    class Users {
      @Fallback({ to: [Transient] })
      async find(_id: number): Promise<string> {
        throw new Error('down');
      }

      @Fallback({ to: ['USERS'] })
      async all(): Promise<string> {
        throw new Error('down');
      }
    }
    const { app } = await start(Users, Transient, { provide: 'USERS', useValue: { all: () => 'all' } });
    expect(await app.get(Users).find(1)).toBe('transient 1');
    expect(await app.get(Users).all()).toBe('all');
  });
});

describe('@Cacheable above @Fallback', () => {
  it('keeps what a backup gave for a shorter time, and says who gave it', async () => {
    const { films, cache, clock } = await start();
    await films.cached(1);
    expect(await cache.getEntry(['film', 1])).toMatchObject({ source: 'primary', expiresAt: clock.now() + 300_000 });
    state.primary = false;
    expect(await films.cached(2)).toBe('replica 2');
    expect(await cache.getEntry(['film', 2])).toMatchObject({ source: 'replica', expiresAt: clock.now() + 30_000 });
    expect(await films.cached(2)).toBe('replica 2');
    expect(asked).toEqual(['primary', 'primary', 'replica']);
  });

  it('asks backups before it serves a stale value', async () => {
    const { films, clock } = await start();
    await films.cached(1);
    state.primary = false;
    await clock.advance('6m');
    expect(await films.cached(1)).toBe('replica 1');
    state.replica = false;
    await clock.advance('1m');
    expect(await films.cached(1)).toBe('replica 1'); // now as a stale one
  });

  it('loads what a backup gave again when the primary is back', async () => {
    const { films, cache, clock } = await start();
    state.primary = false;
    await films.cached(1);
    state.primary = true;
    await clock.advance('5s');
    await cache.idle();
    expect(cache.peek(['film', 1])).toBe('primary 1');
  });

  it('holds for methods that are called on the way, too', async () => {
    const { films, cache, clock } = await start();
    state.primary = false;
    expect(await films.page(1)).toBe('<replica 1>');
    expect(await cache.getEntry(['page', 1])).toMatchObject({ source: 'Replica', expiresAt: clock.now() + 30_000 });
  });

  it('holds for a cached method that calls another cached one', async () => {
    const { films, cache, clock } = await start();
    state.primary = false;
    expect(await films.shelf(1)).toBe('[replica 1]');
    for (const key of ['shelf', 'film']) {
      expect(await cache.getEntry([key, 1])).toMatchObject({ source: 'replica', expiresAt: clock.now() + 30_000 });
    }
    state.primary = true;
    await films.shelf(2);
    expect(await cache.getEntry(['shelf', 2])).toMatchObject({ source: 'primary', expiresAt: clock.now() + 3_600_000 });
  });

  it('holds for the values of several keys', async () => {
    const { films, cache, clock, fallbacks } = await start();
    await films.findMany([1]);
    state.primary = false;
    expect([...(await films.findMany([1, 2, 3])).values()]).toEqual(['primary 1', 'replica 2', 'replica 3']);
    for (const id of [2, 3]) {
      expect(await cache.getEntry(['many', id])).toMatchObject({
        source: 'Replica',
        expiresAt: clock.now() + 30_000,
      });
    }
    expect(await cache.getEntry(['many', 1])).toMatchObject({ source: 'primary' });
    expect(fallbacks).toHaveLength(1);
  });
});

describe('@Fallback above @Cacheable', () => {
  it('serves a stale value before it asks backups, and caches nothing of theirs', async () => {
    const { films, cache, clock } = await start();
    await films.staleFirst(1);
    state.primary = false;
    await clock.advance('6m');
    expect(await films.staleFirst(1)).toBe('primary 1');
    expect(await films.staleFirst(2)).toBe('replica 2');
    expect(await cache.has(['stale-first', 2])).toBe(false);
  });
});

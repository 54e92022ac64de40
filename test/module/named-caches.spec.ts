import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Cacheable, CacheConfig, CacheModule, CacheService, getCacheToken, InjectCache } from '../../src/index.js';
import { redisTier } from '../../src/redis.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';
import { bootError, startApp } from './app.js';

@Injectable()
class Readers {
  constructor(
    readonly cache: CacheService,
    @InjectCache('sessions') readonly sessions: CacheService,
  ) {}
}

@Injectable()
@CacheConfig({ cache: 'sessions' })
class SessionService {
  runs = 0;

  @Cacheable({ key: (id) => ['session', id] })
  async find(id: string): Promise<string> {
    this.runs++;
    return `session ${id}`;
  }

  @Cacheable({ key: (id) => ['session', id], cache: 'default' })
  async inDefault(id: string): Promise<string> {
    return `default ${id}`;
  }
}

const sessions = () => CacheModule.register({ name: 'sessions', ttl: '1h' });

describe('CacheModule.register', () => {
  it('makes a further cache, injected by name', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot(), sessions()], providers: [Readers] });
    const { cache, sessions: named } = app.get(Readers);
    expect(named).toBeInstanceOf(CacheService);
    expect(named).not.toBe(cache);
    expect(app.get(getCacheToken('sessions'))).toBe(named);
  });

  it('keeps the values of two caches apart, also when one of them is cleared', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot(), sessions()], providers: [Readers] });
    const { cache, sessions: named } = app.get(Readers);
    await cache.set('k', 'default');
    await named.set('k', 'named');
    expect([await cache.get('k'), await named.get('k')]).toEqual(['default', 'named']);
    await cache.clear();
    expect([await cache.get('k'), await named.get('k')]).toEqual([undefined, 'named']);
  });

  it('has a namespace of its own in Redis, which one connection serves', async () => {
    const redis = redisTier({ url: redisUrl() });
    const root = CacheModule.forRoot({ redis, namespace: uniqueNamespace(), memory: false });
    const named = CacheModule.register({ name: 'sessions', memory: false });
    const app = await startApp({ imports: [root, named], providers: [Readers] });
    const { cache, sessions: further } = app.get(Readers);
    await cache.set('k', 'default');
    await further.set('k', 'named');
    expect([await cache.get('k'), await further.get('k')]).toEqual(['default', 'named']);
    await cache.clear();
    expect([await cache.get('k'), await further.get('k')]).toEqual([undefined, 'named']);
  });

  it('has its own options: what it does not set is the default of the library, not that of forRoot', async () => {
    const root = CacheTestingModule.forRoot({ ttl: '1m' });
    const plain = CacheModule.register({ name: 'plain', jitter: 0 });
    const app = await startApp({ imports: [root, sessions(), plain] });
    const get = (name?: string) => app.get<CacheService>(getCacheToken(name));
    for (const name of [undefined, 'sessions', 'plain']) await get(name).set('k', name ?? 'default');
    await app.get(FakeClock).advance('2m');
    expect([await get().get('k'), await get('plain').get('k')]).toEqual([undefined, 'plain']);
    await app.get(FakeClock).advance('10m');
    expect([await get('sessions').get('k'), await get('plain').get('k')]).toEqual(['sessions', undefined]);
  });

  it('knows the policies of forRoot, and may add its own', async () => {
    const root = CacheTestingModule.forRoot({ policies: { short: { ttl: '1s' } } });
    const named = CacheModule.register({ name: 'named', jitter: 0, policies: { long: { ttl: '1h' } } });
    const app = await startApp({ imports: [root, named] });
    const cache = app.get<CacheService>(getCacheToken('named'));
    await cache.set('short', 1, { policy: 'short' });
    await cache.set('long', 1, { policy: 'long' });
    await app.get(FakeClock).advance('30m');
    expect([await cache.has('short'), await cache.has('long')]).toEqual([false, true]);
    await expect(app.get(CacheService).set('k', 1, { policy: 'long' })).rejects.toThrow("Known policies: 'short'");
  });

  it('serves decorators that name it, by @CacheConfig or by the method', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot(), sessions()], providers: [SessionService] });
    const service = app.get(SessionService);
    expect([await service.find('1'), await service.find('1')]).toEqual(['session 1', 'session 1']);
    expect(await service.inDefault('1')).toBe('default 1');
    expect(service.runs).toBe(1);
    expect(await app.get<CacheService>(getCacheToken('sessions')).get(['session', '1'])).toBe('session 1');
    expect(await app.get(CacheService).get(['session', '1'])).toBe('default 1');
  });

  it('may be imported in a feature module and before forRoot', async () => {
    @Module({ imports: [sessions()], providers: [SessionService] })
    class SessionModule {}
    const app = await startApp({ imports: [SessionModule, CacheModule.forRoot()] });
    const service = app.get(SessionService, { strict: false });
    await service.find('1');
    await service.find('1');
    expect(service.runs).toBe(1);
  });

  it('works beside a forRoot that is not global', async () => {
    const app = await startApp({
      imports: [CacheModule.forRoot({ isGlobal: false }), sessions()],
      providers: [Readers, SessionService],
    });
    await app.get(SessionService).find('1');
    expect(await app.get(Readers).sessions.get(['session', '1'])).toBe('session 1');
  });

  it('refuses the same name twice', async () => {
    const error = await bootError({ imports: [CacheModule.forRoot(), sessions(), sessions()] });
    expect(error.problems).toEqual([expect.objectContaining({ option: 'name', value: 'sessions' })]);
    expect(error.message).toContain('registered twice');
  });

  it('says that forRoot is missing', async () => {
    const error = await bootError({ imports: [sessions()] });
    expect(error.problems).toEqual([expect.objectContaining({ option: 'CacheModule.register', value: 'sessions' })]);
    expect(error.message).toContain('Import CacheModule.forRoot() in the root module as well');
  });

  it.each(['', 'default', 'a b', 'a:b', undefined])('refuses the name %j when the app starts', async (name) => {
    const imported = CacheModule.register({ name: name as string });
    const error = await bootError({ imports: [CacheModule.forRoot(), imported] });
    expect(error.problems).toEqual([expect.objectContaining({ option: 'name', value: name })]);
  });

  it('names the cache whose options are wrong, and all of them', async () => {
    const wrong = CacheModule.register({ name: 'carts', ttl: -1, memory: { maxEntries: 0 } });
    const error = await bootError({ imports: [CacheModule.forRoot(), wrong] });
    expect(error.message).toContain('CacheModule.register("carts")');
    expect(error.problems.map(({ option }) => option)).toEqual(['ttl', 'memory.maxEntries']);
  });

  it('makes a name that nobody registered an error of the injection', async () => {
    const start = startApp({ imports: [CacheModule.forRoot()], providers: [Readers] });
    await expect(start).rejects.toThrow(/Readers.*sessions/);
  });
});

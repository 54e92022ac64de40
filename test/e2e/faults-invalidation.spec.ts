import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheService, CacheUnavailableError } from '../../src/index.js';
import type { RedisProxy } from '../support/redis-proxy.js';
import { type AppOptions, type TestApp, until, useWorld } from './world.js';

const KEY = 'film:1:cast';
const OLD = 'old';

const CHANGES: [what: string, change: (cache: CacheService) => Promise<unknown>, after: unknown][] = [
  ['an eviction', (cache) => cache.evict(KEY), undefined],
  ['an expire', (cache) => cache.expire(KEY), undefined],
  ['an eviction of a tag', (cache) => cache.evict({ tags: ['t'] }), undefined],
  ['an expire of a tag', (cache) => cache.expire({ tags: ['t'] }), undefined],
  ['an eviction of the first segment', (cache) => cache.evict({ prefix: 'film:' }), undefined],
  ['an eviction of a declared prefix', (cache) => cache.evict({ prefix: 'film:1:' }), undefined],
  ['an eviction of a prefix that nobody declared', (cache) => cache.evict({ prefix: 'film:1:c' }), undefined],
  ['an eviction of a pattern', (cache) => cache.evict({ pattern: '*:cast' }), undefined],
  ['a clear', (cache) => cache.clear(), undefined],
  ['a set', (cache) => cache.set(KEY, 'new'), 'new'],
  ['a set of undefined', (cache) => cache.set(KEY, undefined), undefined],
  ['a write', (cache) => cache.write(KEY, async () => 'new'), 'new'],
  ['a write that fails', (cache) => cache.write(KEY, () => Promise.reject(new Error('no'))).catch(() => {}), undefined],
];

describe.each<[string, AppOptions]>([
  ['with memory', {}],
  ['without memory', { memory: false }],
])('an old value does not come back after an outage, in an app %s,', (_name, common) => {
  const world = useWorld();
  let proxy: RedisProxy;
  let app: TestApp;
  let cache: CacheService;

  beforeEach(async () => {
    proxy = await world.proxy();
    app = await world.app({ ...common, url: proxy.url, prefixes: ['film:*:'], tier: { commandTimeout: 300 } });
    ({ cache } = app);
    await cache.getOrLoad(KEY, () => OLD, { tags: ['t'] });
    await cache.idle();
    expect(await cache.get(KEY)).toBe(OLD);
  });

  async function cut(): Promise<void> {
    proxy.cut();
    await until('the loss is noticed', () => !cache.stats().redis?.ready);
  }

  /** Reads all the time while Redis comes back: at no moment the old value may show. */
  async function comeBack(): Promise<void> {
    let checks = 0;
    proxy.restore();
    await until('Redis is used again', async () => {
      expect(await cache.get(KEY)).not.toBe(OLD);
      checks++;
      const { redis } = cache.stats();
      return redis?.ready && redis.undelivered === 0;
    });
    expect(checks).toBeGreaterThan(0);
  }

  it.each(CHANGES)('after %s while Redis was away', async (_what, change, after) => {
    await cut();
    await change(cache); // resolves: Redis being away is no reason to fail
    expect([after, undefined]).toContain(await cache.get(KEY));
    await comeBack();
    expect([after, undefined]).toContain(await cache.get(KEY));
    const other = await world.app({ memory: false, prefixes: ['film:*:'] });
    expect(await other.cache.get(KEY)).toBeUndefined();
    await cache.getOrLoad('film:2:cast', () => 'cached again');
    await cache.idle();
    expect(await other.cache.get('film:2:cast')).toBe('cached again');
  });

  it.each(CHANGES)('after %s that was sent and never answered', async (_what, change, after) => {
    proxy.stall();
    const changing = change(cache);
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    proxy.resume();
    await changing;
    expect([after, undefined]).toContain(await cache.get(KEY));
    await comeBack();
    expect([after, undefined]).toContain(await cache.get(KEY));
    const other = await world.app({ memory: false, prefixes: ['film:*:'] });
    expect(await other.cache.get(KEY)).toBeUndefined();
  });

  // Each of these waits for timeouts: one of each way to Redis.
  const slow = CHANGES.filter(([what]) =>
    /^an? (eviction|expire|eviction of a tag|eviction of a pattern|set|write)$/.test(what),
  );

  it.each(slow)('after %s that Redis was too slow for', async (_what, change, after) => {
    proxy.stall();
    await change(cache);
    expect([after, undefined]).toContain(await cache.get(KEY));
    proxy.resume();
    await comeBack();
    expect([after, undefined]).toContain(await cache.get(KEY));
    const other = await world.app({ memory: false, prefixes: ['film:*:'] });
    expect(await other.cache.get(KEY)).toBeUndefined();
  });

  it('and what is loaded during the outage is newer than what Redis still has', async () => {
    await cut();
    await cache.evict(KEY);
    expect(await cache.getOrLoad(KEY, () => 'loaded meanwhile')).toBe('loaded meanwhile');
    await comeBack();
    expect(await cache.getOrLoad(KEY, () => 'loaded again')).not.toBe(OLD);
  });

  it('and a load that began before the outage does not bring it back either', async () => {
    await cache.evict(KEY);
    let finish = (_value: string): void => {};
    const loading = cache.getOrLoad(KEY, () => new Promise<string>((resolve) => (finish = resolve)));
    await until('the load runs', () => cache.stats().loads === 2);
    await cut();
    await cache.evict(KEY);
    finish(OLD);
    expect(await loading).toBe(OLD);
    await cache.idle();
    await comeBack();
    expect(await (await world.app({ memory: false })).cache.get(KEY)).toBeUndefined();
  });

  it('although there were more evictions than are remembered one by one: then everything goes', async () => {
    const other = await world.app({ memory: false });
    await other.cache.set('unconcerned', 'value');
    await cut();
    await cache.evict(Array.from({ length: 10_001 }, (_, i) => (i === 5_000 ? KEY : `many:${i}`)));
    expect(cache.stats().redis?.undelivered).toBe(1);
    expect(await cache.get(KEY)).toBeUndefined();
    await comeBack();
    expect(await other.cache.get(KEY)).toBeUndefined();
    expect(await other.cache.get('unconcerned')).toBeUndefined();
    expect(await other.cache.getOrLoad('unconcerned', () => 'again')).toBe('again');
  });

  it('and mustDeliver tells that it was not delivered yet, which it will be', async () => {
    await cut();
    await expect(cache.evict(KEY, { mustDeliver: true })).rejects.toBeInstanceOf(CacheUnavailableError);
    await expect(cache.evict({ tags: ['t'] }, { mustDeliver: true })).rejects.toBeInstanceOf(CacheUnavailableError);
    await expect(cache.evict({ pattern: '*' }, { mustDeliver: true })).rejects.toBeInstanceOf(CacheUnavailableError);
    await comeBack();
    await cache.evict(KEY, { mustDeliver: true });
  });

  it('and the error event tells what was not delivered', async () => {
    await cut();
    await cache.evict(KEY);
    expect(app.errors.some(({ operation }) => operation === 'evict')).toBe(true);
    expect((await cache.explain(KEY)).undelivered).toBe(true);
  });
});

describe('an eviction by search during an outage', () => {
  const world = useWorld();

  it('takes nothing else out of memory: in an outage that is all there is', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url });
    await cache.set('film:1', 1);
    await cache.set('actor:1', 1);
    proxy.cut();
    await until('the loss is noticed', () => !cache.stats().redis?.ready);
    await cache.evict({ pattern: 'film:?' });
    expect([cache.peek('film:1'), cache.peek('actor:1')]).toEqual([undefined, 1]);
    await cache.evict({ prefix: 'act' });
    expect(cache.peek('actor:1')).toBeUndefined();
  });
});

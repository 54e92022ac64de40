import { describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../src/index.js';
import { until, useWorld } from './world.js';

describe('an app that starts without Redis', () => {
  const world = useWorld();

  it('starts soon, works from memory and its source, and uses Redis when it comes', async () => {
    const proxy = await world.proxy();
    proxy.cut();
    const start = performance.now();
    const { cache, errors } = await world.app({ url: proxy.url, named: [{ name: 'other' }] });
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(errors.some(({ operation }) => operation === 'connection')).toBe(true);
    const connections: boolean[] = [];
    cache.on('connection', ({ ready }) => connections.push(ready));

    let loads = 0;
    const load = async () => ++loads;
    expect(await cache.getOrLoad('key', load)).toBe(1);
    expect(await cache.getOrLoad('key', load)).toBe(1);
    await cache.set('set', 'value');
    expect(await cache.get('set')).toBe('value');
    await cache.evict('key');
    expect(await cache.getOrLoad('key', load)).toBe(2);
    expect(cache.stats().redis).toMatchObject({ ready: false });
    expect(await cache.explain('other')).toMatchObject({ redis: { state: 'unreachable' } });

    proxy.restore();
    await until('Redis is used', () => cache.stats().redis?.ready && cache.stats().redis?.undelivered === 0);
    expect(connections).toEqual([true]);
    await cache.getOrLoad('new', () => 'shared');
    await cache.idle();
    expect(await (await world.app()).cache.get('new')).toBe('shared');
  });

  it('starts soon where a server accepts and says nothing', async () => {
    const proxy = await world.proxy();
    proxy.stall();
    const start = performance.now();
    const { cache } = await world.app({ url: proxy.url, tier: { connectTimeout: 100 } });
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(await cache.getOrLoad('key', () => 1)).toBe(1);
    proxy.resume();
    await until('Redis is used', () => cache.stats().redis?.ready);
  });

  it('starts soon where nobody listens at all', async () => {
    const start = performance.now();
    const { cache } = await world.app({ url: 'redis://127.0.0.1:1' });
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(await cache.getOrLoad('key', () => 1)).toBe(1);
    await cache.evict({ tags: ['x'] });
    await cache.evict({ pattern: 'a*' });
    await cache.clear();
    expect(await cache.getMany(['key'])).toEqual(new Map());
  });

  it('refuses to start, soon and with what to do, when Redis is required', async () => {
    const proxy = await world.proxy();
    proxy.cut();
    const start = performance.now();
    const starting = world.app({ url: proxy.url, tier: { required: true, connectTimeout: 300 } });
    await expect(starting).rejects.toBeInstanceOf(CacheUnavailableError);
    await expect(starting).rejects.toThrow(/required/);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('leaves no connection behind when it refuses to start', async () => {
    const proxy = await world.proxy();
    const connectionName = world.namespace;
    proxy.stall();
    const starting = world.app({
      url: proxy.url,
      tier: { required: true, connectTimeout: 50, clientOptions: { connectionName } },
    });
    await expect(starting).rejects.toBeInstanceOf(CacheUnavailableError);
    proxy.resume();
    const listed = async () => String(await world.redis.client('LIST')).includes(`name=${connectionName} `);
    await until('no connection of the app is left', async () => !(await listed()));
  });

  it('starts when Redis is required and there', async () => {
    const { cache } = await world.app({ tier: { required: true } });
    expect(cache.stats().redis?.ready).toBe(true);
  });

  it('without memory asks its source for everything, and caches when Redis comes', async () => {
    const proxy = await world.proxy();
    proxy.cut();
    const { cache } = await world.app({ url: proxy.url, memory: false });
    let loads = 0;
    for (let i = 1; i <= 3; i++) expect(await cache.getOrLoad('key', async () => ++loads)).toBe(i);
    proxy.restore();
    await until('Redis is used', () => cache.stats().redis?.ready);
    await cache.getOrLoad('key', async () => ++loads);
    await cache.idle();
    expect(await cache.getOrLoad('key', async () => ++loads)).toBe(4);
  });
});

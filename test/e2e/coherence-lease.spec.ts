import { describe, expect, it } from '@jest/globals';
import { slowLoader, until, useWorld } from './world.js';

const world = useWorld();
const BOUND = 200;

describe('a process that hears nothing', () => {
  it('does not serve from memory for longer than the bound what others may have changed', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url, tier: { bound: BOUND, commandTimeout: 40 } });
    const other = (await world.app()).cache;
    await other.set('film:1', 'old');
    expect(await cache.get('film:1')).toBe('old');
    await until('it is in memory', async () => (await cache.get('film:1')) && cache.peek('film:1') === 'old');
    proxy.stall();
    const stalled = performance.now();
    await other.evict('film:1');
    let believed = stalled; // when it was last asked with success: how late it is asked again decides nothing
    await until('memory is not believed any more', () => {
      const asked = performance.now();
      if (cache.peek('film:1') === undefined) return true;
      believed = asked;
      return false;
    });
    expect(believed - stalled).toBeLessThan(2 * BOUND);
    expect(cache.stats().redis?.bus?.lease).toBe(false);
    expect((await cache.explain('film:1')).verdict).toMatch(/^A miss: Redis does not answer/);
    proxy.resume();
    await until('it hears again', () => cache.stats().redis?.bus?.lease);
    expect(await cache.get('film:1')).toBeUndefined();
  });

  it('serves what it loaded itself for the bound from the beginning of the load, and then loads again', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url, tier: { bound: BOUND, commandTimeout: 20 } });
    proxy.cut();
    await until('Redis is away', () => !cache.stats().redis?.ready);
    await until('there is no lease', () => !cache.stats().redis?.bus?.lease);
    let loads = 0;
    const load = (): number => ++loads;
    const began = performance.now();
    expect(await cache.getOrLoad('film:1', load)).toBe(1);
    let hits = 0;
    while ((await cache.getOrLoad('film:1', load)) === 1) {
      hits++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(hits).toBeGreaterThan(3);
    expect(performance.now() - began).toBeGreaterThanOrEqual(BOUND - 5);
    expect(loads).toBe(2);
  });

  it('lets nobody join a load that is older than the bound', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url, tier: { bound: BOUND, commandTimeout: 20 } });
    proxy.cut();
    await until('there is no lease', () => !cache.stats().redis?.bus?.lease);
    const slow = slowLoader<string>();
    const first = cache.getOrLoad('film:1', slow.load);
    await slow.started;
    const joined = cache.getOrLoad('film:1', () => 'not called');
    await new Promise((resolve) => setTimeout(resolve, BOUND));
    expect(await cache.getOrLoad('film:1', () => 'new')).toBe('new');
    slow.finish('old');
    expect(await Promise.all([first, joined])).toEqual(['old', 'old']);
  });

  it('is told of at boot, uses no memory, and works', async () => {
    const client = { username: '', password: '' };
    const name = `deaf-${world.namespace.replace(/\W/g, '-')}`;
    await world.redis.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', 'resetchannels', '+@all');
    world.later(() => world.redis.call('ACL', 'DELUSER', name));
    Object.assign(client, { username: name, password: 'secret' });
    const app = await world.app({ tier: { clientOptions: client, connectTimeout: 100 } });
    expect(app.errors.map(({ operation }) => operation)).toContain('bus');
    expect(await app.cache.getOrLoad('film:1', () => 'loaded')).toBe('loaded');
    await app.cache.idle();
    expect(app.cache.stats().redis?.bus?.lease).toBe(false);
  });
});

describe('a Redis that lost its last writes', () => {
  const bytesOf = (key: string): Promise<Buffer | null> => world.redis.dumpBuffer(world.entry(key));

  async function breakConnections(): Promise<void> {
    await world.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }

  it('is told of evictions again that it had confirmed', async () => {
    const { cache } = await world.app({ tier: { lossWindow: '10s' } });
    await cache.set('film:1', 'old', { tags: ['new'] });
    const old = (await bytesOf('film:1')) as Buffer;
    await cache.evict('film:1');
    await world.redis.restore(world.entry('film:1'), 0, old as unknown as string);
    await breakConnections();
    await until('it is made again', async () => (await world.redis.exists(world.entry('film:1'))) === 0);
    expect(await cache.get('film:1')).toBeUndefined();
  });

  it('is told of a changed tag again', async () => {
    const { cache } = await world.app({ tier: { lossWindow: '10s' } });
    await cache.set('film:1', 'old', { tags: ['new'] });
    const marker = world.marker('t:new');
    const old = (await world.redis.get(marker)) as string;
    await cache.evict({ tags: ['new'] });
    await world.redis.set(marker, old, 'KEEPTTL');
    await breakConnections();
    await until('it is made again', async () => (await world.redis.get(marker)) !== old);
    expect(await cache.get('film:1')).toBeUndefined();
  });

  it('keeps what was put if it is still there, and not what was there before', async () => {
    const { cache } = await world.app({ tier: { lossWindow: '10s' } });
    await cache.set('film:1', 'old');
    const old = (await bytesOf('film:1')) as Buffer;
    await cache.set('film:1', 'new');
    await cache.set('film:2', 'new');
    await world.redis.restore(world.entry('film:1'), 60_000, old as unknown as string, 'REPLACE');
    await breakConnections();
    await until('the old one is gone', async () => (await world.redis.exists(world.entry('film:1'))) === 0);
    expect(await world.redis.exists(world.entry('film:2'))).toBe(1);
    const other = (await world.app()).cache;
    expect(await other.explain('film:2')).toMatchObject({ redis: { state: 'fresh' } });
    expect(await other.get('film:2')).toBe('new');
  });

  it('is not told again of what has been safe for long', async () => {
    const { cache } = await world.app({ tier: { bound: 80, lossWindow: 50 } });
    await cache.evict('film:1');
    expect(cache.stats().redis?.bus?.unsafe).toBeGreaterThan(0);
    await until('it is safe', () => cache.stats().redis?.bus?.unsafe === 0);
  });
});

import { describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { hookedClient, never } from './hooked-client.js';
import { slowLoader, type TestApp, until, useWorld } from './world.js';

const world = useWorld();
const BOUND = 400;

const apps = (count: number, options: Parameters<typeof world.app>[0] = {}): Promise<TestApp[]> =>
  Promise.all(
    Array.from({ length: count }, () => world.app({ tier: { bound: BOUND, commandTimeout: '5s' }, ...options })),
  );

const waiting = (caches: readonly CacheService[]): number =>
  caches.reduce((sum, cache) => sum + cache.stats().waited, 0);

describe('one load for all processes', () => {
  it('runs when all of them miss a key at once', async () => {
    const caches = (await apps(4)).map(({ cache }) => cache);
    const slow = slowLoader<string>();
    const calls = caches.flatMap((cache) => Array.from({ length: 5 }, () => cache.getOrLoad('film:1', slow.load)));
    await until('three processes wait', () => waiting(caches) === 3);
    slow.finish('value');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['value']));
    expect(slow.calls()).toBe(1);
    expect(caches.reduce((sum, cache) => sum + cache.stats().loads, 0)).toBe(1);
  });

  it('wakes who waits, so that nobody has to look', async () => {
    const [a, b] = (await apps(2, { tier: { bound: '1m' } })).map(({ cache }) => cache) as [CacheService, CacheService];
    for (let round = 0; round < 10; round++) {
      const slow = slowLoader<number>();
      const first = a.getOrLoad(`film:${round}`, slow.load);
      await slow.started;
      const second = b.getOrLoad(`film:${round}`, () => -1);
      await until('it waits', () => b.stats().waited === round + 1);
      const asked = performance.now();
      slow.finish(round);
      expect(await Promise.all([first, second])).toEqual([round, round]);
      expect(performance.now() - asked).toBeLessThan(30_000);
    }
  });

  it.each<[string, object]>([
    ['evicted', {}],
    ['expired, with a grace', { grace: '1m' }],
  ])('runs when a value that all of them knew was %s', async (_name, options) => {
    const caches = (await apps(3, options)).map(({ cache }) => cache);
    const [first] = caches as [CacheService];
    await first.set('film:1', 'old', { tags: ['t'] });
    for (const cache of caches) expect(await cache.get('film:1')).toBe('old');
    await first.expire('film:1');
    await first.expire({ tags: ['t'] });
    await until('all hear', () => caches.every((cache) => cache.peek('film:1') === undefined));
    const slow = slowLoader<string>();
    const calls = caches.map((cache) => cache.getOrLoad('film:1', slow.load));
    await until('two processes wait', () => waiting(caches) === 2);
    slow.finish('new');
    expect(await Promise.all(calls)).toEqual(['new', 'new', 'new']);
    expect(slow.calls()).toBe(1);
  });

  it('that fails without a value to stand in rejects its own callers only', async () => {
    const [a, b] = (await apps(2)).map(({ cache }) => cache) as [CacheService, CacheService];
    const failing = slowLoader<string>();
    const failed = a.getOrLoad('film:1', failing.load);
    await failing.started;
    const other = b.getOrLoad('film:1', () => 'value');
    await until('it waits', () => b.stats().waited === 1);
    failing.fail(new Error('down'));
    await expect(failed).rejects.toThrow('down');
    expect(await other).toBe('value'); // with one: see cluster-stale.spec.ts
  });

  it('whose result is not stored lets the next one load', async () => {
    const [a, b] = (await apps(2)).map(({ cache }) => cache) as [CacheService, CacheService];
    const slow = slowLoader<undefined>();
    const first = a.getOrLoad('film:1', slow.load);
    await slow.started;
    const second = b.getOrLoad('film:1', () => 'value');
    await until('it waits', () => b.stats().waited === 1);
    slow.finish(undefined);
    expect(await Promise.all([first, second])).toEqual([undefined, 'value']);
  });

  it('that takes too long is given up, and is stored all the same when it ends', async () => {
    const [a, b] = (await apps(2)).map(({ cache }) => cache) as [CacheService, CacheService];
    const slow = slowLoader<string>();
    const first = a.getOrLoad('film:1', slow.load, { hardTimeout: 50 });
    await expect(first).rejects.toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    slow.finish('late');
    await a.idle();
    expect(await b.getOrLoad('film:1', () => 'anew')).toBe('late');
  });

  it('that cannot read its markers is not waited for', async () => {
    const client = hookedClient(world.client({ enableOfflineQueue: false, lazyConnect: true }));
    const lame = (await world.app({ tier: { client, bus: true, bound: '1m' } })).cache;
    const [other] = (await apps(1)).map(({ cache }) => cache) as [CacheService];
    let scripts = 0;
    // Of a miss the markers are the first script, the claim the second.
    client.instead = (command) => {
      if (!command.startsWith('EVAL') || scripts++ > 0) return undefined;
      return Promise.reject(new Error('no answer'));
    };
    const slow = slowLoader<string>();
    const own = lame.getOrLoad('film:1', slow.load);
    await slow.started;
    expect(scripts).toBeGreaterThan(1);
    expect(await other.getOrLoad('film:1', () => 'loaded here')).toBe('loaded here');
    slow.finish('loaded there');
    expect(await own).toBe('loaded there');
  });

  it('of a process that died is taken over within a few bounds, by one process', async () => {
    const proxy = await world.proxy();
    const dying = (await world.app({ url: proxy.url, tier: { bound: BOUND } })).cache;
    const others = (await apps(3)).map(({ cache }) => cache);
    const slow = slowLoader<string>();
    const ofTheDead = dying.getOrLoad('film:1', slow.load);
    await slow.started;
    proxy.stall(); // as good as dead
    const next = slowLoader<string>();
    const calls = others.map((cache) => cache.getOrLoad('film:1', next.load));
    // Each waits first, or asks so late that it takes over at once.
    await until('three have come', () => waiting(others) + next.calls() >= 3);
    await next.started;
    next.finish('value');
    expect(await Promise.all(calls)).toEqual(['value', 'value', 'value']);
    expect(next.calls()).toBe(1);
    proxy.resume();
    slow.finish('of the dead');
    expect(await ofTheDead).toBe('of the dead');
    await dying.idle();
    expect(await others[0]?.get('film:1')).toBe('value');
  });

  it('of a process that is closed is taken over at once, and not when it is found dead', async () => {
    const tier = { bound: 60_000 };
    const leaving = await world.app({ tier });
    const other = (await world.app({ tier })).cache;
    const slow = slowLoader<string>();
    const ofTheClosed = leaving.cache.getOrLoad('film:1', slow.load);
    await slow.started;
    const asked = performance.now();
    const waits = other.getOrLoad('film:1', () => 'value');
    await until('it waits', () => other.stats().waited === 1);
    await leaving.close();
    expect(await waits).toBe('value');
    expect(performance.now() - asked).toBeLessThan(30_000);
    slow.finish('late');
    expect(await ofTheClosed).toBe('late');
    expect(await other.get('film:1')).toBe('value');
  });

  it.each(['whose end Redis did not hear of', 'whose claim was made without an answer'])(
    '%s is not waited for any longer when Redis answers again',
    async (which) => {
      const client = hookedClient(world.client({ enableOfflineQueue: false, lazyConnect: true }));
      const tier = { client, bus: true, bound: 1_000, commandTimeout: 60 };
      const lost = (await world.app({ tier })).cache;
      const [other] = (await apps(1, { tier: { bound: 1_000 } })).map(({ cache }) => cache) as [CacheService];
      await lost.getOrLoad('warm', () => 1);
      await lost.idle();
      const slow = slowLoader<string>();
      if (which.includes('claim')) client.before = (command) => (command === 'MGET' ? undefined : never);
      const load = lost.getOrLoad('film:1', slow.load);
      await slow.started;
      client.before = () => undefined;
      client.instead = () => Promise.reject(new Error('lost'));
      slow.fail(new Error('down'));
      await expect(load).rejects.toThrow('down');
      await lost.idle();
      expect(await world.redis.get(world.entry('film:1'))).toMatch(/L$/);
      client.instead = () => undefined;
      const asked = performance.now();
      expect(await other.getOrLoad('film:1', () => 'value')).toBe('value');
      expect(performance.now() - asked).toBeLessThan(20_000); // and not until hardTimeout
    },
  );

  it.each<[string, (slow: ReturnType<typeof slowLoader<string>>) => void]>([
    ['was stored', (slow) => slow.finish('old')],
    ['failed', (slow) => slow.fail(new Error('down'))],
  ])('that %s is not waited for when Redis has forgotten that, and has the claim again', async (_how, end) => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url, tier: { bound: 60_000 } });
    const other = (await world.app({ tier: { bound: 60_000 } })).cache;
    const slow = slowLoader<string>();
    const load = cache.getOrLoad('film:1', slow.load).catch(() => undefined);
    await slow.started;
    const claim = (await world.redis.get(world.entry('film:1'))) as string;
    expect(claim).toMatch(/L$/);
    end(slow);
    await load;
    await cache.idle();
    proxy.cut();
    await until('the loss is known', () => cache.stats().redis?.ready === false);
    await world.redis.set(world.entry('film:1'), claim);
    const waits = other.getOrLoad('film:1', () => 'anew');
    await until('it waits', () => other.stats().waited === 1);
    proxy.restore();
    expect(await waits).toBe('anew');
  });

  it('is not waited for once its key was evicted: it is out of date', async () => {
    const [a, b] = (await apps(2)).map(({ cache }) => cache) as [CacheService, CacheService];
    const slow = slowLoader<string>();
    const first = a.getOrLoad('film:1', slow.load);
    await slow.started;
    const second = b.getOrLoad('film:1', () => 'new');
    await until('it waits', () => b.stats().waited === 1);
    await b.evict('film:1');
    expect(await second).toBe('new');
    slow.finish('old');
    expect(await first).toBe('old');
    await a.idle();
    expect(await a.get('film:1')).not.toBe('old');
  });

  it.each<[string, (cache: CacheService) => Promise<unknown>]>([
    ['evicted', (cache) => cache.evict('film:1')],
    ['expired', (cache) => cache.expire('film:1')],
    ['set', (cache) => cache.set('film:1', 'anew')],
    ['written', (cache) => cache.write('film:1', async () => 'anew')],
  ])('is not waited for once the process that waits has %s its key itself', async (_what, change) => {
    const tier = { bound: 60_000 };
    const [a, b] = (await apps(2, { tier })).map(({ cache }) => cache) as [CacheService, CacheService];
    const slow = slowLoader<string>();
    const first = a.getOrLoad('film:1', slow.load);
    await slow.started;
    const waits = b.getOrLoad('film:1', () => 'anew');
    await until('it waits', () => b.stats().waited === 1);
    await change(b);
    expect(await waits).toBe('anew');
    slow.finish('old');
    expect(await first).toBe('old');
  });

  it('can be turned off', async () => {
    const caches = (await apps(2, { singleFlight: 'process' })).map(({ cache }) => cache);
    const slow = slowLoader<string>();
    const calls = caches.map((cache) => cache.getOrLoad('film:1', slow.load));
    await until('both load', () => slow.calls() === 2);
    slow.finish('value');
    expect(await Promise.all(calls)).toEqual(['value', 'value']);
    expect(waiting(caches)).toBe(0);
  });

  it('costs no command more than a load of one process', async () => {
    const { cache } = await world.app({ tier: { bound: '1h' } });
    await cache.getOrLoad('warm', () => 1);
    await cache.idle();
    const before = cache.stats().redis?.commands.answered as number;
    await cache.getOrLoad('film:1', () => 1);
    await cache.idle();
    // Read; claim and markers; fill.
    expect((cache.stats().redis?.commands.answered as number) - before).toBe(4);
  });
});

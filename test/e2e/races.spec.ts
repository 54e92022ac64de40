import { describe, expect, it, jest } from '@jest/globals';
import { type CacheService, LoadTimeoutError } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { hookedClient, lag } from './hooked-client.js';
import { slowLoader, type TestApp, useWorld } from './world.js';

const KEY = 'film:1';

describe('of two changes of a key', () => {
  const world = useWorld();

  const earlier: [what: string, change: (cache: CacheService) => Promise<void>, commands: number][] = [
    ['a set', (cache) => cache.set(KEY, 'first'), 2],
    ['an eviction', (cache) => cache.evict(KEY), 1],
  ];
  const cases = earlier.flatMap(([what, change, commands]) =>
    Array.from({ length: commands + 1 }, (_, sent) => ({ what, change, sent })),
  );

  it.each(cases)(
    'a set that is called after $what of which $sent commands are on the way is what is read afterwards',
    async ({ change, sent }) => {
      const client = hookedClient(world.client());
      const { cache } = await world.app({ tier: { client } });
      await cache.set(KEY, 'old');
      client.before = lag(4);
      const already = client.sent.length;
      const first = change(cache);
      while (client.sent.length < already + sent) await new Promise(setImmediate);
      const second = cache.set(KEY, 'second');
      await Promise.all([first, second]);
      const fresh = await world.app();
      expect([await cache.get(KEY), await fresh.cache.get(KEY)]).toEqual(['second', 'second']);
    },
  );

  it.each<[string, (cache: CacheService) => Promise<void>]>([
    ['an eviction of its tag', (cache) => cache.evict({ tags: ['t'] })],
    ['an eviction of its first segment', (cache) => cache.evict({ prefix: 'film:' })],
    ['an eviction of it', (cache) => cache.evict(KEY)],
    ['a clear', (cache) => cache.clear()],
  ])('%s that is called after a set in the same tick leaves nothing of its value', async (_what, change) => {
    const { cache } = await world.app();
    await Promise.all([cache.set(KEY, 'value', { tags: ['t'] }), change(cache)]);
    const fresh = await world.app();
    expect([await cache.get(KEY), await fresh.cache.get(KEY)]).toEqual([undefined, undefined]);
  });
});

describe('a load in memory', () => {
  const world = useWorld();
  const memoryOnly = (options = {}): Promise<TestApp> => world.app({ url: false, ...options });

  it('whose tags come from its result gives nothing to a read that begins after an eviction of such a tag', async () => {
    const { cache } = await memoryOnly();
    const slow = slowLoader();
    const before = cache.getOrLoad(KEY, async (context) => {
      context.setTags(['sale']);
      return slow.load();
    });
    await slow.started;
    await cache.evict({ tags: ['sale'] });
    const after = cache.getOrLoad(KEY, () => 'new');
    slow.finish('old');
    expect([await before, await after]).toEqual(['old', 'new']);
    expect(await cache.get(KEY)).toBe('new');
  });

  it('that outlived its timeout does not replace the value of a newer load', async () => {
    const clock = new FakeClock();
    const { cache } = await memoryOnly({ clock, hardTimeout: 50 });
    const slow = slowLoader();
    const timedOut = expect(cache.getOrLoad(KEY, slow.load)).rejects.toThrow(LoadTimeoutError);
    await slow.started;
    await clock.advance(50);
    await timedOut;
    expect(await cache.getOrLoad(KEY, () => 'row 2')).toBe('row 2');
    slow.finish('row 1');
    await cache.idle();
    expect(await cache.get(KEY)).toBe('row 2');
  });

  it('that fails after its key was expired gets the stale value, and so does the next one', async () => {
    const clock = new FakeClock();
    const { cache } = await memoryOnly({ clock, ttl: 20, grace: '1h' });
    await cache.set(KEY, 'old');
    await clock.advance(30);
    const slow = slowLoader();
    const reading = cache.getOrLoad(KEY, slow.load);
    await slow.started;
    await cache.expire(KEY);
    slow.fail(new Error('The database is down.'));
    expect(await reading).toBe('old');
    const load = jest.fn(() => Promise.reject(new Error('The database is down.')));
    expect(await cache.getOrLoad(KEY, load)).toBe('old');
  });

  it('that fails after its key was evicted gets no stale value', async () => {
    const clock = new FakeClock();
    const { cache } = await memoryOnly({ clock, ttl: 20, grace: '1h' });
    await cache.set(KEY, 'old');
    await clock.advance(30);
    const slow = slowLoader();
    const reading = cache.getOrLoad(KEY, slow.load);
    await slow.started;
    await cache.evict(KEY);
    slow.fail(new Error('The database is down.'));
    await expect(reading).rejects.toThrow('The database is down.');
  });
});

import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheService, LoadContext } from '../../src/index.js';
import { slowLoader, useWorld } from './world.js';

/** Two apps in one process with the same namespace behave like two processes: they share nothing but Redis. */
describe('an invalidation during a load', () => {
  const world = useWorld();
  let a: CacheService;
  let b: CacheService;
  const KEY = 'film:1';

  beforeEach(async () => {
    a = (await world.app({ prefixes: ['film:*:'] })).cache;
    b = (await world.app({ prefixes: ['film:*:'] })).cache;
  });

  /** What a process gets that has not asked for the key before, and what stands in the memory of A. */
  async function afterwards() {
    await Promise.all([a.idle(), b.idle()]);
    const fresh = await world.app({ memory: false });
    return { redis: await fresh.cache.get(KEY), memory: a.peek(KEY) };
  }

  const changes: [what: string, change: (cache: CacheService) => Promise<unknown>][] = [
    ['an eviction', (cache) => cache.evict(KEY)],
    ['an expire', (cache) => cache.expire(KEY)],
    ['an eviction by pattern', (cache) => cache.evict({ pattern: 'fi*:1' })],
    ['an expire by pattern', (cache) => cache.expire({ pattern: 'fi*:1' })],
    ['an eviction by a prefix that nobody declared', (cache) => cache.evict({ prefix: 'fil' })],
    ['a set', (cache) => cache.set(KEY, 'new')],
    ['a write', (cache) => cache.write(KEY, async () => 'new')],
    ['a write that fails', (cache) => cache.write(KEY, () => Promise.reject(new Error('no'))).catch(() => {})],
  ];
  const markers: typeof changes = [
    ['an eviction of its tag', (cache) => cache.evict({ tags: ['t'] })],
    ['an expire of its tag', (cache) => cache.expire({ tags: ['t'] })],
    ['an eviction of its first segment', (cache) => cache.evict({ prefix: 'film:' })],
    ['a clear', (cache) => cache.clear()],
  ];

  it.each(changes)(
    '(%s) in another process keeps the late value out of Redis and out of memory',
    async (_what, change) => {
      const slow = slowLoader();
      const loading = a.getOrLoad(KEY, slow.load, { tags: ['t'] });
      await slow.started;
      await change(b);
      slow.finish('old');
      expect(await loading).toBe('old'); // its callers get what they asked for
      const { redis, memory } = await afterwards();
      expect(redis).not.toBe('old');
      expect(memory).toBeUndefined();
    },
  );

  it.each(markers)(
    '(%s) in another process makes the late value a miss for all that ask Redis',
    async (_what, change) => {
      const slow = slowLoader();
      const loading = a.getOrLoad(KEY, slow.load, { tags: ['t'] });
      await slow.started;
      await change(b);
      slow.finish('old');
      expect(await loading).toBe('old');
      expect((await afterwards()).redis).toBeUndefined();
    },
  );

  it.each([...changes, ...markers])(
    '(%s) in the same process keeps the late value out of both',
    async (_what, change) => {
      const slow = slowLoader();
      const loading = a.getOrLoad(KEY, slow.load, { tags: ['t'] });
      await slow.started;
      await change(a);
      slow.finish('old');
      expect(await loading).toBe('old');
      const { redis, memory } = await afterwards();
      expect(redis).not.toBe('old');
      expect(memory).not.toBe('old');
      expect(await a.get(KEY)).not.toBe('old');
    },
  );

  it.each([...changes, ...markers])(
    '(%s) is not overtaken by callers that come after it: they load anew',
    async (_what, change) => {
      const slow = slowLoader();
      const before = a.getOrLoad(KEY, slow.load, { tags: ['t'] });
      await slow.started;
      await change(a);
      const load = jest.fn(async () => 'new');
      expect(await a.getOrLoad(KEY, load, { tags: ['t'] })).toBe('new');
      slow.finish('old');
      expect(await before).toBe('old');
      expect(await a.get(KEY)).toBe('new');
      expect((await afterwards()).redis).toBe('new');
    },
  );

  it.each(markers)(
    '(%s) in another process counts also for a load that tells further tags and a longer life',
    async (_what, change) => {
      const slow = slowLoader();
      const load = async (context: LoadContext<unknown>): Promise<unknown> => {
        const value = await slow.load();
        context.setTags(['late']);
        context.setTtl('1d');
        return value;
      };
      const loading = a.getOrLoad(KEY, load, { tags: ['t'] });
      await slow.started;
      await change(b);
      slow.finish('old');
      expect(await loading).toBe('old');
      expect((await afterwards()).redis).toBeUndefined();
    },
  );

  it('of a tag that only the result tells keeps it out as well, in the same process', async () => {
    const slow = slowLoader();
    const loading = a.getOrLoad(KEY, async (context) => {
      const value = await slow.load();
      context.setTags(['late']);
      return value;
    });
    await slow.started;
    await a.evict({ tags: ['late'] });
    slow.finish('old');
    expect(await loading).toBe('old');
    expect(await afterwards()).toEqual({ redis: undefined, memory: undefined });
  });

  it('during a refresh of an expired value keeps the refreshed one out', async () => {
    await a.set(KEY, 'first', { grace: '1h' });
    await a.expire(KEY);
    const slow = slowLoader();
    const loading = a.getOrLoad(KEY, slow.load, { grace: '1h' });
    await slow.started;
    await b.evict(KEY);
    slow.finish('old');
    await loading;
    expect(await afterwards()).toEqual({ redis: undefined, memory: undefined });
  });

  it('is told: the load that stored nothing is counted and heard', async () => {
    const refused = jest.fn();
    a.on('refused', refused);
    const slow = slowLoader();
    const loading = a.getOrLoad(KEY, slow.load);
    await slow.started;
    await b.evict(KEY);
    slow.finish('old');
    await loading;
    await a.idle();
    expect(refused).toHaveBeenCalledWith({ key: KEY });
    expect(a.stats().refused).toBe(1);
  });

  it('of another key changes nothing', async () => {
    const slow = slowLoader();
    const loading = a.getOrLoad(KEY, slow.load, { tags: ['t'] });
    await slow.started;
    await b.evict(['film:2', 'film:10']);
    await a.evict({ tags: ['other'] });
    await a.evict({ prefix: 'actor:' });
    slow.finish('value');
    await loading;
    expect(await afterwards()).toEqual({ redis: 'value', memory: 'value' });
  });
});

import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { type Film, useFilmsTable } from './films-table.js';
import { deferred, slowLoader, useWorld } from './world.js';

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

describe('racing writers', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let a: CacheService;
  let b: CacheService;
  let id = 0;

  beforeEach(async () => {
    a = (await world.app({ memory: false })).cache;
    b = (await world.app({ memory: false })).cache;
    id++;
    await films.insert(id, 'as inserted');
  });

  const key = () => `film:${id}`;

  it.each([
    ['the first', true],
    ['the last', false],
  ])(
    'end in the last row or in nothing, when %s one to change the database stores first',
    async (_which, firstStoresFirst) => {
      const changed = { first: deferred<Film>(), last: deferred<Film>() };
      const go = { first: deferred(), last: deferred() };
      const first = a.write(key(), async () => {
        changed.first.resolve(await films.rename(id, 'first'));
        await go.first.promise;
        return changed.first.promise;
      });
      const last = b.write(key(), async () => {
        await changed.first.promise;
        changed.last.resolve(await films.rename(id, 'last'));
        await go.last.promise;
        return changed.last.promise;
      });
      await changed.last.promise;
      const [earlier, later] = firstStoresFirst ? (['first', 'last'] as const) : (['last', 'first'] as const);
      go[earlier].resolve();
      await (earlier === 'first' ? first : last);
      go[later].resolve();
      await Promise.all([first, last]);
      expect([undefined, 'last']).toContain((await a.get<Film>(key()))?.title);
      expect(await a.getOrLoad(key(), () => films.find(id))).toMatchObject({ title: 'last' });
    },
  );

  it('leave the last row to a load that read it before them and stores after them', async () => {
    const slow = slowLoader<Film | null>();
    const old = await films.find(id);
    const loading = b.getOrLoad(key(), slow.load);
    await slow.started;
    await a.write(key(), () => films.rename(id, 'written'));
    slow.finish(old);
    await loading;
    await b.idle();
    expect([undefined, 'written']).toContain((await b.get<Film>(key()))?.title);
  });

  it('and loads at random never leave an older row than the database has', async () => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    for (let round = 0; round < 15; round++) {
      const work = [a, b].flatMap((cache) => [
        ...[0, 1].map(async (i) => {
          await pause();
          await cache.write(key(), async () => {
            const row = await films.rename(id, `${round}.${i}`);
            await pause();
            return row;
          });
        }),
        ...[0, 1, 2].map(async () => {
          await pause();
          await cache.getOrLoad(key(), async () => {
            const row = await films.find(id);
            await pause();
            return row;
          });
        }),
      ]);
      await Promise.all(work);
      await Promise.all([a.idle(), b.idle()]);
      const row = (await films.find(id)) as Film;
      const cached = await a.get<Film>(key());
      expect([undefined, row.version]).toContain(cached?.version);
    }
  });

  it('read their own write at once', async () => {
    const { cache } = await world.app();
    await cache.getOrLoad(key(), () => films.find(id));
    for (let i = 0; i < 5; i++) {
      await cache.write(key(), () => films.rename(id, `title ${i}`));
      expect(await cache.getOrLoad(key(), () => films.find(id))).toMatchObject({ title: `title ${i}` });
    }
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheService, getCacheToken } from '../../src/index.js';
import { hookedClient } from '../e2e/hooked-client.js';
import { type AppOptions, slowLoader, type TestApp, until, useWorld } from '../e2e/world.js';
import { RedisServers } from '../support/redis-servers.js';

/** What server-assisted tracking tells beyond what every bus does. */
describe('the bus (tracking) also tells', () => {
  const world = useWorld();
  let a: CacheService;
  let appA: TestApp;
  const entry = (key: string): string => world.entry(key);

  const app = (options: AppOptions = {}): Promise<TestApp> =>
    world.app({ ...options, tier: { bus: 'tracking', bound: 300, ...options.tier } });

  beforeEach(async () => {
    appA = await app();
    a = appA.cache;
  });

  const gone = (key: string): Promise<void> =>
    until(`it hears of ${key}`, () => a.stats().redis?.bus?.lease && a.peek(key) === undefined);
  /** Or its lease is late, on a busy machine. */
  const kept = (key: string, value: unknown): Promise<void> =>
    until(`${key} is in memory`, () => a.peek(key) === value);
  const settled = async (): Promise<void> => {
    const { lag } = a.stats().redis?.bus ?? {};
    await until('a further echo', () => a.stats().redis?.bus?.lag !== lag);
  };

  const ways: [string, () => Promise<unknown>][] = [
    ['set', () => a.set('film:1', 'value', { tags: ['t'] })],
    ['loaded', () => a.getOrLoad('film:1', () => 'value', { tags: ['t'] })],
    ['written', () => a.write('film:1', async () => 'value', { tags: ['t'] })],
    [
      'set by another process',
      async () => {
        await (await app()).cache.set('film:1', 'value', { tags: ['t'] });
        await a.get('film:1');
      },
    ],
    [
      'set several times',
      async () => {
        await a.set('film:1', 'older');
        await a.get('film:1');
        await a.set('film:1', 'value', { tags: ['t'] });
      },
    ],
    [
      'refreshed over a value that expired',
      async () => {
        await a.set('film:1', 'older', { grace: '1m' });
        await a.expire('film:1');
        await a.getOrLoad('film:1', () => 'value', { grace: '1m', tags: ['t'] });
      },
    ],
  ];

  describe.each(ways)('of what was %s', (_way, bring) => {
    it.each<[string, () => Promise<unknown>]>([
      ['a DEL', () => world.redis.del(entry('film:1'))],
      ['a SET', () => world.redis.set(entry('film:1'), 'something else')],
      ['a DEL of its tag', () => world.redis.del(world.marker('t:t'))],
      ['a DEL of its prefix', () => world.redis.del(world.marker('p:film:'))],
      ['a SET of the marker of everything', () => world.redis.set(world.marker('*'), 'x'.repeat(32))],
    ])('that there was %s', async (_what, change) => {
      await bring();
      await a.idle();
      await kept('film:1', 'value');
      await change();
      await gone('film:1');
      expect(await a.get('film:1')).toBeUndefined();
      expect(await a.getOrLoad('film:1', () => 'new')).toBe('new');
      await a.idle();
      expect(a.peek('film:1') ?? (await a.get('film:1'))).toBe('new');
    });
  });

  it('of a key that expires', async () => {
    await a.set('film:1', 'value');
    await world.redis.pexpire(entry('film:1'), 150);
    await until('it is in memory once more', async () => (await a.get('film:1')) && a.peek('film:1') === 'value');
    await until('it has expired', async () => (await world.redis.exists(entry('film:1'))) === 0);
    await gone('film:1');
  });

  it('who has a named cache, and only that one', async () => {
    const named = await app({ named: [{ name: 'films' }] });
    const films = named.get<CacheService>(getCacheToken('films') as string);
    await films.set('film:1', 'named');
    await named.cache.set('film:1', 'default');
    await world.redis.del(`${world.namespace}/films:e:film:1`);
    await until('it hears', () => films.peek('film:1') === undefined);
    expect(named.cache.peek('film:1')).toBe('default');
  });

  it('of a DEL behind a key prefix and with braces in the key', async () => {
    const client = world.client({ keyPrefix: 'pre:', enableOfflineQueue: false, lazyConnect: true });
    const { cache } = await app({ tier: { client, bus: 'tracking' } });
    await cache.set('film:{1}', 'value');
    expect(await world.redis.del(`pre:${entry('film:%7b1%7d')}`)).toBe(1);
    await until('it hears', () => cache.peek('film:{1}') === undefined);
    await world.redis.del(`pre:${world.marker('*')}`, `pre:${world.marker('p:film:')}`);
  });

  it('a load whose key was deleted, which is stored nowhere then', async () => {
    const slow = slowLoader<string>();
    const load = a.getOrLoad('film:1', slow.load);
    await slow.started;
    await world.redis.del(entry('film:1'));
    await settled();
    expect(await a.getOrLoad('film:1', () => 'new')).toBe('new');
    slow.finish('old');
    expect(await load).toBe('old');
    await a.idle();
    expect(a.peek('film:1') ?? (await a.get('film:1'))).toBe('new');
  });

  it('nothing that would drop memory when other processes load, and markers get a longer life', async () => {
    const other = (await app()).cache;
    await a.getOrLoad('film:1', () => 'one', { tags: ['t'], ttl: '1m' });
    await a.idle();
    for (const ttl of ['1h', '2d'] as const) {
      await other.getOrLoad(`film:${ttl}`, () => 'two', { tags: ['t'], ttl });
      await other.set(`film:set ${ttl}`, 'two', { tags: ['t'], ttl });
      await other.idle();
      await settled();
      await settled();
      await kept('film:1', 'one');
    }
    expect(a.stats().redis?.bus).toMatchObject({ gaps: 0 });
  });

  it('prolongs the lives of markers seldom, so that nobody has to look after them', async () => {
    await a.getOrLoad('film:0', () => 0);
    await a.idle();
    const life = await world.redis.pexpiretime(world.marker('*'));
    for (let i = 1; i < 5; i++) await a.getOrLoad(`film:${i}`, () => i);
    await a.idle();
    expect(await world.redis.pexpiretime(world.marker('*'))).toBe(life);
  });

  it.each(['pubsub', 'normal'])('of a DEL after its %s connection was killed', async (type) => {
    const gaps = a.stats().redis?.bus?.gaps as number;
    await world.client().call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    await until('there was a gap', () => (a.stats().redis?.bus?.gaps as number) > gaps);
    await until('it hears itself', () => a.stats().redis?.bus?.lease && a.stats().redis?.ready);
    await until('it is in memory', async () => {
      await a.set('film:1', 'value');
      return a.peek('film:1') === 'value';
    });
    await settled();
    await world.client().del(entry('film:1'));
    await gone('film:1');
    expect(await a.get('film:1')).toBeUndefined();
  });

  it('nothing of what Redis could not be asked for, which is believed for the bound only', async () => {
    const client = hookedClient(world.client({ enableOfflineQueue: false, lazyConnect: true }));
    const { cache } = await app({ tier: { client, bus: 'tracking' } });
    client.instead = (command) => (command === 'MGET' ? Promise.reject(new Error('lost')) : undefined);
    expect(await cache.getOrLoad('film:1', () => 'old')).toBe('old');
    client.instead = () => undefined;
    await until('it is not believed any more', () => cache.peek('film:1') === undefined);
    await until('it hears itself', () => cache.stats().redis?.bus?.lease);
    expect(cache.peek('film:1')).toBeUndefined();
    expect(await cache.getOrLoad('film:1', () => 'new')).toBe('new');
  });

  it('when somebody ended the tracking of a client that is the app’s own', async () => {
    const client = world.client({ enableOfflineQueue: false, lazyConnect: true });
    const own = await app({ tier: { client, bus: 'tracking' } });
    await own.cache.set('film:1', 'value');
    const gaps = own.cache.stats().redis?.bus?.gaps as number;
    await client.call('CLIENT', 'TRACKING', 'OFF');
    await until('it is noticed', () => (own.cache.stats().redis?.bus?.gaps as number) > gaps);
    expect(own.errors.map(({ error }) => (error as Error).message)).toContainEqual(
      expect.stringMatching(/^CLIENT TRACKING was changed/),
    );
    await until('it hears itself', () => own.cache.stats().redis?.bus?.lease);
    await own.cache.set('film:2', 'value');
    await world.redis.del(entry('film:2'));
    await until('it hears', () => own.cache.peek('film:2') === undefined);
  });

  describe('with a Redis of its own', () => {
    const servers = new RedisServers();
    let url = '';
    let cache: CacheService;
    let admin: Awaited<ReturnType<RedisServers['start']>>['admin'];

    beforeEach(async () => {
      const server = await servers.start(['save ""']);
      world.later(() => servers.end());
      ({ admin } = server);
      url = `redis://127.0.0.1:${server.port}`;
      cache = (await app({ url })).cache;
    });

    it('of FLUSHALL', async () => {
      await cache.set('film:1', 'value');
      await admin.flushall();
      await until('it hears', () => cache.peek('film:1') === undefined);
      await until('it hears itself', () => cache.stats().redis?.bus?.lease);
      expect(await cache.getOrLoad('film:1', () => 'new')).toBe('new');
    });

    it('of what a full Redis evicts', async () => {
      for (let i = 0; i < 20; i++) await cache.set(`film:${i}`, 'x'.repeat(1_000));
      const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await admin.config('SET', 'maxmemory', String(used + 300_000));
      for (let i = 0; i < 1_000; i++) await admin.set(`other:${i}`, 'y'.repeat(1_000));
      const left = await admin.keys('*:e:film:*');
      expect(left.length).toBeLessThan(20);
      const gone = (i: number): boolean => !left.some((name) => name.endsWith(`:film:${i}`));
      await until('it hears', () =>
        Array.from({ length: 20 }, (_, i) => i).every((i) => !gone(i) || cache.peek(`film:${i}`) === undefined),
      );
    });

    it('early when its table is full, and is told what really changes all the same', async () => {
      await admin.config('SET', 'tracking-table-max-keys', '10');
      for (let i = 0; i < 50; i++) await cache.set(`film:${i}`, i);
      await until('the table is emptied', async () => {
        await cache.get('film:49');
        return /tracking_total_keys:(\d+)/.exec(await admin.info('stats'))?.[1] !== undefined;
      });
      expect(await cache.get('film:49')).toBe(49);
      await admin.del(`${world.namespace}:e:film:49`);
      await until('it hears', () => cache.peek('film:49') === undefined);
    });
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheService, getCacheToken } from '../../src/index.js';
import { type BusKind, redisTier } from '../../src/redis.js';
import { hookedClient } from '../e2e/hooked-client.js';
import { type AppOptions, slowLoader, type TestApp, until, useWorld } from '../e2e/world.js';
import type { RedisProxy } from '../support/redis-proxy.js';
import { RedisServers } from '../support/redis-servers.js';

/** What every way of hearing of others promises, whatever it is made of. */
describe.each<BusKind>(['pubsub', 'tracking'])('the bus (%s)', (bus) => {
  const world = useWorld();
  const BOUND = 300;
  let a: CacheService;
  let b: CacheService;

  const app = ({ tier, ...options }: AppOptions = {}): Promise<TestApp> =>
    world.app({ ...options, tier: { bus, bound: BOUND, ...tier } });

  beforeEach(async () => {
    a = (await app()).cache;
    b = (await app({ policies: { local: { tiers: ['memory'] } } })).cache;
  });

  /** Brings a value of `a` into the memory of another one. */
  async function spread(key: string, value: unknown, tags: string[] = [], to = b): Promise<void> {
    await a.set(key, value, { tags });
    const there = async (): Promise<boolean> => (await to.get(key)) === value && to.peek(key) === value;
    await until(`${key} is in the memory of the other one`, there);
  }

  const gone = (key: string, from = b): Promise<void> =>
    until(`the other one hears of ${key}`, () => hears(from)() && from.peek(key) === undefined);

  const gapsOf = (cache: CacheService): number => cache.stats().redis?.bus?.gaps as number;
  const hears = (cache: CacheService) => (): unknown => cache.stats().redis?.bus?.lease;

  async function heardAgain(cache = b): Promise<void> {
    await until('it hears itself', hears(cache));
    await spread('probe', 1, [], cache);
    await a.evict('probe');
    await gone('probe', cache);
  }

  it.each<[string, () => Promise<unknown>]>([
    ['a set', () => a.set('film:1', 'new')],
    ['a write', () => a.write('film:1', async () => 'new')],
    ['an eviction', () => a.evict('film:1')],
    ['an expiration', () => a.expire('film:1')],
    ['an eviction of its tag', () => a.evict({ tags: ['t'] })],
    ['an expiration of its tag', () => a.expire({ tags: ['t'] })],
    ['an eviction of its prefix', () => a.evict({ prefix: 'film:' })],
    ['an eviction of a pattern', () => a.evict({ pattern: 'f*:1' })],
    ['clear', () => a.clear()],
  ])('tells of %s, once more when it was told before', async (_what, change) => {
    for (let round = 0; round < 2; round++) {
      await spread('film:1', `old ${round}`, ['t']);
      await change();
      await gone('film:1');
      expect(await b.get('film:1')).not.toBe(`old ${round}`);
    }
  });

  it.each<[string, () => Promise<void>]>([
    ['an eviction', () => a.evict('film:1')],
    ['an eviction of a pattern', () => a.evict({ pattern: 'f*1' })],
  ])('tells of %s those who have what Redis never had', async (_what, change) => {
    await b.getOrLoad('film:1', () => 'local', { policy: 'local' });
    await change();
    await gone('film:1');
  });

  it('leaves in memory what the process itself has put, loaded and written', async () => {
    await a.get('put');
    await a.set('put', 1);
    await a.getOrLoad('loaded', () => 1);
    await a.write('written', async () => 1);
    await a.idle();
    await a.set('put', 2);
    await a.write('loaded', async () => 2);
    expect(await b.get('put')).toBe(2);
    await b.set('end', 'heard');
    await until('the end is heard', async () => (await a.get('end')) === 'heard');
    await until('an echo came', () => (a.stats().redis?.bus?.lag ?? 0) > 0);
    await until('they are in memory', () => a.peek('put') === 2 && a.peek('loaded') === 2 && a.peek('written') === 1);
  });

  it('tells a load under way, which is stored nowhere then and takes no new callers', async () => {
    const slow = slowLoader<string>();
    const first = b.getOrLoad('film:1', slow.load);
    await slow.started;
    await a.evict('film:1');
    await spread('end', 'heard');
    expect(await b.getOrLoad('film:1', () => 'new')).toBe('new');
    slow.finish('old');
    expect(await first).toBe('old');
    await b.idle();
    expect([b.peek('film:1') ?? (await b.get('film:1')), await a.get('film:1')]).toEqual(['new', 'new']);
  });

  it('keeps a value that was expired as a stand-in for a load that fails', async () => {
    const other = (await app({ grace: '1m' })).cache;
    await a.set('film:1', 'old', { grace: '1m' });
    expect(await other.get('film:1')).toBe('old');
    await a.expire('film:1');
    await gone('film:1', other);
    const failing = (): Promise<string> => Promise.reject(new Error('down'));
    expect(await other.getOrLoad('film:1', failing)).toBe('old');
  });

  it('begins memory anew, and hears again, when the connection that hears was killed', async () => {
    await spread('film:1', 'old');
    const gaps = gapsOf(b);
    await Promise.all([world.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub'), a.evict('film:1')]);
    await until('there was a gap', () => gapsOf(b) > gaps);
    expect(b.peek('film:1')).toBeUndefined();
    await heardAgain();
  });

  it('hears again when the command connection was killed', async () => {
    await spread('film:1', 'old');
    await world.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    // What was put while the connection was broken and nobody knew is evicted afterwards.
    await until('both are connected again', async () => {
      await a.set('film:1', 'new');
      return (await b.get('film:1')) === 'new';
    });
    await heardAgain();
  });

  describe('of a process behind a connection that breaks', () => {
    let proxy: RedisProxy;
    let far: CacheService;

    beforeEach(async () => {
      proxy = await world.proxy();
      far = (await app({ url: proxy.url, tier: { commandTimeout: 50 } })).cache;
      await spread('film:1', 'old', [], far);
    });

    it('ends the lease when nothing is heard, and renews it when that is over', async () => {
      proxy.stall();
      await a.evict('film:1');
      await until('memory is not believed any more', () => far.peek('film:1') === undefined, 2 * BOUND);
      expect(far.stats().redis?.bus?.lease).toBe(false);
      proxy.resume();
      await heardAgain(far);
      expect(await far.get('film:1')).toBeUndefined();
    });

    it('makes new connections when the old ones stay half-open', async () => {
      proxy.stall();
      const gaps = gapsOf(far);
      await new Promise((resolve) => setTimeout(resolve, 3 * BOUND));
      proxy.cut();
      proxy.resume();
      proxy.restore();
      await until('there was a gap', () => gapsOf(far) > gaps);
      await heardAgain(far);
    });
  });

  it.each([
    ['subscribe', ['resetchannels']],
    ...(bus === 'tracking' ? [['use CLIENT', ['-client']] as const] : []),
  ] as const)(
    'says at boot that nothing is heard when the user may not %s, and works without memory',
    async (_w, rules) => {
      const name = `deaf-${world.namespace.replace(/\W/g, '-')}`;
      await world.redis.call('ACL', 'SETUSER', name, 'on', '>secret', '~*', '&*', '+@all', ...rules);
      world.later(() => world.redis.call('ACL', 'DELUSER', name));
      const deaf = await app({ tier: { clientOptions: { username: name, password: 'secret' }, connectTimeout: 500 } });
      const told = deaf.errors.map(({ operation, error }) => `${operation}: ${(error as Error).message}`);
      expect(told).toContainEqual(expect.stringMatching(/^bus: What is published to Redis is not heard/));
      expect(await deaf.cache.getOrLoad('film:1', () => 'loaded')).toBe('loaded');
      expect(deaf.cache.stats().redis?.bus?.lease).toBe(false);
      // Redis answers: the command connection is not to blame, and stays.
      const before = deaf.cache.stats().redis?.commands.failed;
      await new Promise((resolve) => setTimeout(resolve, 2.5 * BOUND));
      expect(await deaf.cache.get('film:1')).toBe('loaded');
      expect(deaf.cache.stats().redis).toMatchObject({ ready: true });
      expect((deaf.cache.stats().redis?.commands.failed as number) - (before as number)).toBeLessThan(5);
    },
  );
});

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
    await until('it is not believed any more', () => cache.peek('film:1') === undefined, 2_000);
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

describe('bus', () => {
  it.each(['track', 1, null])('as %p is refused at boot', async (bus) => {
    expect(() => redisTier({ url: 'redis://localhost', bus: bus as never })).toThrow(
      /redisTier\.bus: .*Use 'pubsub' \(default\), 'tracking' or false/,
    );
  });
});

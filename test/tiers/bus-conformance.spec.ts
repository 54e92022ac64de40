import { beforeEach, describe, expect, it } from '@jest/globals';
import { type CacheService } from '../../src/index.js';
import { type BusKind, redisTier } from '../../src/redis.js';
import { type AppOptions, slowLoader, type TestApp, until, useWorld } from '../e2e/world.js';
import type { RedisProxy } from '../support/redis-proxy.js';

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

describe('bus', () => {
  it.each(['track', 1, null])('as %p is refused at boot', async (bus) => {
    expect(() => redisTier({ url: 'redis://localhost', bus: bus as never })).toThrow(
      /redisTier\.bus: .*Use 'pubsub' \(default\), 'tracking' or false/,
    );
  });

  it('is refused at boot as tracking in a cluster, where nobody tells what becomes of keys that move', () => {
    const cluster = { nodes: [{ host: 'localhost', port: 7000 }] };
    expect(() => redisTier({ cluster, bus: 'tracking' })).toThrow(/In a cluster use 'pubsub'/);
    expect(() => redisTier({ cluster, bus: 'pubsub' })).not.toThrow();
  });
});

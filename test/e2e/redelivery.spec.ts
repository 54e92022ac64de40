import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { FakeClock } from '../../src/testing.js';
import { hookedClient, never, onlyReads } from './hooked-client.js';
import { deferred, until, useWorld } from './world.js';

const KEY = 'film:1';

/** A rejection that nobody handles fails the test in which it comes: jest listens for them. */
const rejectionsShow = () => new Promise(setImmediate);

describe('a Redis that answers reads and nothing else', () => {
  const world = useWorld();

  it.each<[string, () => Promise<unknown>]>([
    ['refuses', () => Promise.reject(new Error('Connection is closed.'))],
    ['does not answer', () => never],
  ])(
    'and %s the hold and the markers leaves a load to its loader, and no rejection unhandled',
    async (_how, answer) => {
      const client = hookedClient(world.client());
      const { cache, errors } = await world.app({ tier: { client, commandTimeout: 30 } });
      client.instead = onlyReads(answer);
      expect(await cache.getOrLoad(KEY, () => 'loaded')).toBe('loaded');
      await cache.idle();
      await rejectionsShow();
      expect(client.sent.filter((command) => command.startsWith('EVAL')).length).toBeGreaterThanOrEqual(2);
      expect(errors.map(({ operation }) => operation)).toContain('hold');
      expect(cache.stats().flights).toBe(0);
    },
  );
});

describe('an entry with tags that are asked for in a second trip, which fails,', () => {
  const world = useWorld();

  async function reader() {
    const { cache: writer } = await world.app();
    await writer.set(KEY, 'stored', { tags: ['t'] });
    const client = hookedClient(world.client());
    const app = await world.app({ tier: { client } });
    let reads = 0;
    client.instead = (command) =>
      command === 'MGET' && ++reads === 2 ? Promise.reject(new Error('Connection is closed.')) : undefined;
    return { ...app, reads: () => reads };
  }

  it('is a miss for a get', async () => {
    const { cache, errors, reads } = await reader();
    expect(await cache.get(KEY)).toBeUndefined();
    expect([reads(), errors.length, cache.stats().flights]).toEqual([2, 1, 0]);
    expect(await cache.get(KEY)).toBe('stored');
  });

  it('is loaded anew', async () => {
    const { cache, reads } = await reader();
    expect(await cache.getOrLoad(KEY, () => 'loaded')).toBe('loaded');
    await cache.idle();
    await rejectionsShow();
    expect([reads() >= 2, cache.stats().flights]).toEqual([true, 0]);
  });
});

describe('an eviction that Redis did not confirm', () => {
  const world = useWorld();

  it('is delivered too when it is made while an earlier one of the same key is delivered again', async () => {
    const clock = new FakeClock();
    const client = hookedClient(world.client());
    const tier = { client, commandTimeout: 100, breakerPause: 300 };
    const { cache: a } = await world.app({ clock, tier });
    const { cache: b } = await world.app({ clock, memory: false });
    await b.set(KEY, 'row 1');

    client.instead = () => never;
    for (let i = 0; i < 5; i++) {
      const evicted = a.evict(KEY); // the fifth timeout in a row opens the breaker
      await clock.advance(0);
      await clock.advance(100);
      await evicted;
    }
    expect(a.stats().redis).toMatchObject({ ready: false, undelivered: 1 });

    const answer = deferred();
    client.instead = () => undefined;
    client.before = () => answer.promise;
    const sent = client.sent.length;
    await until('the eviction is sent again', async () => {
      if (client.sent.length === sent) await clock.advance(10);
      return client.sent.length > sent;
    });
    await until('it took effect', async () => (await b.get(KEY)) === undefined);
    await b.set(KEY, 'row 2');
    await a.evict(KEY);
    expect(client.sent.length).toBe(sent + 1); // nothing else is sent before the answer is there
    answer.resolve();
    await until('Redis is used again', () => a.stats().redis?.ready);
    await until('all is delivered', async () => {
      await clock.advance(100);
      return a.stats().redis?.undelivered === 0;
    });
    expect([await a.get(KEY), await b.get(KEY)]).toEqual([undefined, undefined]);
  });
});

describe('a system clock that is set back', () => {
  const world = useWorld();
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('while a command is not answered does not suspend the deadlines of that and of later ones', async () => {
    const client = hookedClient(world.client());
    const { cache } = await world.app({ tier: { client, commandTimeout: 50 } });
    client.instead = () => never;
    const sent = client.sent.length;
    const first = cache.get('film:1');
    await until('the first command is sent', () => client.sent.length > sent);
    const real = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => real() - 60_000);
    const began = performance.now();
    expect(await cache.getOrLoad('film:2', () => 'loaded')).toBe('loaded');
    expect(await first).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  it('does not keep a breaker open', async () => {
    const client = hookedClient(world.client());
    const { cache } = await world.app({ tier: { client, commandTimeout: 20, breakerPause: 50 } });
    client.instead = () => never;
    await until('the breaker opens', async () => {
      await cache.get(KEY);
      return !cache.stats().redis?.ready;
    });
    client.instead = () => undefined;
    const real = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => real() - 60_000);
    await until(
      'Redis is used again',
      async () => {
        await cache.get(KEY);
        return cache.stats().redis?.ready;
      },
      2_000,
    );
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import { OverloadError } from '../../../src/cache.errors.js';
import type { CacheEvents } from '../../../src/engine/events.js';
import type { Loader } from '../../../src/engine/loading.js';
import { type Deferred, deferred, embeddedCache, settled } from '../embedded-cache.js';

/** A source whose rows come when the test says so. */
function source() {
  const rows = new Map<string, Deferred<string>>();
  const asked: string[] = [];
  const load = (key: string) => (): Promise<string> => {
    asked.push(key);
    const row = deferred<string>();
    rows.set(key, row);
    return row.promise;
  };
  const answer = async (key: string): Promise<void> => {
    rows.get(key)?.resolve(`row of ${key}`);
    await settled();
  };
  return { asked, load, answer, rows };
}

describe('loads of a cache with a limit', () => {
  it('run so many at once, and the others in their turn', async () => {
    const { cache } = embeddedCache({ loads: 2 });
    const { asked, load, answer } = source();
    const values = Promise.all(['a', 'b', 'c'].map((key) => cache.getOrLoad(key, load(key))));
    expect(asked).toEqual(['a', 'b']);
    expect(cache.stats()).toMatchObject({ loads: 2, lanes: { default: { limit: 2, inFlight: 2, queued: 1 } } });
    await answer('b');
    expect(asked).toEqual(['a', 'b', 'c']);
    await answer('a');
    await answer('c');
    expect(await values).toEqual(['row of a', 'row of b', 'row of c']);
    expect(await cache.getMany(['a', 'b', 'c'])).toHaveProperty('size', 3);
  });

  it('take no further place for what they load themselves, which they would wait for in a circle', async () => {
    const { cache } = embeddedCache({ loads: { concurrency: 2, queue: 10 } });
    const outer = (key: string) =>
      cache.getOrLoad(key, async () => {
        await settled();
        return [key, await cache.getOrLoad('shared', async () => 'row', { ttl: '1m' })];
      });
    expect(await Promise.all([outer('a'), outer('b')])).toEqual([
      ['a', 'row'],
      ['b', 'row'],
    ]);
    expect(cache.stats().lanes.default).toMatchObject({ started: 2, inFlight: 0, queued: 0 });
  });

  it('let one begin that waits for its turn if a load with a place comes to wait for it', async () => {
    const { cache } = embeddedCache({ loads: { concurrency: 1, queue: 10 } });
    const go = deferred<void>();
    const outer = cache.getOrLoad('outer', async () => {
      await go.promise;
      return cache.getOrLoad('inner', async () => 'never');
    });
    const inner = cache.getOrLoad('inner', async () => 'row');
    go.resolve();
    expect(await Promise.all([outer, inner])).toEqual(['row', 'row']);
    expect(cache.stats().lanes.default).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('are refused at once when the queue is full, for all who wait for them, and told of', async () => {
    const { cache } = embeddedCache({ loads: { concurrency: 1, queue: 0 } });
    const { load } = source();
    const told: CacheEvents['overload'][] = [];
    cache.on('overload', (event) => told.push(event));
    void cache.getOrLoad('a', load('a'));
    await expect(cache.getOrLoad('b', load('b'))).rejects.toBeInstanceOf(OverloadError);
    expect(told).toEqual([{ key: 'b', lane: 'default', reason: 'full' }]);
    expect(cache.stats()).toMatchObject({ loads: 1, lanes: { default: { rejected: { full: 1 } } }, flights: 1 });
  });

  it('leave a stale value to those whom the queue has no room for', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1h', loads: { concurrency: 1, queue: 0 } });
    await cache.set('b', 'old');
    await clock.advance('1s');
    const { load } = source();
    void cache.getOrLoad('a', load('a'));
    expect(await cache.getOrLoad('b', load('b'))).toBe('old');
  });

  it('that nobody waits for any more leave the queue: their hardTimeout came first', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s', loads: 1 });
    const { asked, load, answer } = source();
    const late = ['a', 'b'].map((key) => cache.getOrLoad(key, load(key)).catch((error: unknown) => error));
    await clock.advance('1s');
    for (const error of await Promise.all(late)) expect(error).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    expect(cache.stats().lanes.default).toMatchObject({ inFlight: 1, queued: 0, rejected: { cancelled: 1 } });
    await answer('a');
    await cache.idle();
    expect([asked, await cache.get('a'), await cache.get('b')]).toEqual([['a'], 'row of a', undefined]);
  });

  it('give their place away when they never end', async () => {
    const { cache, clock } = embeddedCache({ hardTimeout: '1s', loads: 1 });
    void cache.getOrLoad('a', () => new Promise(() => {})).catch(() => undefined);
    await clock.advance('6s');
    expect(await cache.getOrLoad('b', () => 'value')).toBe('value');
    expect(cache.stats().lanes.default).toMatchObject({ inFlight: 0, lost: 1 });
  });

  it('of several keys asked for together are one load', async () => {
    const { cache } = embeddedCache({ loads: 1 });
    const load = jest.fn((keys: unknown[]) => new Map(keys.map((key) => [key as string, 1])));
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    expect((await cache.getOrLoadMany(keys, load)).size).toBe(50);
    expect([load.mock.calls.length, cache.stats().lanes.default?.started]).toEqual([1, 1]);
  });

  it('of a policy keep its own limit and that of the cache', async () => {
    const { cache } = embeddedCache({ loads: 3, policies: { slow: { loads: 1 }, other: {} } });
    const { asked, load } = source();
    for (const key of ['s1', 's2', 's3']) void cache.getOrLoad(key, load(key), { policy: 'slow' });
    for (const key of ['o1', 'o2', 'o3']) void cache.getOrLoad(key, load(key), { policy: 'other' });
    expect(asked).toEqual(['s1', 'o1', 'o2']);
    expect(cache.stats().lanes).toMatchObject({
      default: { inFlight: 3, queued: 1 },
      slow: { inFlight: 1, queued: 2 },
    });
  });

  it('begun early are background work, until somebody waits for them', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s', refreshAhead: 0.8, loads: 1, grace: 0 });
    await cache.set('a', 'old');
    await clock.advance('9s');
    const { asked, load, answer } = source();
    void cache.getOrLoad('x', load('x'));
    expect(await cache.getOrLoad('a', load('a'))).toBe('old');
    void cache.getOrLoad('y', load('y'));
    void cache.getOrLoad('z', load('z'));
    expect(cache.stats().lanes.default).toMatchObject({ queued: 3, queuedBackground: 1 });
    await answer('x');
    expect(asked).toEqual(['x', 'y']);
    await clock.advance('1s');
    const joined = cache.getOrLoad('a', load('a'));
    expect(cache.stats().lanes.default).toMatchObject({ queued: 2, queuedBackground: 0 });
    await answer('y');
    await answer('z');
    await answer('a');
    expect([asked, await joined]).toEqual([['x', 'y', 'z', 'a'], 'row of a']);
  });

  it('asked for by a job are background work', async () => {
    const { cache } = embeddedCache({ loads: 1 });
    const policy = cache.policyOf(undefined);
    const { asked, load, answer } = source();
    void cache.getOrLoad('x', load('x'));
    const warm = cache.loadAhead('a' as never, 0, load('a') as Loader, policy);
    void cache.getOrLoad('y', load('y'));
    expect(cache.stats().lanes.default).toMatchObject({ queued: 2, queuedBackground: 1 });
    for (const key of ['x', 'y', 'a']) await answer(key);
    expect([asked, await warm, await cache.get('a')]).toEqual([['x', 'y', 'a'], 'loaded', 'row of a']);
  });

  it('are bound by options that are checked at boot, all at once', () => {
    const wrong = { loads: { concurrency: 0, queue: -1, queueTimeout: 'soon', more: 1 } };
    expect(() => embeddedCache({ loads: 'many' as never })).toThrow(/loads: "many"/);
    expect(() => embeddedCache({ policies: { p: wrong as never } })).toThrow(
      /policies\.p\.loads\.more[\s\S]*policies\.p\.loads\.queue[\s\S]*queueTimeout[\s\S]*concurrency/,
    );
  });
});

describe('1,000 concurrent requests of a cache against a source limited to 10', () => {
  it('are all answered or refused, with one load for each key and never more than 10 at once', async () => {
    const { cache, clock } = embeddedCache({ loads: { concurrency: 10, queue: 100, queueTimeout: '10s' } });
    let running = 0;
    let most = 0;
    const load = (key: string) => async (): Promise<string> => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => void clock.after(100, resolve));
      running--;
      return key;
    };
    const answers = Array.from({ length: 1_000 }, (_, i) => {
      const key = `product:${i % 200}`;
      return cache.getOrLoad(key, load(key)).catch((error: unknown) => error);
    });
    for (let i = 0; i < 30; i++) await clock.advance(50);
    const got = await Promise.all(answers);
    // 10 load, 100 wait, 90 of the 200 keys are refused: each for five callers.
    expect(got.filter((value, i) => value === `product:${i % 200}`)).toHaveLength(550);
    expect(got.filter((value) => value instanceof OverloadError)).toHaveLength(450);
    await cache.idle();
    expect([most, running]).toEqual([10, 0]);
    expect(cache.stats()).toMatchObject({ loads: 110, flights: 0, lanes: { default: { inFlight: 0, queued: 0 } } });
  });
});

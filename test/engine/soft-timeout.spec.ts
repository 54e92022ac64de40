import { describe, expect, it, jest } from '@jest/globals';
import { CacheOptionsError, LoadTimeoutError } from '../../src/cache.errors.js';
import type { CacheEvents } from '../../src/engine/events.js';
import { deferred, type Embedded, embeddedCache, settled } from './embedded-cache.js';

/** A cache with the old value `old` under `a`, whose fresh life is over. */
async function withStale(options: Parameters<typeof embeddedCache>[0] = {}): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', grace: '1m', graceBackoff: '5s', softTimeout: '100ms', ...options });
  await embedded.cache.set('a', 'old', { tags: ['t'] });
  await embedded.clock.advance('10s');
  return embedded;
}

describe('a load that takes longer than softTimeout', () => {
  it('leaves its callers the stale value, goes on, and is stored', async () => {
    const { cache, clock } = await withStale();
    const row = deferred<string>();
    const answered = jest.fn();
    const values = [1, 2, 3].map(() => cache.getOrLoad('a', () => row.promise));
    for (const value of values) void value.then(answered);
    await clock.advance(99);
    expect(answered).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(await Promise.all(values)).toEqual(['old', 'old', 'old']);
    row.resolve('new');
    await cache.idle();
    expect([await cache.get('a'), cache.stats()]).toMatchObject(['new', { loads: 1, stale: 1, flights: 0 }]);
  });

  it('is background work until it ends', async () => {
    const { cache, clock } = await withStale();
    const row = deferred<string>();
    const value = cache.getOrLoad('a', () => row.promise);
    await clock.advance(100);
    expect(await value).toBe('old');
    const idle = jest.fn();
    void cache.idle().then(idle);
    await settled();
    expect(idle).not.toHaveBeenCalled();
    row.resolve('new');
    await settled();
    expect(idle).toHaveBeenCalled();
  });

  it('is waited for until hardTimeout where no value may stand in', async () => {
    for (const spoil of [
      ({ cache }: Embedded) => cache.evict('a'),
      ({ cache }: Embedded) => cache.evict({ tags: ['t'] }),
      ({ clock }: Embedded) => clock.advance('1m'),
    ]) {
      const embedded = await withStale({ hardTimeout: '2s' });
      await spoil(embedded);
      const { cache, clock } = embedded;
      const row = deferred<string>();
      const [first, second] = [cache.getOrLoad('a', () => row.promise), cache.getOrLoad('b', () => deferred().promise)];
      const late = second.catch((error: unknown) => error);
      await clock.advance(1_999);
      row.resolve('new');
      expect(await first).toBe('new');
      await clock.advance(1);
      expect(await late).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT', limit: 'hardTimeout' });
    }
  });

  it('does not serve a value that is evicted while it goes on', async () => {
    const { cache, clock } = await withStale();
    const row = deferred<string>();
    const value = cache.getOrLoad('a', () => row.promise);
    await cache.evict('a');
    await clock.advance(100);
    row.resolve('new');
    expect(await value).toBe('new');
  });

  it('is not run again by those who ask while it goes on: they get the stale value at once', async () => {
    // Without memory for the back-off, everybody comes by the load under way.
    const { cache, clock } = await withStale({ graceBackoff: 1 });
    const row = deferred<string>();
    const load = jest.fn(() => row.promise);
    const first = cache.getOrLoad('a', load);
    await clock.advance('1s');
    expect(await Promise.all([first, cache.getOrLoad('a', load), cache.getOrLoad('a', load)])).toEqual(
      Array(3).fill('old'),
    );
    expect(load).toHaveBeenCalledTimes(1);
    row.resolve('new');
    await cache.idle();
    expect(await cache.getOrLoad('a', load)).toBe('new');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('keeps those who ask after the grace has ended waiting for its result', async () => {
    const { cache, clock } = await withStale({ graceBackoff: 1, hardTimeout: '10m' });
    const row = deferred<string>();
    const first = cache.getOrLoad('a', () => row.promise);
    await clock.advance('1m');
    const late = cache.getOrLoad('a', () => 'not run');
    row.resolve('new');
    expect([await first, await late, cache.stats().loads]).toEqual(['old', 'new', 1]);
  });

  it('is tried again after the back-off when it fails in the end', async () => {
    const { cache, clock } = await withStale();
    const row = deferred<string>();
    const first = cache.getOrLoad('a', () => row.promise);
    await clock.advance('1s');
    row.reject(new Error('down'));
    await cache.idle();
    const again = jest.fn(() => 'new');
    await clock.advance(4_999);
    expect([await first, await cache.getOrLoad('a', again)]).toEqual(['old', 'old']);
    await clock.advance(1);
    expect(await cache.getOrLoad('a', again)).toBe('new');
    expect(cache.stats()).toMatchObject({ loads: 2, loadErrors: 1, stale: 1 });
  });

  it('is told of by the stale event', async () => {
    const { cache, clock } = await withStale();
    const told: CacheEvents['stale'][] = [];
    cache.on('stale', (event) => told.push(event));
    void cache.getOrLoad('a', () => deferred().promise);
    await clock.advance(100);
    expect(told).toEqual([{ key: 'a', error: expect.any(LoadTimeoutError) }]);
    expect(told[0]?.error).toMatchObject({ limit: 'softTimeout', timeout: 100 });
  });

  it('of 0 serves the stale value at once: stale while revalidate', async () => {
    const { cache } = await withStale({ softTimeout: 0 });
    const row = deferred<string>();
    const values = await Promise.all([1, 2].map(() => cache.getOrLoad('a', () => row.promise)));
    row.resolve('new');
    await cache.idle();
    expect([values, await cache.get('a'), cache.stats().loads]).toEqual([['old', 'old'], 'new', 1]);
  });

  it('may be said for one call', async () => {
    const { cache, clock } = await withStale({ softTimeout: undefined });
    const row = deferred<string>();
    const value = cache.getOrLoad('a', () => row.promise, { softTimeout: '1s' });
    await clock.advance('1s');
    expect(await value).toBe('old');
    row.resolve('new');
    await cache.idle();
  });

  it('concerns each key of a bulk load', async () => {
    const { cache, clock } = await withStale();
    const rows = deferred<Map<string, string>>();
    const values = cache.getOrLoadMany(['a', 'b'], () => rows.promise as Promise<Map<string, string>>);
    await clock.advance(100);
    rows.resolve(
      new Map([
        ['a', 'new a'],
        ['b', 'new b'],
      ]),
    );
    expect(await values).toEqual(
      new Map([
        ['a', 'old'],
        ['b', 'new b'],
      ]),
    );
    await cache.idle();
    expect(await cache.get('a')).toBe('new a');
  });

  it('is refused without a grace, and when it is longer than hardTimeout', async () => {
    expect(() => embeddedCache({ softTimeout: '1s' })).toThrow(/softTimeout: "1s".*grace/);
    expect(() => embeddedCache({ grace: '1h', softTimeout: '2s', hardTimeout: '1s' })).toThrow(
      /shorter than hardTimeout/,
    );
    const { cache } = embeddedCache();
    await expect(cache.getOrLoad('a', () => 1, { softTimeout: 5 })).rejects.toBeInstanceOf(CacheOptionsError);
  });
});

describe('the signal of a load', () => {
  it('is not aborted by hardTimeout, unless lateLoads says so; then the result is not stored', async () => {
    for (const lateLoads of ['finish', 'abort'] as const) {
      const { cache, clock } = embeddedCache({ hardTimeout: '1s', lateLoads });
      const row = deferred<number>();
      let signal: AbortSignal | undefined;
      const value = cache.getOrLoad('a', (context) => {
        signal = context.signal;
        return row.promise;
      });
      const late = value.catch((error: Error) => error.message);
      await clock.advance('1s');
      expect([signal?.aborted, await late]).toEqual([
        lateLoads === 'abort',
        expect.stringContaining(lateLoads === 'abort' ? 'It was aborted' : 'It goes on'),
      ]);
      row.resolve(1);
      await cache.idle();
      expect(await cache.get('a')).toBe(lateLoads === 'abort' ? undefined : 1);
    }
  });

  it('is aborted when the cache is closed, also when it is asked for only then', async () => {
    const { cache } = embeddedCache();
    const row = deferred<number>();
    const signals: AbortSignal[] = [];
    const asked = cache.getOrLoad('a', (context) => {
      signals.push(context.signal);
      return row.promise;
    });
    const later = cache.getOrLoad('b', async (context) => {
      await row.promise;
      signals.push(context.signal);
      return 1;
    });
    await cache.close(0);
    row.resolve(1);
    await Promise.all([asked, later]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });
});

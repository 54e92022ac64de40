import { describe, expect, it, jest } from '@jest/globals';
import { deferred, type Embedded, embeddedCache, settled } from './embedded-cache.js';

type Options = Parameters<typeof embeddedCache>[0];

/** A cache with `old` under `a`, of whose life of 10 s this much has passed. */
async function aged(by: number, options: Options = {}): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', refreshAhead: 0.8, ...options });
  await embedded.cache.set('a', 'old', { tags: ['t'] });
  await embedded.clock.advance(by);
  return embedded;
}

describe('early refresh', () => {
  it('is off by default', async () => {
    const { cache } = await aged(9_999, { refreshAhead: undefined });
    const load = jest.fn(() => 'new');
    expect(await cache.getOrLoad('a', load)).toBe('old');
    expect(load).not.toHaveBeenCalled();
  });

  it('does not begin before its share of the life has passed', async () => {
    const { cache } = await aged(7_999);
    const load = jest.fn(() => 'new');
    expect(await cache.getOrLoad('a', load)).toBe('old');
    await settled();
    expect(load).not.toHaveBeenCalled();
  });

  it('serves the old value at once, and loads the new one once in the background', async () => {
    const { cache, clock } = await aged(8_000);
    const row = deferred<string>();
    const load = jest.fn(() => row.promise);
    for (let i = 0; i < 10; i++) expect(await cache.getOrLoad('a', load)).toBe('old');
    row.resolve('new');
    await cache.idle();
    expect([await cache.getOrLoad('a', load), load.mock.calls.length]).toEqual(['new', 1]);
    expect(cache.stats()).toMatchObject({ refreshes: 1, loads: 1, misses: 0, stale: 0 });
    await clock.advance(9_999);
    expect(await cache.get('a')).toBe('new'); // a life of its own
  });

  it('is no reason for other reads not to find the value', async () => {
    const { cache } = await aged(9_000);
    expect([await cache.get('a'), cache.peek('a'), await cache.has('a'), await cache.getMany(['a'])]).toEqual([
      'old',
      'old',
      true,
      new Map([['a', 'old']]),
    ]);
    expect(await cache.getEntry('a')).toMatchObject({ value: 'old', tier: 'memory' });
    expect(await cache.explain('a')).toMatchObject({ verdict: 'Served from memory.' });
    expect(cache.stats().misses).toBe(0);
  });

  it('shares its load with those who ask after the end of the old value', async () => {
    const { cache, clock } = await aged(9_000);
    const row = deferred<string>();
    const load = jest.fn(() => row.promise);
    await cache.getOrLoad('a', load);
    await clock.advance('1s');
    const late = cache.getOrLoad('a', load);
    row.resolve('new');
    expect([await late, load.mock.calls.length]).toEqual(['new', 1]);
  });

  it('that fails is tried again after the back-off, and no caller hears of it', async () => {
    const { cache, clock } = await aged(8_000, { graceBackoff: '1s' });
    const load = jest.fn(() => Promise.reject(new Error('down')));
    for (let i = 0; i < 5; i++) {
      expect(await cache.getOrLoad('a', load)).toBe('old');
      await cache.idle();
    }
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance('1s');
    expect(await cache.getOrLoad('a', load)).toBe('old');
    await cache.idle();
    expect(load).toHaveBeenCalledTimes(2);
    await clock.advance('1s');
    await expect(cache.getOrLoad('a', load)).rejects.toThrow('down'); // its life is over
  });

  it('that fails after the end of the value leaves those who joined it the stale one', async () => {
    const { cache, clock } = await aged(9_000, { grace: '1m' });
    const row = deferred<string>();
    await cache.getOrLoad('a', () => row.promise);
    await clock.advance('1s');
    const late = cache.getOrLoad('a', () => 'not run');
    row.reject(new Error('down'));
    expect(await late).toBe('old');
  });

  it('that is slow leaves those who come after the end of the value the stale one, with a softTimeout', async () => {
    const { cache, clock } = await aged(9_000, { grace: '1m', softTimeout: '100ms' });
    const row = deferred<string>();
    await cache.getOrLoad('a', () => row.promise);
    await clock.advance('1s');
    expect(await cache.getOrLoad('a', () => 'not run')).toBe('old');
    row.resolve('new');
    await cache.idle();
    expect([await cache.get('a'), cache.stats().loads]).toEqual(['new', 1]);
  });

  it('stores nothing when the key, a tag or a pattern was evicted meanwhile, or a value was set', async () => {
    for (const target of ['a', { tags: ['t'] }, { pattern: '?' }]) {
      const { cache } = await aged(8_000);
      const row = deferred<string>();
      await cache.getOrLoad('a', () => row.promise, { tags: ['t'] });
      await cache.evict(target);
      row.resolve('out of date');
      await cache.idle();
      expect(await cache.get('a')).toBeUndefined();
    }
    const { cache } = await aged(8_000);
    const row = deferred<string>();
    await cache.getOrLoad('a', () => row.promise);
    await cache.set('a', 'set');
    row.resolve('out of date');
    await cache.idle();
    expect(await cache.get('a')).toBe('set');
  });

  it('that brings nothing to store leaves the old value to its end', async () => {
    const { cache, clock } = await aged(8_000);
    expect(await cache.getOrLoad<unknown>('a', () => undefined)).toBe('old');
    await cache.idle();
    await clock.advance(1_999);
    expect(await cache.get('a')).toBe('old');
    await clock.advance(1);
    expect(await cache.get('a')).toBeUndefined();
  });

  it('gives the loader the value that it replaces', async () => {
    const { cache } = await aged(8_000);
    let seen: unknown;
    await cache.getOrLoad<string>('a', (context) => {
      seen = context.stale;
      return 'new';
    });
    await cache.idle();
    expect(seen).toBe('old');
  });

  it('of several keys of a bulk read is one load', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s', refreshAhead: 0.8 });
    await cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    await clock.advance('5s');
    await cache.set('c', 33);
    await clock.advance('4s');
    const load = jest.fn((missing: unknown[]) => new Map(missing.map((key) => [key as string, 0])));
    expect(await cache.getOrLoadMany(['a', 'b', 'c', 'd'], load)).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
        ['c', 33],
        ['d', 0],
      ]),
    );
    await cache.idle();
    expect(load.mock.calls).toEqual([[['d']], [['a', 'b']]]);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 0],
        ['b', 0],
        ['c', 33],
      ]),
    );
  });

  it('may be asked for by one call, for the value that it loads', async () => {
    const { cache, clock } = embeddedCache({ ttl: '10s' });
    const load = jest.fn(() => 'value');
    await cache.getOrLoad('a', load, { refreshAhead: 0.5 });
    await clock.advance('5s');
    await cache.getOrLoad('a', load, { refreshAhead: 0.5 });
    await cache.idle();
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('is never due for values that live for ever, and refuses a share that is none', async () => {
    const { cache, clock } = embeddedCache({ ttl: Number.POSITIVE_INFINITY, refreshAhead: 0.1 });
    const load = jest.fn(() => 'value');
    await cache.getOrLoad('a', load);
    await clock.advance('10d');
    await cache.getOrLoad('a', load);
    expect(load).toHaveBeenCalledTimes(1);
    for (const refreshAhead of [0, -1, 1.5, Number.NaN, '80%' as never]) {
      expect(() => embeddedCache({ refreshAhead })).toThrow(/refreshAhead/);
    }
  });
});

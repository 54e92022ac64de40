import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheService, LoadTimeoutError } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { deferred, startApp } from '../module/app.js';

interface Price {
  id: string;
  amount: number | null;
  currency: string;
}

/** Everything a @Cacheable can say, on one method. */
@Injectable()
class Prices {
  runs = 0;
  source = deferred<Price | null>();

  @Cacheable({
    key: (id) => ['price', id],
    policy: 'price',
    ttl: '1m',
    grace: '1h',
    hardTimeout: '2s',
    cacheNull: false,
    tags: (id) => [`price:${id}`],
    resultTags: (price) => (price ? [price.currency] : []),
    condition: (_id, live) => !live,
    unless: (price) => price?.amount === null,
  })
  find(_id: string, _live = false): Promise<Price | null> {
    this.runs++;
    return this.source.promise;
  }
}

const price = (amount: number | null): Price => ({ id: 'a', amount, currency: 'eur' });

describe('all options of @Cacheable on one method', () => {
  let prices: Prices;
  let cache: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    const policies = { price: { ttl: '1d', graceBackoff: '10s', hardTimeout: '1h' } } as const;
    const app = await startApp({ imports: [CacheTestingModule.forRoot({ policies })], providers: [Prices] });
    prices = app.get(Prices);
    cache = app.get(CacheService);
    clock = app.get(FakeClock);
  });

  /** The source of the next run. */
  function next() {
    prices.source = deferred();
    return prices.source;
  }

  async function store(amount: number): Promise<void> {
    next().resolve(price(amount));
    await prices.find('a');
  }

  it('let all who ask at the same time share one run and its result', async () => {
    const calls = [prices.find('a'), prices.find('a'), prices.find('a')];
    prices.source.resolve(price(1));
    const found = await Promise.all(calls);
    expect(found).toEqual([price(1), price(1), price(1)]);
    expect(prices.runs).toBe(1);
    expect(cache.stats()).toMatchObject({ loads: 1, joined: 2 });
  });

  it('let them share its error too, and run again for the next caller', async () => {
    const calls = [prices.find('a'), prices.find('a')];
    prices.source.reject(new Error('no exchange'));
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(prices.runs).toBe(1);
    await store(2);
    expect(prices.runs).toBe(2);
  });

  it('let them share a result that unless, cacheNull or undefined keep from being stored', async () => {
    for (const result of [price(null), null]) {
      const { resolve } = next();
      const calls = [prices.find('a'), prices.find('a')];
      resolve(result);
      expect(await Promise.all(calls)).toEqual([result, result]);
    }
    expect(prices.runs).toBe(2);
    expect(cache.stats().memory.entries).toBe(0);
  });

  it('let the method’s ttl count before the policy’s', async () => {
    await store(1);
    await clock.advance(59_999);
    await prices.find('a');
    expect(prices.runs).toBe(1);
    await clock.advance(1);
    next().resolve(price(2));
    expect(await prices.find('a')).toEqual(price(2));
  });

  it('serve the stale value to all who share a run that fails, with tags that still invalidate it', async () => {
    await store(1);
    await clock.advance('1m');
    const { reject } = next();
    const calls = [prices.find('a'), prices.find('a')];
    reject(new Error('no exchange'));
    expect(await Promise.all(calls)).toEqual([price(1), price(1)]);
    expect(prices.runs).toBe(2);
    await cache.evict({ tags: ['eur'] });
    next().reject(new Error('no exchange'));
    await expect(prices.find('a')).rejects.toThrow('no exchange');
  });

  it('leave a failing source alone for the policy’s graceBackoff', async () => {
    await store(1);
    await clock.advance('1m');
    next().reject(new Error('no exchange'));
    await prices.find('a');
    await clock.advance(9_999);
    await prices.find('a');
    expect(prices.runs).toBe(2);
    await clock.advance(1);
    await prices.find('a');
    expect(prices.runs).toBe(3);
  });

  it('serve the stale value after the method’s hardTimeout, and store the late result', async () => {
    await store(1);
    await clock.advance('1m');
    const { resolve } = next();
    const calls = Promise.all([prices.find('a'), prices.find('a')]);
    await clock.advance('2s');
    expect(await calls).toEqual([price(1), price(1)]);
    resolve(price(2));
    await cache.idle();
    expect(await prices.find('a')).toEqual(price(2));
    expect(prices.runs).toBe(2);
  });

  it('reject all who share a run after hardTimeout when nothing may stand in', async () => {
    const calls = Promise.allSettled([prices.find('a'), prices.find('a')]);
    await clock.advance('2s');
    for (const call of await calls) expect(call).toMatchObject({ reason: expect.any(LoadTimeoutError) });
    expect(prices.runs).toBe(1);
    prices.source.resolve(null); // the shutdown waits for it
  });

  it('do not store what was invalidated by one of its tags while it was loaded', async () => {
    const call = prices.find('a');
    await cache.evict({ tags: ['price:a'] });
    prices.source.resolve(price(1));
    expect(await call).toEqual(price(1));
    await store(2);
    expect(await prices.find('a')).toEqual(price(2));
  });

  it('neither join nor feed a shared run where the condition does not hold', async () => {
    const shared = prices.find('a');
    const live = prices.find('a', true);
    prices.source.resolve(price(1));
    await Promise.all([shared, live]);
    expect(prices.runs).toBe(2);
    expect(cache.stats().joined).toBe(0);
  });
});

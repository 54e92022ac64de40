import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { concat, EMPTY, firstValueFrom, lastValueFrom, Observable, of, throwError, toArray } from 'rxjs';
import { Cacheable, CacheEvict, CacheModule, CachePut, CacheService } from '../../src/index.js';
import { startApp } from '../module/app.js';

@Injectable()
class Prices {
  runs = 0;
  failing = false;

  @Cacheable({ key: (id) => ['price', id] })
  find(id: string): Observable<string> {
    this.runs++;
    return this.failing ? throwError(() => new Error('no exchange')) : of('first', `${id}, run ${this.runs}`);
  }

  @Cacheable({ key: (id) => ['price', id], condition: (id) => id !== 'live' })
  unlessLive(id: string): Observable<string> {
    return of('first', id);
  }

  @Cacheable({
    key: () => {
      throw new Error('no key');
    },
  })
  withoutKey(): Observable<string> {
    this.runs++;
    return of('never');
  }

  @Cacheable()
  nothing(): Observable<string> {
    this.runs++;
    return EMPTY;
  }

  @Cacheable()
  async insidePromise(): Promise<string> {
    return lastValueFrom(of('a', 'b'));
  }

  @CachePut({ key: (id) => ['price', id] })
  save(id: string, price: string): Observable<string> {
    this.runs++;
    return of('saving', `${id} costs ${price}`);
  }

  @CacheEvict({ key: (id) => ['price', id] })
  remove(id: string): Observable<string> {
    this.runs++;
    return this.failing
      ? concat(
          of('removing'),
          throwError(() => new Error('locked')),
        )
      : of('removing', `${id} is gone`);
  }
}

async function start() {
  const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Prices] });
  return { prices: app.get(Prices), cache: app.get(CacheService), app };
}

const all = <T>(values: Observable<T>) => lastValueFrom(values.pipe(toArray()));

describe('a cached method that is declared to return an Observable', () => {
  it('returns an Observable of the last value, loaded or cached', async () => {
    const { prices } = await start();
    expect(prices.find('a')).toBeInstanceOf(Observable);
    expect(await all(prices.find('a'))).toEqual(['a, run 1']);
    expect(await all(prices.find('a'))).toEqual(['a, run 1']);
    expect(prices.runs).toBe(1);
  });

  it('runs when somebody subscribes, not before', async () => {
    const { prices } = await start();
    const price = prices.find('a');
    expect(prices.runs).toBe(0);
    await Promise.all([firstValueFrom(price), firstValueFrom(price)]);
    expect(prices.runs).toBe(1);
  });

  it('passes errors on, and does not keep them', async () => {
    const { prices } = await start();
    prices.failing = true;
    await expect(all(prices.find('a'))).rejects.toThrow('no exchange');
    prices.failing = false;
    expect(await all(prices.find('a'))).toEqual(['a, run 2']);
  });

  it('passes the error of a key function to its subscribers', async () => {
    const { prices } = await start();
    await expect(all(prices.withoutKey())).rejects.toThrow('no key');
    expect(prices.runs).toBe(0);
  });

  it('gives all values where the condition does not hold', async () => {
    const { prices } = await start();
    expect(await all(prices.unlessLive('live'))).toEqual(['first', 'live']);
    expect(await all(prices.unlessLive('a'))).toEqual(['a']);
  });

  it('keeps nothing when there is no value', async () => {
    const { prices, cache } = await start();
    await all(prices.nothing());
    await all(prices.nothing());
    expect(prices.runs).toBe(2);
    expect(cache.stats().memory.entries).toBe(0);
  });

  it('is as it was written after the app is closed', async () => {
    const { prices, app } = await start();
    await app.close();
    expect(await all(prices.find('a'))).toEqual(['first', 'a, run 1']);
  });
});

describe('@CachePut and @CacheEvict on methods that are declared to return an Observable', () => {
  it('return an Observable that does the work when it is subscribed to', async () => {
    const { prices, cache } = await start();
    const saving = prices.save('a', '5');
    expect(saving).toBeInstanceOf(Observable);
    expect(prices.runs).toBe(0);
    expect(await all(saving)).toEqual(['a costs 5']);
    expect(await cache.get(['price', 'a'])).toBe('a costs 5');
    const removing = prices.remove('a');
    expect(await cache.has(['price', 'a'])).toBe(true);
    expect(await all(removing)).toEqual(['a is gone']);
    expect(await cache.has(['price', 'a'])).toBe(false);
  });

  it('do not evict when the Observable fails', async () => {
    const { prices, cache } = await start();
    await cache.set(['price', 'a'], 'a costs 5');
    prices.failing = true;
    await expect(all(prices.remove('a'))).rejects.toThrow('locked');
    expect(await cache.get(['price', 'a'])).toBe('a costs 5');
  });
});

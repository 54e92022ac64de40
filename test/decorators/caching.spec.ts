import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict, CacheModule, CachePut, CacheService, Caching, getCacheToken } from '../../src/index.js';
import { bootError, startApp } from '../module/app.js';

interface Order {
  id: string;
  user: string;
}

@Injectable()
class Orders {
  runs = 0;
  fails = false;

  @Caching<Orders['place']>({
    put: [
      { key: (order) => ['order', order.id] },
      { key: (order) => ['latest', order.user], cache: 'latest', value: (placed) => placed.id },
    ],
    evict: [{ key: (order) => ['orders', order.user] }, { tags: ['statistics'] }],
  })
  async place(order: Order): Promise<Order> {
    this.runs++;
    if (this.fails) throw new Error('sold out');
    return order;
  }

  @Caching({ cacheable: { key: (id) => ['order', id] }, evict: { key: 'last seen', phase: 'before' } })
  async find(id: string): Promise<Order> {
    this.runs++;
    return { id, user: 'ann' };
  }

  @Caching({})
  async plain(): Promise<number> {
    return ++this.runs;
  }

  @CacheEvict({ key: 'last seen' })
  @CachePut({ key: 'current' })
  @Cacheable({ key: (id) => ['order', id] })
  async stacked(id: string): Promise<string> {
    this.runs++;
    return id;
  }
}

const order: Order = { id: 'o1', user: 'ann' };

describe('@Caching', () => {
  let orders: Orders;
  let cache: CacheService;
  let latest: CacheService;

  beforeEach(async () => {
    const imports = [CacheModule.forRoot(), CacheModule.register({ name: 'latest' })];
    const app = await startApp({ imports, providers: [Orders] });
    orders = app.get(Orders);
    cache = app.get(CacheService);
    latest = app.get(getCacheToken('latest'));
  });

  it('puts and evicts as all of its parts say, and the method runs once', async () => {
    await cache.set(['orders', 'ann'], []);
    await cache.set('report', 1, { tags: ['statistics'] });
    expect(await orders.place(order)).toEqual(order);
    expect(orders.runs).toBe(1);
    expect(await cache.get(['order', 'o1'])).toEqual(order);
    expect(await latest.get(['latest', 'ann'])).toBe('o1');
    expect([await cache.has(['orders', 'ann']), await cache.has('report')]).toEqual([false, false]);
  });

  it('evicts nothing when the method fails, except what was to be put', async () => {
    await cache.set(['order', 'o1'], order);
    await cache.set(['orders', 'ann'], [order]);
    orders.fails = true;
    await expect(orders.place(order)).rejects.toThrow('sold out');
    expect([await cache.has(['order', 'o1']), await cache.has(['orders', 'ann'])]).toEqual([false, true]);
  });

  it('evicts also when its cacheable part answers without running the method', async () => {
    await orders.find('o1');
    await cache.set('last seen', 'o0');
    await orders.find('o1');
    expect(orders.runs).toBe(1);
    expect(await cache.has('last seen')).toBe(false);
  });

  it('without parts changes nothing', async () => {
    expect([await orders.plain(), await orders.plain()]).toEqual([1, 2]);
  });

  it('does what decorators do that stand one above the other', async () => {
    await cache.set('last seen', 'o0');
    expect([await orders.stacked('o1'), await orders.stacked('o1')]).toEqual(['o1', 'o1']);
    expect(orders.runs).toBe(1);
    expect([await cache.get('current'), await cache.has('last seen')]).toEqual(['o1', false]);
  });

  it('refuses two cacheable parts with default keys when the app starts: one would wait for the other', async () => {
    @Injectable()
    class Twice {
      @Caching({ cacheable: [{ ttl: '1m' }, { ttl: '5m' }] })
      async find(id: number): Promise<number> {
        return id;
      }
    }
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Twice] });
    expect(error.message).toContain('Two decorators of this class would have the same default keys');
  });

  it('takes two cacheable parts with different caches', async () => {
    @Injectable()
    class Both {
      runs = 0;

      @Caching({ cacheable: [{ cache: 'default' }, { cache: 'latest' }] })
      async find(_id: number): Promise<number> {
        return ++this.runs;
      }
    }
    const imports = [CacheModule.forRoot(), CacheModule.register({ name: 'latest' })];
    const app = await startApp({ imports, providers: [Both] });
    await app.get(Both).find(1);
    await app.get<CacheService>(getCacheToken('latest')).clear();
    expect(await app.get(Both).find(1)).toBe(1);
  });
});

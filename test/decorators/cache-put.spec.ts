import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheKeyError, CacheOptionsError, CachePut, CacheService } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { deferred, startApp } from '../module/app.js';

interface Product {
  id: string;
  price: number;
}

@Injectable()
class Products {
  reads = 0;
  writes = 0;
  readonly rows = new Map<string, Product>();
  /** What the database takes its time for. */
  commit: Promise<unknown> = Promise.resolve();

  @Cacheable({ key: (id) => ['product', id] })
  async find(id: string): Promise<Product | undefined> {
    this.reads++;
    return this.rows.get(id);
  }

  @CachePut({ key: (product) => ['product', product.id], ttl: '1m', tags: (product) => [`product:${product.id}`] })
  async save(product: Product): Promise<Product> {
    return this.store({ ...product });
  }

  @CachePut({ key: (product) => ['product', product.id], write: 'through' })
  async explicitly(product: Product): Promise<Product> {
    return this.store(product);
  }

  @CachePut({ key: (product) => ['product', product.id], write: 'around' })
  async around(product: Product): Promise<Product> {
    return this.store(product);
  }

  @CachePut({ key: (id) => ['product', id], value: (written, id, price) => ({ id, price, rows: written }) })
  async setPrice(id: string, price: number): Promise<number> {
    await this.store({ id, price });
    return 1;
  }

  @CachePut({ key: (id) => ['product', id], value: () => undefined })
  async forget(id: string): Promise<string> {
    return id;
  }

  @CachePut({ key: (product) => ['product', product.id], condition: (product) => product.price > 0 })
  async conditional(product: Product): Promise<Product> {
    return this.store(product);
  }

  @CachePut({ key: (product) => ['product', product.id] })
  sync(product: Product): Product {
    this.rows.set(product.id, product);
    return product;
  }

  @CachePut({ key: (product) => (product ? [product.id] : '') })
  async keyless(_product?: Product): Promise<number> {
    return ++this.writes;
  }

  @CachePut({ key: (product) => ['product', product.id], tags: () => [''] })
  async wrongTags(_product: Product): Promise<number> {
    return ++this.writes;
  }

  private async store(product: Product): Promise<Product> {
    this.writes++;
    await this.commit;
    this.rows.set(product.id, product);
    return product;
  }
}

const a = (price: number): Product => ({ id: 'a', price });

describe('@CachePut', () => {
  let products: Products;
  let cache: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    const app = await startApp({ imports: [CacheTestingModule.forRoot()], providers: [Products] });
    products = app.get(Products);
    cache = app.get(CacheService);
    clock = app.get(FakeClock);
  });

  it.each(['save', 'explicitly'] as const)(
    'runs the method each time, and its result is what is read next (%s)',
    async (method) => {
      for (const price of [1, 2]) expect(await products[method](a(price))).toEqual(a(price));
      expect(products.writes).toBe(2);
      expect(await products.find('a')).toEqual(a(2));
      expect(products.reads).toBe(0);
    },
  );

  it('takes ttl and tags', async () => {
    await products.save(a(1));
    expect(await cache.getEntry(['product', 'a'])).toMatchObject({
      expiresAt: clock.now() + 60_000,
      tags: ['product:a'],
    });
    await cache.evict({ tags: ['product:a'] });
    await products.find('a');
    expect(products.reads).toBe(1);
  });

  it('gives its caller the method’s own result, which stays theirs to change', async () => {
    const saved = await products.save(a(1));
    saved.price = 99;
    expect(await products.find('a')).toEqual(a(1));
  });

  it('around: evicts, and the next read loads', async () => {
    await products.save(a(1));
    expect(await products.around(a(2))).toEqual(a(2));
    expect(await cache.has(['product', 'a'])).toBe(false);
    expect(await products.find('a')).toEqual(a(2));
    expect(products.reads).toBe(1);
  });

  it('stores what its value function makes of result and arguments, and answers with the result', async () => {
    expect(await products.setPrice('a', 5)).toBe(1);
    expect(await cache.get(['product', 'a'])).toEqual({ id: 'a', price: 5, rows: 1 });
  });

  it('evicts when its value function gives undefined', async () => {
    await products.save(a(1));
    expect(await products.forget('a')).toBe('a');
    expect(await cache.has(['product', 'a'])).toBe(false);
  });

  it('evicts and passes the error on when the method fails: it may have written all the same', async () => {
    await products.save(a(1));
    products.commit = Promise.reject(new Error('connection lost'));
    await expect(products.save(a(2))).rejects.toThrow('connection lost');
    expect(await cache.has(['product', 'a'])).toBe(false);
  });

  it('leaves the cache alone where the condition does not hold', async () => {
    await products.save(a(1));
    expect(await products.conditional(a(0))).toEqual(a(0));
    expect(await cache.get(['product', 'a'])).toEqual(a(1));
    await products.conditional(a(3));
    expect(await cache.get(['product', 'a'])).toEqual(a(3));
  });

  it('gives the callers of a method that returns a plain value a promise', async () => {
    const saved = products.sync(a(1));
    expect(saved).toBeInstanceOf(Promise);
    expect(await saved).toEqual(a(1));
    expect(await cache.get(['product', 'a'])).toEqual(a(1));
  });

  it('finds out wrong keys and tags before the method writes', async () => {
    await expect(products.keyless()).rejects.toThrow(CacheKeyError);
    await expect(products.keyless()).rejects.toThrow('@CachePut of Products.keyless: The key is empty.');
    await expect(products.wrongTags(a(1))).rejects.toThrow(CacheOptionsError);
    expect(products.writes).toBe(0);
  });

  it('leaves nothing behind when two writes of a key overlap: nobody knows which came last', async () => {
    const { promise, resolve } = deferred<void>();
    products.commit = promise;
    const writes = [products.save(a(1)), products.save(a(2))];
    resolve();
    await Promise.all(writes);
    const stored = await cache.get(['product', 'a']);
    expect([undefined, products.rows.get('a')]).toContainEqual(stored);
    expect(await products.find('a')).toEqual(products.rows.get('a'));
  });

  it('is not overtaken by a load that began before it', async () => {
    const loading = products.find('a');
    await products.save(a(7));
    await loading;
    expect(await products.find('a')).toEqual(a(7));
  });
});

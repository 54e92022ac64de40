import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Cacheable,
  CacheEvict,
  CacheModule,
  CachePut,
  CacheService,
  getCacheToken,
  InjectCache,
} from '../../src/index.js';
import { bootError, closeLater, startApp } from './app.js';

interface Product {
  id: string;
  price: number;
}

@Injectable()
class ProductService {
  queries = 0;
  private readonly rows = new Map([['p1', { id: 'p1', price: 10 }]]);

  @Cacheable({ key: (id) => ['product', id] })
  async find(id: string): Promise<Product | null> {
    this.queries++;
    return this.rows.get(id) ?? null;
  }

  @CachePut({ key: (product) => ['product', product.id] })
  async save(product: Product): Promise<Product> {
    this.rows.set(product.id, product);
    return product;
  }

  @CacheEvict({ key: (id) => ['product', id] })
  async remove(id: string): Promise<void> {
    this.rows.delete(id);
  }
}

@Injectable()
class Reader {
  constructor(
    readonly byClass: CacheService,
    @InjectCache() readonly byDecorator: CacheService,
  ) {}
}

@Module({ imports: [CacheModule.forRoot()], providers: [ProductService, Reader] })
class AppModule {}

describe('A1: importing CacheModule and annotating methods', () => {
  it('runs a cached method once in an application context of NestFactory', async () => {
    const app = closeLater(await NestFactory.createApplicationContext(AppModule, { logger: false }));
    const products = app.get(ProductService);
    expect(await products.find('p1')).toEqual({ id: 'p1', price: 10 });
    expect(await products.find('p1')).toEqual({ id: 'p1', price: 10 });
    expect(products.queries).toBe(1);
  });

  it('reads what @CachePut wrote without asking the database', async () => {
    const products = (await startApp({ imports: [AppModule] })).get(ProductService);
    await products.save({ id: 'p2', price: 20 });
    expect(await products.find('p2')).toEqual({ id: 'p2', price: 20 });
    expect(products.queries).toBe(0);
  });

  it('asks the database again after @CacheEvict, and keeps its null', async () => {
    const products = (await startApp({ imports: [AppModule] })).get(ProductService);
    await products.find('p1');
    await products.remove('p1');
    expect(await products.find('p1')).toBeNull();
    expect(await products.find('p1')).toBeNull();
    expect(products.queries).toBe(2);
  });

  it('injects the cache by its class, by @InjectCache() and by getCacheToken(), and all are the same', async () => {
    const app = await startApp({ imports: [AppModule] });
    const { byClass, byDecorator } = app.get(Reader);
    expect(byClass).toBe(byDecorator);
    expect(app.get(getCacheToken())).toBe(byClass);
    expect(app.get(CacheService)).toBe(byClass);
  });

  it('shows what decorators stored to the injected CacheService, under the key of the decorator', async () => {
    const app = await startApp({ imports: [AppModule] });
    const cache = app.get(CacheService);
    await app.get(ProductService).find('p1');
    expect(await cache.get(['product', 'p1'])).toEqual({ id: 'p1', price: 10 });
    expect(cache.stats()).toMatchObject({ loads: 1, memory: { entries: 1 } });
    await cache.evict(['product', 'p1']);
    await app.get(ProductService).find('p1');
    expect(app.get(ProductService).queries).toBe(2);
  });

  it('works for services in modules that do not import it: it is global', async () => {
    @Module({ providers: [ProductService], exports: [ProductService] })
    class ProductModule {}
    const app = await startApp({ imports: [CacheModule.forRoot(), ProductModule] });
    const products = app.get(ProductService);
    await products.find('p1');
    await products.find('p1');
    expect(products.queries).toBe(1);
  });

  it('says how to import it when it is imported without options', async () => {
    const error = await bootError({ imports: [CacheModule] });
    expect(error.message).toContain('CacheModule.forRoot()');
  });

  it('may be imported by its class where the global one is meant', async () => {
    @Module({ imports: [CacheModule], providers: [ProductService] })
    class ProductModule {}
    const app = await startApp({ imports: [CacheModule.forRoot(), ProductModule] });
    await app.get(ProductService, { strict: false }).find('p1');
    expect(app.get(CacheService).stats().loads).toBe(1);
  });

  it('refuses to be called twice in one app, and says what to do instead', async () => {
    @Module({ imports: [CacheModule.forRoot({ ttl: '1m' })] })
    class FeatureModule {}
    const error = await bootError({ imports: [CacheModule.forRoot(), FeatureModule] });
    expect(error.problems).toEqual([
      expect.objectContaining({ option: 'CacheModule.forRoot', value: 'called 2 times' }),
    ]);
    expect(error.message).toContain('CacheModule.register({ name })');
  });

  it('may be the same dynamic module in several imports', async () => {
    const cache = CacheModule.forRoot();
    @Module({ imports: [cache], providers: [ProductService] })
    class FeatureModule {}
    const app = await startApp({ imports: [cache, FeatureModule] });
    await app.get(ProductService, { strict: false }).find('p1');
    expect(app.get(CacheService).stats().loads).toBe(1);
  });
});

// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import { applyDecorators } from '@nestjs/common';
import { type Observable, of } from 'rxjs';
import {
  CacheableMany,
  CacheConfig,
  CacheEvict,
  CachePut,
  type CacheService,
  Caching,
  InjectCache,
} from '../../src/index.js';
import { check, type Is } from './is.js';

interface Product {
  id: string;
  price: number;
}
declare const product: Product;

export class Puts {
  @CachePut({
    key: (written) => ['product', written.id],
    value: (result, written) => {
      check<Is<typeof result, number>>();
      check<Is<typeof written, Product>>();
      return { ...written, rows: result };
    },
    tags: (written) => [written.id],
    write: 'around',
  })
  async save(_product: Product): Promise<number> {
    return 1;
  }

  @CachePut({ key: 'product', value: (result) => result.price })
  stream(): Observable<Product> {
    return of(product);
  }

  // @ts-expect-error: the method takes a Product
  @CachePut({ key: (id: string) => [id] })
  async wrongKey(_product: Product): Promise<number> {
    return 1;
  }

  // @ts-expect-error: the result is a number
  @CachePut({ key: 'product', value: (result: Product) => result.price })
  async wrongValue(_product: Product): Promise<number> {
    return 1;
  }

  // @ts-expect-error: a put needs a key
  @CachePut({ ttl: '5m' })
  async noKey(_product: Product): Promise<number> {
    return 1;
  }

  // @ts-expect-error: an entity has a name
  @CachePut({ key: 'product', write: 'behind', entity: 7 })
  async behind(_product: Product): Promise<number> {
    return 1;
  }
}

export class Evicts {
  @CacheEvict({
    key: (id) => ['product', id],
    keys: (id, others) => [id, ...others.map((other) => ['product', other])],
    tags: (id) => [id],
    prefix: (id) => `${id}:`,
    pattern: (id) => `*:${id}`,
    resultKeys: (result) => [result],
    resultTags: (result, id) => [result, id],
    condition: (id) => id !== '',
    phase: 'after',
  })
  async remove(id: string, _others: string[]): Promise<string> {
    return id;
  }

  @CacheEvict<Evicts['explicit']>({ keys: (ids) => ids.map((id) => ['product', id]) })
  async explicit(_ids: string[]): Promise<void> {}

  @CacheEvict({ all: true })
  async all(): Promise<void> {}

  // @ts-expect-error: the method takes a string
  @CacheEvict({ key: (id: number) => [id] })
  async wrongKey(_id: string): Promise<void> {}

  // @ts-expect-error: several keys are a list
  @CacheEvict({ keys: (id) => id })
  async wrongKeys(_id: string): Promise<void> {}

  // @ts-expect-error: the result is a number
  @CacheEvict({ resultTags: (result: string) => [result] })
  async wrongResult(_id: string): Promise<number> {
    return 1;
  }

  // @ts-expect-error: before or after
  @CacheEvict({ all: true, phase: 'during' })
  async wrongPhase(_id: string): Promise<void> {}
}

export class Groups {
  @Caching({
    put: { key: (order) => ['order', order.id], value: (result, order) => [result.price, order.id] },
    evict: [{ key: (order) => ['orders', order.id] }, { tags: ['orders'] }],
  })
  async place(order: Product): Promise<Product> {
    return order;
  }

  // @ts-expect-error: the method takes a Product
  @Caching({ evict: { key: (id: string) => [id] } })
  async wrongEvict(order: Product): Promise<Product> {
    return order;
  }

  // @ts-expect-error: the parts are named cacheable, put and evict
  @Caching({ evicts: { all: true } })
  async wrongPart(order: Product): Promise<Product> {
    return order;
  }
}

export class Many {
  @CacheableMany({
    key: (id, language) => {
      check<Is<typeof id, string>>();
      check<Is<typeof language, 'en' | 'de'>>();
      return [id, language];
    },
    itemOf: (row) => {
      check<Is<typeof row, Product>>();
      return row.id;
    },
    condition: (ids, language) => ids.length > 1 && language === 'en',
    tags: ['products'],
  })
  async rows(_ids: readonly string[], _language: 'en' | 'de'): Promise<Product[]> {
    return [product];
  }

  @CacheableMany<Many['map']>({ key: (id) => ['product', id] })
  async map(_ids: string[]): Promise<Map<string, Product>> {
    return new Map();
  }

  @CacheableMany()
  async bare(_ids: string[]): Promise<Map<string, Product>> {
    return new Map();
  }

  // @ts-expect-error: the items are strings
  @CacheableMany({ key: (id: number) => [id] })
  async wrongItem(_ids: string[]): Promise<Map<string, Product>> {
    return new Map();
  }

  // @ts-expect-error: an item is a string
  @CacheableMany({ itemOf: (row) => row.price })
  async wrongItemOf(_ids: string[]): Promise<Product[]> {
    return [product];
  }

  // @ts-expect-error: the first parameter is no array
  @CacheableMany()
  async one(_id: string): Promise<Map<string, Product>> {
    return new Map();
  }
}

@CacheConfig({ cache: 'products', keyPrefix: 'product', ttl: '5m', tags: ['products'] })
export class Configured {
  constructor(
    @InjectCache() readonly cache: CacheService,
    @InjectCache('products') readonly named: CacheService,
  ) {}

  @InjectCache() readonly property!: CacheService;
}

// @ts-expect-error: there is no such option
@CacheConfig({ prefix: 'product:' })
export class WrongConfig {}

// @ts-expect-error: there is no unit "minutes"
@CacheConfig({ ttl: '5 minutes' })
export class WrongDuration {}

/** Where there is no method yet, nothing can be checked, and it must compile all the same. */
export const Changes = (): MethodDecorator =>
  applyDecorators(
    CachePut({ key: (written: Product) => [written.id] }),
    CacheEvict({ key: (written: Product) => ['list', written.id] }),
    Caching({ evict: { key: (written: Product) => written.id } }),
    CacheableMany({ key: (id: string) => [id] }),
  );

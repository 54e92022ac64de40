// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import { applyDecorators, SetMetadata } from '@nestjs/common';
import { type Observable, of } from 'rxjs';
import { Cacheable, type CacheKey } from '../../src/index.js';
import { check, type Is } from './is.js';

interface Product {
  id: string;
  price: number;
}
declare const product: Product;

/** Without the generic, the functions' parameters come from the method below. */
export class Inferred {
  @Cacheable()
  async bare(id: string): Promise<Product> {
    return { ...product, id };
  }

  @Cacheable({
    key: (id, page) => {
      check<Is<typeof id, string>>();
      check<Is<typeof page, number>>();
      return [id, page];
    },
    tags: (id) => {
      check<Is<typeof id, string>>();
      return [id];
    },
    condition: (id) => id !== '',
    unless: (result, id, page) => {
      check<Is<typeof result, Product | null>>();
      check<Is<typeof id, string>>();
      return result === null && page > 1;
    },
    resultTags: (result) => (result ? [result.id] : []),
  })
  async all(id: string, page: number): Promise<Product | null> {
    return page > 0 ? { ...product, id } : null;
  }

  @Cacheable({ key: () => 'fewer parameters' })
  async fewer(_id: string, _page: number): Promise<Product> {
    return product;
  }

  @Cacheable({ key: (id: string | number) => [id] })
  async wider(_id: string): Promise<Product> {
    return product;
  }

  @Cacheable({ key: (id) => id ?? 'none' })
  async optional(_id?: string): Promise<Product> {
    return product;
  }

  @Cacheable({ key: (...ids) => ids })
  async rest(..._ids: string[]): Promise<Product> {
    return product;
  }

  @Cacheable({ key: (id) => [id] })
  async generic<Id extends string | number>(id: Id): Promise<Id> {
    return id;
  }

  @Cacheable({
    unless: (result) => {
      check<Is<typeof result, Product>>();
      return result.price === 0;
    },
  })
  observable(_id: string): Observable<Product> {
    return of(product);
  }

  @Cacheable({ unless: (result) => result === '' })
  sync(id: string): string {
    return id;
  }

  @Cacheable({ key: (id) => [id] })
  protected async notPublic(_id: string): Promise<Product> {
    return product;
  }
}

export class InferredWrong {
  // @ts-expect-error: the method takes a string
  @Cacheable({ key: (id: number) => [id] })
  async key(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: the method has one parameter
  @Cacheable({ key: (id: string, page: number) => [id, page] })
  async more(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: a string has no such method
  @Cacheable({ key: (id) => id.toFixed() })
  async body(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: a number is no key
  @Cacheable({ key: (page) => page })
  async noKey(_page: number): Promise<Product> {
    return product;
  }

  // @ts-expect-error: the method takes a string
  @Cacheable({ tags: (id: number) => [String(id)] })
  async tags(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: tags are a list
  @Cacheable({ tags: 'products' })
  async oneTag(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: the result is a Product
  @Cacheable({ unless: (result: number) => result > 5 })
  async unless(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error: the result may be null
  @Cacheable({ unless: (result) => result.price > 5 })
  async unlessNull(_id: string): Promise<Product | null> {
    return product;
  }

  // @ts-expect-error: a condition is decided at once
  @Cacheable({ condition: async (id) => id !== '' })
  async condition(_id: string): Promise<Product> {
    return product;
  }
}

/** With the generic, the same, also where no method stands below. */
export class Explicit {
  @Cacheable<Explicit['find']>({ key: (id) => ['product', id], unless: (found, id) => found.id !== id })
  async find(id: string, _page: number): Promise<Product> {
    return { ...product, id };
  }

  // @ts-expect-error: the method takes a string
  @Cacheable<Explicit['find']>({ key: (id: number) => [id] })
  async wrongKey(_id: string, _page: number): Promise<Product> {
    return product;
  }

  // @ts-expect-error: the result is a Product
  @Cacheable<Explicit['find']>({ unless: (found: string) => found === '' })
  async wrongUnless(_id: string, _page: number): Promise<Product> {
    return product;
  }

  // @ts-expect-error: this is another method
  @Cacheable<Explicit['find']>({ key: (id) => [id] })
  async other(_id: number): Promise<Product> {
    return product;
  }
}

export class Options {
  @Cacheable({
    ttl: '1.5h',
    grace: 0,
    hardTimeout: Number.POSITIVE_INFINITY,
    cacheNull: false,
    policy: 'p',
    cache: 'c',
  })
  async good(): Promise<void> {}

  // @ts-expect-error: there is no unit "minutes"
  @Cacheable({ ttl: '5 minutes' })
  async minutes(): Promise<void> {}

  // @ts-expect-error: a text needs a unit
  @Cacheable({ grace: '5' })
  async noUnit(): Promise<void> {}

  // @ts-expect-error: there is no such option
  @Cacheable({ tll: '5m' })
  async unknown(): Promise<void> {}

  // @ts-expect-error: that is an option of @CacheEvict
  @Cacheable({ all: true })
  async foreign(): Promise<void> {}

  // @ts-expect-error: a decorator of methods
  @Cacheable()
  property = 1;
}

/** Where there is no method yet, nothing can be checked, and it must compile all the same. */
export const Composed = (key: (id: string) => CacheKey): MethodDecorator =>
  applyDecorators(Cacheable({ ttl: '5m' }), Cacheable({ key }), SetMetadata('cached', true));
const once = Cacheable({ key: (id: string) => ['once', id] });

export class ComposedOn {
  @Composed((id) => [id])
  async one(_id: string): Promise<Product> {
    return product;
  }

  @once
  async two(_id: string): Promise<Product> {
    return product;
  }
}

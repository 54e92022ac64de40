import { Injectable, NotFoundException } from '@nestjs/common';
import { Cacheable, CacheableMany, Caching, Fallback } from 'nestjs-strata';
import { Catalogue, FALLBACK } from '../catalogue/catalogue.js';
import { PrismaService } from '../database/prisma.service.js';
import type { Product } from '../generated/prisma/client.js';
import type { ProductChange } from './product.dto.js';

const genreTag = (genre: string) => `genre:${genre}`;

@Injectable()
export class ProductsService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly catalogue: Catalogue,
  ) {}

  @Cacheable<ProductsService['find']>({ key: (id) => ['product', id], policy: 'product' })
  @Fallback<ProductsService['find']>(FALLBACK)
  find(id: number): Promise<Product | null> {
    return this.catalogue.find(id);
  }

  /** The same keys as `find`: what one of them has loaded the other one need not load. */
  @CacheableMany<ProductsService['findMany']>({ key: (id) => ['product', id], policy: 'product' })
  @Fallback<ProductsService['findMany']>(FALLBACK)
  findMany(ids: readonly number[]): Promise<Map<number, Product>> {
    return this.catalogue.findMany(ids);
  }

  /** The films of a genre, most wanted first. The tag says what the list depends on. */
  @Cacheable<ProductsService['list']>({
    key: (genre, page) => ['genre', genre, page],
    tags: (genre) => [genreTag(genre)],
    policy: 'product',
  })
  @Fallback<ProductsService['list']>(FALLBACK)
  list(genre: string, page: number): Promise<Product[]> {
    return this.catalogue.list(genre, page);
  }

  async update(id: number, change: ProductChange): Promise<Product> {
    const before = await this.find(id);
    if (before === null) throw new NotFoundException(`There is no product ${id}`);
    return this.save(id, change, before.genre);
  }

  /**
   * A product was changed: it is replaced, and whatever shows it is dropped: the lists of its genre (of both, if it
   * moves) and all searches. Calls within a class are cached and evict just as calls from outside do.
   */
  @Caching<ProductsService['save']>({
    put: { key: (id) => ['product', id], policy: 'product', write: 'through' },
    evict: [
      { tags: (_id, change, genre) => [genreTag(genre), genreTag(change.genre ?? genre)] },
      { prefix: 'search:' },
    ],
  })
  save(id: number, change: ProductChange, _genre: string): Promise<Product> {
    return this.prisma.product.update({ where: { id }, data: change });
  }
}

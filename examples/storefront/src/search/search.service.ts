import { Injectable } from '@nestjs/common';
import { Cacheable, Fallback } from 'nestjs-strata';
import { Catalogue, FALLBACK, REPLICA, SNAPSHOT } from '../catalogue/catalogue.js';
import type { Product } from '../generated/prisma/client.js';

@Injectable()
export class SearchService {
  constructor(private readonly catalogue: Catalogue) {}

  /** Films whose title or director contains the text, most wanted first. */
  search(text: string): Promise<Product[]> {
    return this.run(text.toLowerCase().replace(/\s+/g, ' ')); // "The  Matrix" and "the matrix" are one entry
  }

  @Cacheable<SearchService['run']>({ key: (text) => ['search', text], policy: 'search' })
  @Fallback<SearchService['run']>({
    ...FALLBACK,
    to: [
      { provider: REPLICA, method: 'search', timeout: '300ms' },
      { provider: SNAPSHOT, method: 'search', timeout: '2s' },
    ],
  })
  run(text: string): Promise<Product[]> {
    return this.catalogue.search(text);
  }
}

import { Injectable } from '@nestjs/common';
import { Cacheable } from 'nestjs-strata';
import { PrismaService } from '../database/prisma.service.js';
import type { Product } from '../generated/prisma/client.js';

const MOST_RESULTS = 20;

@Injectable()
export class SearchService {
  constructor(private readonly prisma: PrismaService) {}

  /** Films whose title or director contains the text, most wanted first. */
  search(text: string): Promise<Product[]> {
    return this.run(text.toLowerCase().replace(/\s+/g, ' ')); // "The  Matrix" and "the matrix" are one entry
  }

  @Cacheable<SearchService['run']>({ key: (text) => ['search', text], policy: 'search' })
  run(text: string): Promise<Product[]> {
    // Prisma hands the text on to LIKE as it is; a percent sign of the user is no wildcard.
    const contains = text.replace(/[\\%_]/g, '\\$&');
    return this.prisma.product.findMany({
      where: {
        OR: [{ title: { contains, mode: 'insensitive' } }, { director: { contains, mode: 'insensitive' } }],
      },
      orderBy: [{ votes: 'desc' }, { id: 'asc' }],
      take: MOST_RESULTS,
    });
  }
}

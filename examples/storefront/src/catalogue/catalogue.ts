import type { Fallback } from 'nestjs-strata';
import type { PrismaClient, Product } from '../generated/prisma/client.js';

const PAGE_SIZE = 20;
const MOST_RESULTS = 20;

/** The catalogue in a database: the primary's or the replica's. */
export class Catalogue {
  constructor(private readonly prisma: Pick<PrismaClient, 'product'>) {}

  find(id: number): Promise<Product | null> {
    return this.prisma.product.findUnique({ where: { id } });
  }

  async findMany(ids: readonly number[]): Promise<Map<number, Product>> {
    const products = await this.prisma.product.findMany({ where: { id: { in: [...ids] } } });
    return new Map(products.map((product) => [product.id, product]));
  }

  list(genre: string, page: number): Promise<Product[]> {
    return this.prisma.product.findMany({
      where: { genre },
      orderBy: [{ votes: 'desc' }, { id: 'asc' }],
      skip: (page - 1) * PAGE_SIZE,
      take: PAGE_SIZE,
    });
  }

  search(text: string): Promise<Product[]> {
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

/** The backups of the catalogue: found by these tokens, so that a test can put others in their place. */
export const REPLICA = Symbol('replica');
export const SNAPSHOT = Symbol('snapshot');

/**
 * How the catalogue is asked. The primary gets 150 ms, then the replica is asked, and the snapshot when that fails as well. What
 * they gave is shown for 5 s, and is loaded from the primary when that is back.
 */
export const FALLBACK = {
  to: [
    { provider: REPLICA, timeout: '300ms' },
    { provider: SNAPSHOT, timeout: '2s' },
  ],
  timeout: '150ms',
  hedge: true,
  backupTtl: '5s',
  breaker: { minimum: 5, halfOpenAfter: '1s' },
} as const satisfies Parameters<typeof Fallback>[0];

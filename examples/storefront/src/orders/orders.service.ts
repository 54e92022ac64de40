import { ConflictException, Injectable } from '@nestjs/common';
import { Cacheable, CacheConfig, CacheEvict } from 'nestjs-strata';
import { cartKey } from '../carts/carts.service.js';
import { PrismaService } from '../database/prisma.service.js';
import { Prisma } from '../generated/prisma/client.js';

const WITH_LINES = {
  include: { lines: { select: { productId: true, quantity: true, unitPrice: true }, orderBy: { productId: 'asc' } } },
} as const;

export type Order = Prisma.OrderGetPayload<typeof WITH_LINES>;

const HISTORY = 20;

@Injectable()
@CacheConfig({ policy: 'order' })
export class OrdersService {
  constructor(private readonly prisma: PrismaService) {}

  @Cacheable<OrdersService['find']>({ key: (id) => ['order', id] })
  find(id: string): Promise<Order | null> {
    return this.prisma.order.findUnique({ where: { id }, ...WITH_LINES });
  }

  /** The latest orders of a customer, newest first. */
  @Cacheable<OrdersService['history']>({ key: (customerId) => ['orders', customerId] })
  history(customerId: number): Promise<Order[]> {
    return this.prisma.order.findMany({
      where: { customerId },
      orderBy: [{ placedAt: 'desc' }, { id: 'asc' }],
      take: HISTORY,
      ...WITH_LINES,
    });
  }

  /** Buys what is in the cart, at the prices of the database: what is paid never depends on a cache. */
  @CacheEvict<OrdersService['place']>({ keys: (customerId) => [cartKey(customerId), ['orders', customerId]] })
  place(customerId: number): Promise<Order> {
    return this.prisma.$transaction(async (tx) => {
      // Locks the cart: of two orders at the same time the second one waits, and then finds it empty.
      await tx.cart.updateMany({ where: { customerId }, data: { updatedAt: new Date() } });
      const lines = await tx.cartLine.findMany({ where: { customerId }, include: { product: true } });
      if (lines.length === 0) throw new ConflictException('The cart is empty: put something in first');
      const total = Prisma.Decimal.sum(...lines.map((line) => line.product.price.times(line.quantity)));
      const bought = lines.map(({ productId, quantity, product }) => ({
        productId,
        quantity,
        unitPrice: product.price,
      }));
      const order = await tx.order.create({
        data: { customerId, total, lines: { createMany: { data: bought } } },
        ...WITH_LINES,
      });
      await tx.cartLine.deleteMany({ where: { customerId } });
      return order;
    });
  }
}

import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable } from '@nestjs/common';
import { type CartLine, CartsService } from '../carts/carts.service.js';
import { PrismaService } from '../database/prisma.service.js';
import { InjectRows, type Rows } from '../database/rows.js';
import { Prisma } from '../generated/prisma/client.js';
import { StockService } from '../stock/stock.service.js';

/** One row; what was paid is part of it. */
export interface Order {
  id: string;
  customerId: number;
  total: Prisma.Decimal;
  placedAt: Date;
  /** In JSON an amount is a text: a number such as 0.1 has no exact value. */
  lines: { productId: number; quantity: number; unitPrice: string }[];
}

/** The ids of the latest orders, newest first. */
interface CustomerOrders {
  customerId: number;
  latest: string[];
}

const HISTORY = 20;

@Injectable()
export class OrdersService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly carts: CartsService,
    private readonly stock: StockService,
    @InjectRows('Order') private readonly orders: Rows<Order, string>,
    @InjectRows('CustomerOrders') private readonly histories: Rows<CustomerOrders, number>,
  ) {}

  find(id: string): Promise<Order | null> {
    return this.orders.get(id);
  }

  /** The latest orders of a customer, newest first. */
  async history(customerId: number): Promise<Order[]> {
    const history = await this.histories.get(customerId);
    const orders = await this.orders.getMany(history?.latest ?? []);
    return orders.filter((order) => order !== null);
  }

  /**
   * Buys what is in the cart. Cart, stock, order and history are rows of their own, and each of these writes is
   * acknowledged alone: nothing makes them one. Refused (not enough in stock), the order takes back what it did. But if the
   * process dies or Redis goes away in between, what was acknowledged stays, and the rest never happens:
   *   - after the cart: its lines are gone, and nothing was bought;
   *   - within or after the stock: so many pieces are missing on paper;
   *   - after the order: it is valid, and not in the customer's history.
   * A shop that cannot live with that writes the order first, as "open", and has a job that finishes or undoes open orders;
   * or it places orders in a transaction of Postgres, and keeps write-behind for what changes all the time.
   */
  async place(customerId: number): Promise<Order> {
    const lines = await this.carts.takeLines(customerId);
    let order: Order;
    try {
      order = await this.make(customerId, lines);
      await this.stock.take(lines);
    } catch (error) {
      await this.carts.putBack(customerId, lines);
      throw error;
    }
    await this.orders.put(order);
    await this.histories.patch(customerId, (history) => ({
      ...history,
      latest: [order.id, ...history.latest].slice(0, HISTORY),
    }));
    return order;
  }

  /** At the prices of the database: what is paid never depends on a cache. */
  private async make(customerId: number, lines: readonly CartLine[]): Promise<Order> {
    const ids = lines.map((line) => line.productId);
    const products = await this.prisma.product.findMany({
      where: { id: { in: ids } },
      select: { id: true, price: true },
    });
    const prices = new Map(products.map(({ id, price }) => [id, price]));
    const priced = lines.map(({ productId, quantity }) => {
      const price = prices.get(productId);
      if (price === undefined) throw new ConflictException(`Product ${productId} is no longer sold: remove it`);
      return { productId, quantity, price };
    });
    return {
      id: randomUUID(),
      customerId,
      total: Prisma.Decimal.sum(...priced.map(({ price, quantity }) => price.times(quantity))),
      placedAt: new Date(),
      lines: priced.map(({ price, ...line }) => ({ ...line, unitPrice: price.toFixed(2) })),
    };
  }
}

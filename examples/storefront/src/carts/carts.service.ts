import { Injectable, NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { Cacheable, CachePut } from 'nestjs-strata';
import { PrismaService } from '../database/prisma.service.js';
import { Prisma, type Product } from '../generated/prisma/client.js';
import { ProductsService } from '../products/products.service.js';
import { MOST_LINES } from './cart.dto.js';

/** What is cached: which products, how many. Prices are not part of it, so a price change leaves carts alone. */
export interface Cart {
  customerId: number;
  lines: { productId: number; quantity: number }[];
}

/** What a customer sees. */
export interface PricedCart {
  customerId: number;
  lines: { product: Product; quantity: number; amount: Prisma.Decimal }[];
  total: Prisma.Decimal;
}

export const cartKey = (customerId: number) => ['cart', customerId];

const LINES = { select: { productId: true, quantity: true }, orderBy: { productId: 'asc' } } as const;

@Injectable()
export class CartsService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly products: ProductsService,
  ) {}

  /** The products of all lines cost one look into the cache, and one query for those that are not in it. */
  async price({ customerId, lines }: Cart): Promise<PricedCart> {
    const products = await this.products.findMany(lines.map((line) => line.productId));
    const priced = lines.flatMap(({ productId, quantity }) => {
      const product = products.get(productId);
      return product === undefined ? [] : [{ product, quantity, amount: product.price.times(quantity) }];
    });
    return { customerId, lines: priced, total: Prisma.Decimal.sum(0, ...priced.map((line) => line.amount)) };
  }

  @Cacheable<CartsService['find']>({ key: cartKey, policy: 'cart' })
  async find(customerId: number): Promise<Cart> {
    return { customerId, lines: await this.prisma.cartLine.findMany({ where: { customerId }, ...LINES }) };
  }

  /** Puts a product into the cart or changes how many of it. */
  async setLine(customerId: number, productId: number, quantity: number): Promise<Cart> {
    if ((await this.products.find(productId)) === null) throw new NotFoundException(`There is no product ${productId}`);
    const { lines } = await this.find(customerId);
    if (lines.length >= MOST_LINES && lines.every((line) => line.productId !== productId)) {
      throw new UnprocessableEntityException(`A cart holds ${MOST_LINES} different products: order or remove some`);
    }
    return this.saveLine(customerId, productId, quantity);
  }

  @CachePut<CartsService['saveLine']>({ key: cartKey, policy: 'cart', write: 'through' })
  saveLine(customerId: number, productId: number, quantity: number): Promise<Cart> {
    return this.change(customerId, (tx) =>
      tx.cartLine.upsert({
        where: { customerId_productId: { customerId, productId } },
        create: { customerId, productId, quantity },
        update: { quantity },
      }),
    );
  }

  @CachePut<CartsService['removeLine']>({ key: cartKey, policy: 'cart', write: 'through' })
  removeLine(customerId: number, productId: number): Promise<Cart> {
    return this.change(customerId, (tx) => tx.cartLine.deleteMany({ where: { customerId, productId } }));
  }

  /** Changes of one cart run one after the other: the upsert locks its row until the transaction ends. */
  private change(customerId: number, write: (tx: Prisma.TransactionClient) => Promise<unknown>): Promise<Cart> {
    return this.prisma.$transaction(async (tx) => {
      const updatedAt = new Date();
      await tx.cart.upsert({ where: { customerId }, create: { customerId, updatedAt }, update: { updatedAt } });
      await write(tx);
      return { customerId, lines: await tx.cartLine.findMany({ where: { customerId }, ...LINES }) };
    });
  }
}

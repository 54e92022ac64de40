import { ConflictException, Injectable, NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { InjectRows, type Rows } from '../database/rows.js';
import { Prisma, type Product } from '../generated/prisma/client.js';
import { ProductsService } from '../products/products.service.js';
import { MOST_LINES } from './cart.dto.js';

export interface CartLine {
  productId: number;
  quantity: number;
}

/** One row: which products, how many. Prices are not part of it, so a price change leaves carts alone. */
export interface Cart {
  customerId: number;
  lines: CartLine[];
  updatedAt: Date;
}

/** What a customer sees. */
export interface PricedCart {
  customerId: number;
  lines: { product: Product; quantity: number; amount: Prisma.Decimal }[];
  total: Prisma.Decimal;
}

@Injectable()
export class CartsService {
  constructor(
    @InjectRows('Cart') private readonly carts: Rows<Cart, number>,
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

  /** Sees every acknowledged change, also those that Postgres has not got yet. */
  async find(customerId: number): Promise<Cart> {
    const cart = await this.carts.get(customerId);
    if (cart === null) throw new NotFoundException(`Customer ${customerId} has no cart`);
    return cart;
  }

  /** Puts a product into the cart or changes how many of it. */
  async setLine(customerId: number, productId: number, quantity: number): Promise<Cart> {
    if ((await this.products.find(productId)) === null) throw new NotFoundException(`There is no product ${productId}`);
    return this.change(customerId, (lines) => {
      const others = without(lines, productId);
      if (others.length >= MOST_LINES) {
        throw new UnprocessableEntityException(`A cart holds ${MOST_LINES} different products: order or remove some`);
      }
      return [...others, { productId, quantity }];
    });
  }

  removeLine(customerId: number, productId: number): Promise<Cart> {
    return this.change(customerId, (lines) => without(lines, productId));
  }

  /** Empties the cart for an order. Of two orders at the same time one gets the lines, the other one finds none. */
  async takeLines(customerId: number): Promise<CartLine[]> {
    let taken: CartLine[] = [];
    await this.change(customerId, (lines) => {
      if (lines.length === 0) throw new ConflictException('The cart is empty: put something in first');
      taken = lines; // of the last run: the one that is written
      return [];
    });
    return taken;
  }

  /** The order came to nothing. What was put into the cart meanwhile stays as it is. */
  async putBack(customerId: number, taken: readonly CartLine[]): Promise<void> {
    await this.change(customerId, (lines) => [
      ...lines,
      ...taken.filter(({ productId }) => lines.every((line) => line.productId !== productId)),
    ]);
  }

  private change(customerId: number, change: (lines: CartLine[]) => CartLine[]): Promise<Cart> {
    return this.carts.patch(customerId, (cart) => ({
      ...cart,
      lines: change(cart.lines).toSorted((a, b) => a.productId - b.productId),
      updatedAt: new Date(), // a row is written as it is: nothing fills in @updatedAt
    }));
  }
}

const without = (lines: readonly CartLine[], productId: number) => lines.filter((line) => line.productId !== productId);

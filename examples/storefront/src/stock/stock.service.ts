import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRows, type Rows } from '../database/rows.js';
import type { Stock } from '../generated/prisma/client.js';
import type { DeliveryLine } from './stock.dto.js';

@Injectable()
export class StockService {
  constructor(@InjectRows('Stock') private readonly stock: Rows<Stock, number>) {}

  find(productId: number): Promise<Stock | null> {
    return this.stock.get(productId);
  }

  /** Each line is a write of its own: should one of them fail, the others are booked all the same. */
  async deliver(lines: readonly DeliveryLine[]): Promise<Stock[]> {
    const known = await this.stock.getMany(lines.map((line) => line.productId));
    const unknown = lines.find((_, index) => known[index] === null);
    if (unknown !== undefined) throw new NotFoundException(`There is no product ${unknown.productId}`);
    return Promise.all(lines.map(({ productId, quantity }) => this.add(productId, quantity)));
  }

  /** Takes all of it or nothing. */
  async take(lines: readonly { productId: number; quantity: number }[]): Promise<void> {
    const taken: (typeof lines)[number][] = [];
    try {
      for (const line of lines) {
        await this.add(line.productId, -line.quantity);
        taken.push(line);
      }
    } catch (error) {
      for (const { productId, quantity } of taken) await this.add(productId, quantity);
      throw error;
    }
  }

  private add(productId: number, pieces: number): Promise<Stock> {
    return this.stock.patch(productId, (row) => {
      const quantity = row.quantity + pieces;
      if (quantity < 0) throw new ConflictException(`Only ${row.quantity} pieces of product ${productId} are left`);
      return { ...row, quantity };
    });
  }
}

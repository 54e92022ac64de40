import { Body, Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import { parseId } from '../common/fields.js';
import { Parse } from '../common/parse.pipe.js';
import type { Stock } from '../generated/prisma/client.js';
import { type DeliveryLine, parseDelivery } from './stock.dto.js';
import { StockService } from './stock.service.js';

@Controller('stock')
export class StockController {
  constructor(private readonly stock: StockService) {}

  @Get(':productId')
  async find(@Param('productId', new Parse(parseId)) productId: number): Promise<Stock> {
    const stock = await this.stock.find(productId);
    if (stock === null) throw new NotFoundException(`There is no product ${productId}`);
    return stock;
  }

  /** For the warehouse. Who that is is left out of this example. */
  @Post('deliveries')
  deliver(@Body(new Parse(parseDelivery)) lines: DeliveryLine[]): Promise<Stock[]> {
    return this.stock.deliver(lines);
  }
}

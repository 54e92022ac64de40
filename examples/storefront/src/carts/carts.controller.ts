import { Body, Controller, Delete, Get, Param, Put, UseGuards } from '@nestjs/common';
import { parseId } from '../common/fields.js';
import { Parse } from '../common/parse.pipe.js';
import type { Session } from '../generated/prisma/client.js';
import { CurrentSession, SessionGuard } from '../sessions/session.guard.js';
import { parseQuantity } from './cart.dto.js';
import { CartsService, type PricedCart } from './carts.service.js';

@Controller('cart')
@UseGuards(SessionGuard)
export class CartsController {
  constructor(private readonly carts: CartsService) {}

  @Get()
  async find(@CurrentSession() { customerId }: Session): Promise<PricedCart> {
    return this.carts.price(await this.carts.find(customerId));
  }

  @Put('lines/:productId')
  async setLine(
    @CurrentSession() { customerId }: Session,
    @Param('productId', new Parse(parseId)) productId: number,
    @Body(new Parse(parseQuantity)) quantity: number,
  ): Promise<PricedCart> {
    return this.carts.price(await this.carts.setLine(customerId, productId, quantity));
  }

  @Delete('lines/:productId')
  async removeLine(
    @CurrentSession() { customerId }: Session,
    @Param('productId', new Parse(parseId)) productId: number,
  ): Promise<PricedCart> {
    return this.carts.price(await this.carts.removeLine(customerId, productId));
  }
}

import { Controller, Get, NotFoundException, Param, Post, UseGuards } from '@nestjs/common';
import { parseUuid } from '../common/fields.js';
import { Parse } from '../common/parse.pipe.js';
import type { Session } from '../generated/prisma/client.js';
import { CurrentSession, SessionGuard } from '../sessions/session.guard.js';
import { type Order, OrdersService } from './orders.service.js';

@Controller('orders')
@UseGuards(SessionGuard)
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get()
  history(@CurrentSession() { customerId }: Session): Promise<Order[]> {
    return this.orders.history(customerId);
  }

  @Get(':id')
  async find(@CurrentSession() { customerId }: Session, @Param('id', new Parse(parseUuid)) id: string): Promise<Order> {
    const order = await this.orders.find(id);
    // The cache knows no customers: whose order it is must be looked at on every call.
    if (order?.customerId !== customerId) throw new NotFoundException(`You have no order ${id}`);
    return order;
  }

  @Post()
  place(@CurrentSession() { customerId }: Session): Promise<Order> {
    return this.orders.place(customerId);
  }
}

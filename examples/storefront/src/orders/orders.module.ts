import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/sessions.module.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({ imports: [SessionsModule], controllers: [OrdersController], providers: [OrdersService] })
export class OrdersModule {}

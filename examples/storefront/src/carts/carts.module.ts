import { Module } from '@nestjs/common';
import { ProductsModule } from '../products/products.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { CartsController } from './carts.controller.js';
import { CartsService } from './carts.service.js';

@Module({
  imports: [ProductsModule, SessionsModule],
  controllers: [CartsController],
  providers: [CartsService],
  exports: [CartsService],
})
export class CartsModule {}

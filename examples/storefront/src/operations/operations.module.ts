import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { CacheHeaderMiddleware } from './cache-header.middleware.js';
import { OperationsController } from './operations.controller.js';

@Module({ controllers: [OperationsController], providers: [CacheHeaderMiddleware] })
export class OperationsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(CacheHeaderMiddleware).forRoutes('*path');
  }
}

import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { CacheHeaderMiddleware } from './cache-header.middleware.js';
import { OperationsController } from './operations.controller.js';
import { UnavailableFilter } from './unavailable.filter.js';
import { writtenBehind } from './written-behind.js';

@Module({
  controllers: [OperationsController],
  providers: [CacheHeaderMiddleware, writtenBehind, { provide: APP_FILTER, useClass: UnavailableFilter }],
})
export class OperationsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(CacheHeaderMiddleware).forRoutes('*path');
  }
}

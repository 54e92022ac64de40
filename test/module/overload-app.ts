import type { AddressInfo } from 'node:net';
import { expect } from '@jest/globals';
import { Controller, Get, Injectable, Module, Param } from '@nestjs/common';
import type { NestFactory } from '@nestjs/core';
import { Cacheable, CacheModule, CacheService } from '../../src/index.js';

let rows: ((row: string) => void)[] = [];

@Injectable()
class Products {
  @Cacheable<Products['find']>({ key: (id) => ['product', id], policy: 'product' })
  find(id: string): Promise<string> {
    return new Promise((resolve) => rows.push(() => resolve(`product ${id}`)));
  }
}

@Controller()
class ProductsController {
  constructor(private readonly products: Products) {}

  @Get('products/:id')
  async find(@Param('id') id: string): Promise<{ found: string }> {
    return { found: await this.products.find(id) };
  }
}
Reflect.defineMetadata('design:paramtypes', [Products], ProductsController);

@Module({
  imports: [CacheModule.forRoot({ policies: { product: { loads: { concurrency: 1, queue: 0 } } } })],
  providers: [Products],
  controllers: [ProductsController],
})
export class OverloadedModule {}

type App = Awaited<ReturnType<typeof NestFactory.create>>;
async function listen(made: App): Promise<string> {
  await made.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${(made.getHttpServer().address() as AddressInfo).port}`;
}

/** The answer to a request for which there is no room. */
export async function overloaded(made: App): Promise<Response> {
  rows = [];
  const url = await listen(made);
  const cache = made.get(CacheService);
  const first = fetch(`${url}/products/1`);
  while (cache.stats().lanes.product?.inFlight !== 1) await new Promise((resolve) => setImmediate(resolve));
  const second = await fetch(`${url}/products/2`);
  for (const answer of rows) answer('');
  expect(await (await first).json()).toEqual({ found: 'product 1' });
  return second;
}

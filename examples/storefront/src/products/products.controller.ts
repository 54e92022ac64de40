import { Body, Controller, Get, NotFoundException, Param, Patch, Query } from '@nestjs/common';
import { parseId } from '../common/fields.js';
import { Parse } from '../common/parse.pipe.js';
import type { Product } from '../generated/prisma/client.js';
import { type ProductChange, parseGenre, parsePage, parseProductChange } from './product.dto.js';
import { ProductsService } from './products.service.js';

@Controller('products')
export class ProductsController {
  constructor(private readonly products: ProductsService) {}

  @Get()
  list(@Query('genre', new Parse(parseGenre)) genre: string, @Query('page', new Parse(parsePage)) page: number) {
    return this.products.list(genre, page);
  }

  @Get(':id')
  async find(@Param('id', new Parse(parseId)) id: number): Promise<Product> {
    const product = await this.products.find(id);
    if (product === null) throw new NotFoundException(`There is no product ${id}`);
    return product;
  }

  /** For the editors of the shop. Who is one is left out of this example. */
  @Patch(':id')
  update(
    @Param('id', new Parse(parseId)) id: number,
    @Body(new Parse(parseProductChange)) change: ProductChange,
  ): Promise<Product> {
    return this.products.update(id, change);
  }
}

import { Controller, Get, Query } from '@nestjs/common';
import { text } from '../common/fields.js';
import { Parse } from '../common/parse.pipe.js';
import { SearchService } from './search.service.js';

const parseQuery = (value: unknown): string => text(value, 'q', 80);

@Controller('search')
export class SearchController {
  constructor(private readonly films: SearchService) {}

  @Get()
  search(@Query('q', new Parse(parseQuery)) query: string) {
    return this.films.search(query);
  }
}

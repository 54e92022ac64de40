import { BadRequestException } from '@nestjs/common';
import { fields, integer, money, text } from '../common/fields.js';

/** What an editor may change about a product. */
export interface ProductChange {
  price?: string;
  genre?: string;
}

export function parseProductChange(body: unknown): ProductChange {
  const { price, genre } = fields(body);
  if (price === undefined && genre === undefined) throw new BadRequestException('Send "price", "genre" or both');
  return {
    ...(price === undefined ? {} : { price: money(price, 'price') }),
    ...(genre === undefined ? {} : { genre: text(genre, 'genre', 40) }),
  };
}

export const parseGenre = (value: unknown): string => text(value, 'genre', 40);

/** Pages begin with 1; without the parameter it is the first. */
export const parsePage = (value: unknown): number => integer(value ?? 1, 'page', 1, 1_000);

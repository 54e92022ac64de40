import { BadRequestException } from '@nestjs/common';
import { fields, integer, parseId } from '../common/fields.js';

const MOST_LINES = 50;

/** What a delivery brings: how many pieces of which product. */
export interface DeliveryLine {
  productId: number;
  quantity: number;
}

export function parseDelivery(body: unknown): DeliveryLine[] {
  const { lines } = fields(body);
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > MOST_LINES) {
    throw new BadRequestException(`"lines" must be a list of 1 to ${MOST_LINES} lines`);
  }
  const parsed = lines.map((line) => {
    const { productId, quantity } = fields(line);
    return { productId: parseId(productId), quantity: integer(quantity, 'quantity', 1, 10_000) };
  });
  if (new Set(parsed.map((line) => line.productId)).size === parsed.length) return parsed;
  throw new BadRequestException('A product must not stand in two lines');
}

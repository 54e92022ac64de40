import { fields, integer } from '../common/fields.js';

export const MOST_LINES = 50;

export function parseQuantity(body: unknown): number {
  return integer(fields(body).quantity, 'quantity', 1, 99);
}

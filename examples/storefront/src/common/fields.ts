import { BadRequestException } from '@nestjs/common';

/** A JSON object, not yet checked. */
export type Fields = Readonly<Record<string, unknown>>;

export function fields(body: unknown): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields;
  throw new BadRequestException('Send a JSON object with the header content-type: application/json');
}

/** A text without white space around it, of 1 to `longest` characters. */
export function text(value: unknown, name: string, longest: number): string {
  const trimmed = typeof value === 'string' ? value.trim() : '';
  if (trimmed.length >= 1 && trimmed.length <= longest) return trimmed;
  throw new BadRequestException(`"${name}" must be a text of 1 to ${longest} characters`);
}

/** A whole number. Query and path parameters come as text, bodies as numbers: both are taken. */
export function integer(value: unknown, name: string, least: number, most: number): number {
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
  throw new BadRequestException(`"${name}" must be a whole number from ${least} to ${most}`);
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new BadRequestException(`"${name}" must be true or false`);
}

/** An amount of money as text: a number such as 0.1 has no exact value in binary, '0.10' has. */
export function money(value: unknown, name: string): string {
  if (typeof value === 'string' && /^\d{1,8}(\.\d{1,2})?$/.test(value)) return value;
  throw new BadRequestException(`"${name}" must be an amount written as a text such as "12.99"`);
}

export const parseId = (value: unknown): number => integer(value, 'id', 1, 2_147_483_647);

export function parseUuid(value: unknown): string {
  if (typeof value === 'string' && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value)) return value.toLowerCase();
  throw new BadRequestException('"id" must be the id of an order, a UUID');
}

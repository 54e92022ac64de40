// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import type { WriteBehind } from '../../src/write-behind.js';
import { check, type Is } from './is.js';

interface Product {
  id: string;
  stock: number;
  version: bigint | null;
}
declare const whole: WriteBehind<Product, string>;
declare const versioned: WriteBehind<Product, string, Omit<Product, 'version'>>;

export async function rowsWithVersions(): Promise<void> {
  await versioned.put({ id: 'a', stock: 1 });
  // @ts-expect-error a field of the row is missing
  await versioned.put({ id: 'a' });
  // @ts-expect-error it would be ignored
  await versioned.put({ id: 'a', stock: 1, version: 5n });
  // @ts-expect-error all fields are written
  await whole.put({ id: 'a', stock: 1 });

  const read = await versioned.get('a');
  check<Is<typeof read, Product | null>>();
  if (read) await versioned.put(read); // as it was read
  const patched = await versioned.patch('a', (row) => ({ ...row, stock: row.stock - 1 }));
  check<Is<typeof patched, Product>>();
  await versioned.patch('a', ({ id }) => ({ id, stock: 0 }));
  // @ts-expect-error a field of the row is missing
  await versioned.patch('a', ({ id }) => ({ id }));
}

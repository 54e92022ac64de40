import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Prisma } from '../../examples/storefront/src/generated/prisma/client.js';
import type { Table } from '../../src/write-behind/table.js';
import { EVERY_TYPE, everyType } from './prisma-values.js';
import { createWorld, read, upserts, type World } from './prisma-world.js';

let world: World;

beforeAll(async () => {
  world = await createWorld('');
  await world.sql('CREATE EXTENSION IF NOT EXISTS citext SCHEMA public');
  await world.sql(EVERY_TYPE);
  await world.sql(`CREATE TABLE rounded (
    id integer PRIMARY KEY, r real, rs real[], n numeric(7, 3), z numeric(4, 0), h numeric(3, -2), f numeric(3, 5), m money,
    t0 timestamp(0), t1 timestamptz(1), t2 timestamp(2)[], h0 time(0), h2 timetz(2)
  )`);
});

afterAll(() => world.close());

/** Written, and read as pending and from the database. */
async function roundTrip(table: Table, rows: readonly object[]): Promise<{ pending: object[]; loaded: unknown[] }> {
  const writes = upserts(table, rows);
  await table.write(0, 1, writes);
  const pending = writes.map((write) => table.decode(write.payload));
  return {
    pending,
    loaded: await read(
      table,
      writes.map((write) => table.idOf(write.payload)),
    ),
  };
}

describe.each([
  ['over pg', 'plain', (digits: string): unknown => digits],
  ['over Prisma', 'prisma', (digits: string): unknown => new Prisma.Decimal(digits)],
] as const)('values of every type, %s', (_title, client, decimal) => {
  it('come back as they were written, while pending and from the database', async () => {
    const table = await world.open('Every', { table: 'every_type', client: world[client] });
    await fc.assert(
      fc.asyncProperty(fc.array(everyType(decimal), { minLength: 1, maxLength: 8 }), async (values) => {
        const rows = values.map((row, id) => ({ id, ...row }));
        const { pending, loaded } = await roundTrip(table, rows);
        expect(pending).toStrictEqual(rows);
        expect(loaded).toStrictEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  it('are rounded before they are acknowledged as the column would round them', async () => {
    const table = await world.open('Rounded', { table: 'rounded', client: world[client] });
    const real = fc.double({ min: -1e38, max: 1e38, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-38);
    const digits = (max: number) => fc.double({ min: -max, max, noNaN: true }).map((value) => value.toFixed(6));
    const date = fc.date({ min: new Date('0002-01-01'), max: new Date('9998-01-01'), noInvalidDate: true });
    const row = fc.record({
      r: fc.oneof(real, fc.float({ noNaN: true })),
      rs: fc.array(real, { maxLength: 3 }),
      n: fc.oneof(digits(9_999), digits(1), fc.constantFrom('0.0005', '-0.0005', '1e-3', '.5e3', '-0.0004', 2.5, 1e-7)),
      z: fc.oneof(digits(9_998), fc.constantFrom('0.5', '-0.5', '1.5', '2.5', '0.49999999999999999999')),
      h: digits(99_949),
      f: digits(0.009),
      m: digits(1e9),
      t0: date,
      t1: date,
      t2: fc.array(date, { maxLength: 2 }),
      h0: date,
      h2: date,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (values) => {
        const { pending, loaded } = await roundTrip(
          table,
          values.map((one, id) => ({ id, ...one })),
        );
        expect(pending).toStrictEqual(loaded);
      }),
      { numRuns: 60 },
    );
  });
});

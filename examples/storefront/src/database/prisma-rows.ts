import type { Prisma } from '../generated/prisma/client.js';
import type { PrismaService } from './prisma.service.js';
import type { Model, Rows } from './rows.js';

/** What raw SQL must know of the tables; everything else Prisma knows. */
const TABLES = {
  Stock: { delegate: 'stock', id: 'productId', lock: 'SELECT FROM stock WHERE product_id = $1 FOR UPDATE' },
  Cart: { delegate: 'cart', id: 'customerId', lock: 'SELECT FROM carts WHERE customer_id = $1 FOR UPDATE' },
  Order: { delegate: 'order', id: 'id', lock: 'SELECT FROM orders WHERE id = $1::uuid FOR UPDATE' },
  CustomerOrders: {
    delegate: 'customerOrders',
    id: 'customerId',
    lock: 'SELECT FROM customer_orders WHERE customer_id = $1 FOR UPDATE',
  },
} as const satisfies Record<Model, object>;

/** As much of a Prisma model's methods as is used here, the same for all four. */
interface Delegate<Row> {
  findUnique(args: { where: object }): Promise<Row | null>;
  findMany(args: { where: object }): Promise<Row[]>;
  upsert(args: { where: object; create: Row; update: Row }): Promise<Row>;
  update(args: { where: object; data: Row }): Promise<Row>;
}

/** {@link Rows} straight in Postgres: for the shop with its cache switched off. */
export class PrismaRows<Row extends object, Id> implements Rows<Row, Id> {
  private readonly table: (typeof TABLES)[Model];

  constructor(
    private readonly prisma: PrismaService,
    model: Model,
  ) {
    this.table = TABLES[model];
  }

  get(id: Id): Promise<Row | null> {
    return this.rows().findUnique({ where: { [this.table.id]: id } });
  }

  async getMany(ids: readonly Id[]): Promise<(Row | null)[]> {
    const rows = await this.rows().findMany({ where: { [this.table.id]: { in: [...ids] } } });
    const byId = new Map(rows.map((row) => [this.idOf(row), row]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  put(row: Row): Promise<Row> {
    return this.rows().upsert({ where: { [this.table.id]: this.idOf(row) }, create: row, update: row });
  }

  patch(id: Id, change: (row: Row) => Row): Promise<Row> {
    return this.prisma.$transaction(
      async (tx) => {
        // Changes of one row run one after the other. (It begins with a comment: not counted as a read of data.)
        await tx.$executeRawUnsafe(`/* lock */ ${this.table.lock}`, id);
        const where = { [this.table.id]: id };
        const row = await this.rows(tx).findUnique({ where });
        if (row === null) throw new Error(`A change needs a row: ${this.table.delegate} ${id} is not there`);
        return this.rows(tx).update({ where, data: change(row) });
      },
      { maxWait: 10_000 },
    );
  }

  private rows(client: Prisma.TransactionClient = this.prisma): Delegate<Row> {
    return client[this.table.delegate] as unknown as Delegate<Row>;
  }

  private idOf(row: Row): Id {
    return row[this.table.id as keyof Row] as Id;
  }
}

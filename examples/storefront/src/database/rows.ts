import { Inject } from '@nestjs/common';

/**
 * Rows of one table, as the services of this shop see them. With the cache it is a `WriteBehind` of nestjs-strata, which
 * has these methods and more: it acknowledges when Redis has the change, and Postgres gets it in a batch. Without the cache
 * it is `PrismaRows`. Which one is decided in database.module.ts.
 *
 * An application that always has its cache needs none of this: it injects `WriteBehind` with `@InjectWriteBehind('Cart')`.
 */
export interface Rows<Row, Id> {
  /** The row as it was last acknowledged, wherever it is now. */
  get(id: Id): Promise<Row | null>;
  /** In the order of the ids. */
  getMany(ids: readonly Id[]): Promise<(Row | null)[]>;
  /** Writes the whole row, new or not. */
  put(row: Row): Promise<unknown>;
  /**
   * Reads the row, changes it, and writes it if nobody else did so meanwhile; else once more with the newer row. So
   * `change` may run several times and must do nothing else. What it throws leaves the row as it is.
   */
  patch(id: Id, change: (row: Row) => Row): Promise<Row>;
}

/** The models whose rows are written behind: each is an aggregate of its own, changed row by row. */
export const MODELS = ['Stock', 'Cart', 'Order', 'CustomerOrders'] as const;

export type Model = (typeof MODELS)[number];

export const rowsToken = (model: Model) => `rows of ${model}`;

/** `constructor(@InjectRows('Cart') private readonly carts: Rows<Cart, number>)` */
export const InjectRows = (model: Model) => Inject(rowsToken(model));

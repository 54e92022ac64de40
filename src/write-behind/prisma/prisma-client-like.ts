import type { Milliseconds } from '../../engine/duration.js';

/** What we use of a Prisma client, inside a transaction and outside. */
export interface PrismaQueries {
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): PromiseLike<T>;
  /** Answers how many rows were affected. */
  $executeRawUnsafe(query: string, ...values: unknown[]): PromiseLike<number>;
}

export interface TransactionOptions {
  /** How long to wait for a connection. */
  maxWait?: Milliseconds;
  /** How long the transaction may take after that. */
  timeout?: Milliseconds;
}

/**
 * Any generated Prisma client of version 6 or 7 for PostgreSQL, also an extended one. Only its form counts: this package
 * imports neither `@prisma/client` nor `pg`.
 */
export interface PrismaClientLike extends PrismaQueries {
  $transaction<R>(work: (tx: PrismaQueries) => Promise<R>, options?: TransactionOptions): Promise<R>;
}

import { runInTransaction } from './run-in-transaction.js';

type Work = (...handles: unknown[]) => Promise<unknown>;

/** What is used of a Prisma client. */
export interface TransactionalClient {
  $transaction(...args: never[]): Promise<unknown>;
}

const known = new WeakSet<object>();

/** The `tx` of transactions: a `$transaction` of theirs is a savepoint. Prisma makes them out of the client, our change included. */
const handles = new WeakSet<object>();

/**
 * Tells the cache of the interactive transactions of a Prisma client, `$transaction(async (tx) => ...)`. It changes the
 * client and returns it; call it once, for the very client whose `$transaction` you call (after `$extends`). `tx.$transaction`
 * inside is a savepoint, `prisma.$transaction` inside a transaction of its own. The batch form `$transaction([...])` runs
 * none of your code in between, and stays as it is.
 *
 * @example
 * ```ts
 * const prisma = cacheTransactions(new PrismaClient({ adapter }));
 * ```
 */
export function cacheTransactions<Client extends TransactionalClient>(client: Client): Client {
  if (known.has(client)) return client;
  const transact = client.$transaction as unknown as (
    this: unknown,
    work: unknown,
    ...rest: unknown[]
  ) => Promise<unknown>;
  const value = function $transaction(this: object, work: unknown, ...rest: unknown[]): Promise<unknown> {
    if (typeof work !== 'function') return transact.call(this, work, ...rest);
    const begin = (inside: Work): Promise<unknown> => {
      const remember = (tx: object, ...more: unknown[]): Promise<unknown> => {
        handles.add(tx);
        return inside(tx, ...more);
      };
      return transact.call(this, remember, ...rest);
    };
    return runInTransaction<unknown[], unknown>(begin, work as Work, { nested: handles.has(this) });
  };
  Object.defineProperty(client, '$transaction', { value, configurable: true, writable: true });
  known.add(client);
  return client;
}

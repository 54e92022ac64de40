import { isRolledBack } from './rolled-back.js';
import { openTransaction, Transaction } from './transaction-context.js';

/** Options of `runInTransaction`. */
export interface TransactionOptions {
  /**
   * Sees the error of a COMMIT that failed: `true` if the database surely rolled back, so that nothing is evicted. When in
   * doubt, `false`: then what waits for the commit is evicted. Default: the SQLSTATE in the error, or Prisma's code, says
   * (constraints, serialization failures, deadlocks, errors of triggers, Prisma's `timeout`).
   */
  rolledBack?: (error: unknown) => boolean;
  /**
   * `true`: inside an open transaction this is a savepoint of that one, and what waits for a commit waits for that of the
   * whole. Default `false`: it is a transaction of its own, with its own COMMIT.
   */
  nested?: boolean;
}

/** For libraries that can tell more. */
export interface TransactionFacts extends TransactionOptions {
  /** Whether the calling code still runs in it: false for code that steps out. */
  active?: () => boolean;
}

/**
 * Tells the cache of a transaction: `transact` begins it, calls what it is given, and commits (or rolls back, when that
 * throws). Inside `work` evictions with `afterCommit` wait for the COMMIT and what is loaded goes into no tier; once the
 * promise resolves, all of them are done.
 *
 * @example
 * ```ts
 * // TypeORM; Drizzle: (work) => db.transaction(work)
 * await runInTransaction((work) => dataSource.transaction(work), async (manager: EntityManager) => { ... });
 * ```
 */
export function runInTransaction<Handles extends unknown[], Result>(
  transact: (work: (...handles: Handles) => Promise<Result>) => Promise<Result>,
  work: (...handles: Handles) => Result | Promise<Result>,
  options?: TransactionOptions,
): Promise<Result>;
export async function runInTransaction<Handles extends unknown[], Result>(
  transact: (work: (...handles: Handles) => Promise<Result>) => Promise<Result>,
  work: (...handles: Handles) => Result | Promise<Result>,
  { rolledBack = isRolledBack, nested = false, active }: TransactionFacts = {},
): Promise<Result> {
  const around = nested ? openTransaction() : undefined;
  let transaction: Transaction | undefined;
  let worked = false;
  const inside = async (...handles: Handles): Promise<Result> => {
    // `transact` may try again: of what a try did that failed, nothing is left.
    await transaction?.end('rolled back');
    worked = false;
    transaction = new Transaction(around, active);
    const done = await transaction.run(() => work(...handles));
    worked = true;
    return done;
  };
  let result: Result;
  try {
    result = await transact(inside);
  } catch (error) {
    // Before `work` was done nobody commits; a COMMIT that failed may have taken effect all the same.
    await transaction?.end(!worked || saysSo(rolledBack, error) ? 'rolled back' : 'unknown');
    throw error;
  }
  // If `work` failed and `transact` did not, who knows what it committed.
  await transaction?.end(worked ? 'committed' : 'unknown');
  return result;
}

/** Its own error would hide that of the COMMIT. */
function saysSo(rolledBack: (error: unknown) => boolean, error: unknown): boolean {
  try {
    return rolledBack(error);
  } catch {
    return false;
  }
}

/**
 * Classes of SQLSTATE with which a database refuses a COMMIT and rolls back: data and constraints (deferred ones, and
 * triggers), serialization and deadlock. Anything about connections, shutdown or resources is left out: nobody knows then.
 */
const REFUSED = /^(22|23|40|42|P0)[0-9A-Z]{3}$/;

/** "Statement completion unknown", of class 40. */
const UNKNOWN = '40003';

/** Prisma's own words for the same: unique, foreign key, other constraint, write conflict or deadlock. */
const PRISMA_REFUSED = ['P2002', 'P2003', 'P2004', 'P2034'];

/** Where drivers and ORMs keep the error of the database: `pg`, Prisma's driver adapters, TypeORM, Drizzle. */
const INNER = ['cause', 'driverError', 'originalError', 'meta', 'driverAdapterError'] as const;
const CODES = ['code', 'originalCode', 'sqlState'] as const;

/** How deep errors are looked into; they may contain themselves. */
const DEPTH = 6;

/** Whether the error of a COMMIT says that the transaction was rolled back. In doubt it does not. */
export function isRolledBack(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > DEPTH) return false;
  const found = error as Record<string, unknown>;
  if (CODES.some((name) => refuses(found[name]))) return true;
  if (found.code === 'P2028') return timedOut(found);
  return INNER.some((name) => isRolledBack(found[name], depth + 1));
}

function refuses(code: unknown): boolean {
  if (typeof code !== 'string' || code === UNKNOWN) return false;
  return REFUSED.test(code) || PRISMA_REFUSED.includes(code);
}

/** Prisma ended the transaction at its `timeout`, before the COMMIT: only the text tells this from the code's other meanings. */
function timedOut({ message }: Record<string, unknown>): boolean {
  return /expired transaction|was rolled back/.test(String(message));
}

import { describe, expect, it } from '@jest/globals';
import { isRolledBack } from '../../src/transactions/rolled-back.js';

const circular: { cause?: unknown } = {};
circular.cause = circular;

describe('what the error of a COMMIT says', () => {
  it.each<[string, unknown]>([
    ['a unique constraint (pg)', { code: '23505' }],
    ['a deferred foreign key (pg)', { code: '23503' }],
    ['a serialization failure', { code: '40001' }],
    ['a deadlock', { code: '40P01' }],
    ['an exception of a trigger', { code: 'P0001' }],
    ['a code in a cause (Drizzle)', { message: 'Failed query', cause: { code: '23514' } }],
    ['a code of a driver (TypeORM)', { driverError: { code: '23503' } }],
    [
      'a code behind Prisma’s driver adapter',
      { code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: '23503' } } } },
    ],
    ['a write conflict (Prisma)', { code: 'P2034' }],
    [
      'a transaction over its timeout (Prisma)',
      { code: 'P2028', message: 'A commit cannot be executed on an expired transaction.' },
    ],
  ])('%s: it was rolled back', (_, error) => {
    expect(isRolledBack(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a connection that was reset', { code: 'ECONNRESET' }],
    ['a broken pipe, whose code is as long as a SQLSTATE', { code: 'EPIPE' }],
    ['a connection failure', { code: '08006' }],
    ['a server that shuts down', { code: '57P01' }],
    ['a server that crashed', { code: '57P02' }],
    ['a statement of which nobody knows whether it completed', { code: '40003' }],
    ['a lost connection (Prisma)', { code: 'P1017' }],
    ['a transaction that Prisma does not find', { code: 'P2028', message: 'Transaction not found.' }],
    ['an error without a code', new Error('Connection terminated unexpectedly')],
    ['an error that contains itself', circular],
    ['no error object', 'lost'],
    ['nothing', undefined],
  ])('%s: nobody knows', (_, error) => {
    expect(isRolledBack(error)).toBe(false);
  });
});

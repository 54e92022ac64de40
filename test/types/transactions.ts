// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import { TransactionalAdapterPrisma } from '@nestjs-cls/transactional-adapter-prisma';
import { type Prisma, PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import {
  CacheEvict,
  CachePut,
  type CacheService,
  cacheTransactions,
  currentTransaction,
  runInTransaction,
  type TransactionContext,
} from '../../src/index.js';
import { cacheAwareAdapter } from '../../src/transactions.js';
import { check, type Is } from './is.js';

declare const cache: CacheService;
declare const plain: PrismaClient;
declare const dataSource: {
  transaction<T>(work: (manager: { save(row: object): Promise<void> }) => Promise<T>): Promise<T>;
};

export class Decorated {
  @CacheEvict({ key: (id) => ['product', id], phase: 'afterCommit' })
  async remove(_id: number): Promise<void> {}

  @CachePut({ key: (id) => ['product', id], phase: 'afterCommit' })
  async save(id: number): Promise<number> {
    return id;
  }

  // @ts-expect-error: a put comes after the method
  @CachePut({ key: (id) => ['product', id], phase: 'before' })
  async before(id: number): Promise<number> {
    return id;
  }
}

export async function prisma(): Promise<void> {
  const client = cacheTransactions(plain);
  check<Is<typeof client, PrismaClient>>();
  const count = await client.$transaction(async (tx) => {
    check<Is<typeof tx, Prisma.TransactionClient>>();
    return tx.product.count();
  });
  check<Is<typeof count, number>>();
  const extended = cacheTransactions(plain.$extends({ client: { hello: () => 'hello' } }));
  await extended.$transaction(async (tx) => tx.hello().length);
  // @ts-expect-error: this is no client
  cacheTransactions({ transaction: async () => undefined });

  const own = await runInTransaction(
    (work: (tx: Prisma.TransactionClient) => Promise<number>) => plain.$transaction(work, { timeout: 1000 }),
    async (tx) => tx.product.count(),
  );
  check<Is<typeof own, number>>();
}

export class Service extends PrismaClient {
  constructor(options: ConstructorParameters<typeof PrismaClient>[0]) {
    super(options);
    cacheTransactions(this);
  }
}

export async function others(): Promise<void> {
  const saved = await runInTransaction(
    (work: (manager: { save(row: object): Promise<void> }) => Promise<string>) => dataSource.transaction(work),
    async (manager) => {
      await manager.save({});
      await cache.evict('a', { afterCommit: true });
      await cache.evict({ tags: ['a'] }, { afterCommit: true, mustDeliver: true });
      await cache.expire('a', { afterCommit: true });
      await cache.clear({ afterCommit: true });
      return 'saved';
    },
    { nested: true, rolledBack: (error) => error instanceof TypeError },
  );
  check<Is<typeof saved, string>>();
  // What the work is given can be said where it is used.
  const short = await runInTransaction(
    (work) => dataSource.transaction(work),
    async (manager: { save(row: object): Promise<void> }) => manager.save({}).then(() => 1),
  );
  check<Is<typeof short, number>>();
  const transaction = currentTransaction();
  check<Is<typeof transaction, TransactionContext | undefined>>();
  transaction?.afterCommit(async () => undefined);
  transaction?.afterRollback(() => undefined);
  // @ts-expect-error: it is only for reading
  if (transaction) transaction.open = false;
  // @ts-expect-error: there is no such phase of a call
  await cache.evict('a', { phase: 'afterCommit' });
}

const adapter = cacheAwareAdapter(new TransactionalAdapterPrisma<PrismaClient>({ prismaInjectionToken: Service }), {
  connectionName: 'shop',
});
check<Is<typeof adapter, TransactionalAdapterPrisma<PrismaClient>>>();
// @ts-expect-error: this is no adapter
cacheAwareAdapter({});

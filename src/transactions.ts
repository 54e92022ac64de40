// nestjs-strata/transactions: the cache and @Transactional(). Needs the optional peer @nestjs-cls/transactional. What needs
// no peer (cacheTransactions for Prisma, runInTransaction for all others) is in the main entry point.

export {
  type CacheAwareAdapterOptions,
  cacheAwareAdapter,
  type TransactionalAdapterLike,
} from './transactions/cache-aware-adapter.js';

import { TransactionHost } from '@nestjs-cls/transactional';
import { runInTransaction, type TransactionFacts } from './run-in-transaction.js';

/** What is used of an adapter of `@nestjs-cls/transactional`. */
export interface TransactionalAdapterLike {
  optionsFactory: (...args: never[]) => object;
}

export interface CacheAwareAdapterOptions extends Pick<TransactionFacts, 'rolledBack'> {
  /** The `connectionName` given to `ClsPluginTransactional`. Default: none, as there. */
  connectionName?: string;
}

type Work = () => Promise<unknown>;
type SetClient = (client?: unknown) => void;
type Wrap = (options: unknown, work: Work, setClient: SetClient, client?: unknown) => Promise<unknown>;

/**
 * Tells the cache of the transactions of `@nestjs-cls/transactional` (`@Transactional()`, `TransactionHost`), whatever their
 * adapter. It changes the adapter and returns it. All propagation modes are understood: `RequiresNew` has a commit of its
 * own, `Nested` that of the transaction around it, and `NotSupported` is outside of transactions.
 *
 * @example
 * ```ts
 * new ClsPluginTransactional({
 *   adapter: cacheAwareAdapter(new TransactionalAdapterPrisma({ prismaInjectionToken: PrismaService })),
 * })
 * ```
 */
export function cacheAwareAdapter<Adapter extends TransactionalAdapterLike>(
  adapter: Adapter,
  { connectionName, rolledBack }: CacheAwareAdapterOptions = {},
): Adapter {
  const make = adapter.optionsFactory as unknown as (...args: unknown[]) => {
    wrapWithTransaction: Wrap;
    wrapWithNestedTransaction?: Wrap;
  };
  const wrap =
    (transact: Wrap, nested: boolean): Wrap =>
    (options, work, setClient, outer) => {
      let client: unknown;
      const remember: SetClient = (given) => {
        client = given;
        setClient(given);
      };
      const facts: TransactionFacts = { nested, active: () => runsWith(client, connectionName), rolledBack };
      return runInTransaction<never[], unknown>((inside) => transact(options, inside, remember, outer), work, facts);
    };
  const aware = (...args: unknown[]): object => {
    const options = make.apply(adapter, args);
    const { wrapWithTransaction, wrapWithNestedTransaction } = options;
    return {
      ...options,
      wrapWithTransaction: wrap(wrapWithTransaction.bind(options), false),
      // Which is asked for by being there.
      ...(wrapWithNestedTransaction && {
        wrapWithNestedTransaction: wrap(wrapWithNestedTransaction.bind(options), true),
      }),
    };
  };
  adapter.optionsFactory = aware;
  return adapter;
}

/** Whether the calling code has this client: `NotSupported` and `Never` take it away, `RequiresNew` gives another one. */
function runsWith(client: unknown, connectionName: string | undefined): boolean {
  const host = TransactionHost.getInstance(connectionName);
  return host.isTransactionActive() && host.tx === client;
}

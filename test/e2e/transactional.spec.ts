import { beforeEach, describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable } from '@nestjs/common';
import {
  ClsPluginTransactional,
  NoOpTransactionalAdapter,
  Propagation,
  Transactional,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { TransactionalAdapterPrisma } from '@nestjs-cls/transactional-adapter-prisma';
import { ClsModule } from 'nestjs-cls';
import type { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { Cacheable, CacheEvict, type CacheService } from '../../src/index.js';
import { cacheAwareAdapter } from '../../src/transactions.js';
import { keyOf, outsider, useShop } from './transactions-world.js';
import { deferred, until, useWorld } from './world.js';

const PRISMA = Symbol('prisma');

@Injectable()
class Products {
  reads = 0;

  constructor(private readonly host: TransactionHost<TransactionalAdapterPrisma<PrismaClient>>) {}

  @Cacheable({ key: (id) => keyOf(id) })
  async title(id: number): Promise<string> {
    this.reads++;
    return (await this.host.tx.product.findUniqueOrThrow({ where: { id } })).title;
  }

  @CacheEvict({ key: (id) => keyOf(id), phase: 'afterCommit' })
  async rename(id: number, title: string): Promise<void> {
    await this.host.tx.product.update({ where: { id }, data: { title } });
  }

  @Transactional()
  @CacheEvict({ key: (id) => keyOf(id), phase: 'afterCommit' })
  async inner(id: number, then: () => Promise<unknown>): Promise<void> {
    await this.host.tx.product.update({ where: { id }, data: { title: 'new' } });
    await then();
  }

  @CacheEvict({ key: (id) => keyOf(id), phase: 'afterCommit' })
  @Transactional()
  async outer(id: number, then: () => Promise<unknown>): Promise<void> {
    await this.host.tx.product.update({ where: { id }, data: { title: 'new' } });
    await then();
  }

  @Transactional<TransactionalAdapterPrisma<PrismaClient>>({ timeout: 60_000 })
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  in<T>(propagation: Propagation, work: () => Promise<T>): Promise<T> {
    return this.host.withTransaction(propagation, work);
  }
}

const rollback = new Error('rollback');

describe.each(['the adapter', 'the adapter and the client'])(
  '@Transactional(), with %s known to the cache,',
  (known) => {
    const world = useWorld();
    const shop = useShop();
    let cache: CacheService;
    let products: Products;

    beforeEach(async () => {
      const client = known === 'the adapter' ? shop.world.prisma : shop.prisma;
      const database: DynamicModule = {
        module: class DatabaseModule {},
        providers: [{ provide: PRISMA, useValue: client }],
        exports: [PRISMA],
      };
      const adapter = new TransactionalAdapterPrisma<PrismaClient>({
        prismaInjectionToken: PRISMA,
        sqlFlavor: 'postgresql',
      });
      const plugin = new ClsPluginTransactional({ imports: [database], adapter: cacheAwareAdapter(adapter) });
      const app = await world.app({
        imports: [ClsModule.forRoot({ global: true, plugins: [plugin] })],
        providers: [Products],
      });
      cache = app.cache;
      products = app.get(Products);
      for (const id of [1, 2]) await products.title(id);
      await cache.idle();
    });

    /** What the cache has of both products, as everybody but the transaction sees it. */
    const cached = () => later(() => Promise.all([1, 2].map((id) => cache.get(keyOf(id)))));
    const fails = (work: Promise<unknown>) => expect(work).rejects.toBe(rollback);

    it('evicts when it has committed', async () => {
      await products.transaction(async () => {
        await products.rename(1, 'new');
        expect(await products.title(1)).toBe('new');
        expect(await cached()).toEqual(['old', 'old']);
      });
      expect(await cached()).toEqual([undefined, 'old']);
      expect(await products.title(1)).toBe('new');
    });

    it('evicts nothing after a rollback', async () => {
      const work = products.transaction(async () => {
        await products.rename(1, 'never');
        throw rollback;
      });
      await fails(work);
      expect(await cached()).toEqual(['old', 'old']);
    });

    it.each(['inner', 'outer'] as const)('goes with @CacheEvict on the same method (%s)', async (method) => {
      await fails(products[method](1, () => Promise.reject(rollback)));
      expect(await cached()).toEqual(['old', 'old']);
      await products[method](1, async () => expect(await cached()).toEqual(['old', 'old']));
      expect(await cached()).toEqual([undefined, 'old']);
    });

    it('stores nothing that is loaded inside', async () => {
      await cache.evict(keyOf(1));
      const work = products.transaction(async () => {
        await products.rename(2, 'never');
        expect(await products.title(1)).toBe('old');
        throw rollback;
      });
      await fails(work);
      expect(await cached()).toEqual([undefined, 'old']);
    });

    it.each([Propagation.Required, Propagation.Mandatory, Propagation.Supports])(
      '%s joins: what it evicts waits for the commit of the whole',
      async (propagation) => {
        const work = (end: () => void) =>
          products.transaction(async () => {
            await products.in(propagation, () => products.rename(1, 'new'));
            expect(await cached()).toEqual(['old', 'old']);
            expect(await products.title(1)).toBe('new');
            end();
          });
        const throws = () => {
          throw rollback;
        };
        await fails(work(throws));
        expect(await cached()).toEqual(['old', 'old']);
        await work(() => undefined);
        expect(await cached()).toEqual([undefined, 'old']);
      },
    );

    it('REQUIRES_NEW has a commit of its own, and the one around it goes on', async () => {
      const work = products.transaction(async () => {
        await products.rename(2, 'never');
        await products.in(Propagation.RequiresNew, async () => {
          await products.rename(1, 'new');
          expect(await cached()).toEqual(['old', 'old']);
        });
        expect(await cached()).toEqual([undefined, 'old']);
        expect(await products.title(2)).toBe('never');
        throw rollback;
      });
      await fails(work);
      expect(await cached()).toEqual([undefined, 'old']);
      expect(await products.title(1)).toBe('new');
    });

    it('NESTED is a savepoint: what was rolled back to it is not evicted, the rest after the commit', async () => {
      await products.transaction(async () => {
        const failing = products.in(Propagation.Nested, async () => {
          await products.rename(1, 'never');
          throw rollback;
        });
        await fails(failing);
        expect(await products.title(1)).toBe('old');
        await products.in(Propagation.Nested, () => products.rename(2, 'new'));
        expect(await cached()).toEqual(['old', 'old']);
        expect(await products.title(2)).toBe('new');
      });
      expect(await cached()).toEqual(['old', undefined]);
    });

    it('NOT_SUPPORTED is outside: it evicts at once, and what it loads is stored', async () => {
      const work = products.transaction(async () => {
        await products.rename(2, 'never');
        await products.in(Propagation.NotSupported, async () => {
          await products.rename(1, 'new');
          expect(await products.title(1)).toBe('new');
          expect(await products.title(2)).toBe('old');
        });
        expect(await products.title(2)).toBe('never');
        throw rollback;
      });
      await fails(work);
      await cache.idle();
      expect(await cached()).toEqual(['new', 'old']);
    });

    it.each([Propagation.Never, Propagation.Supports, Propagation.NotSupported])(
      '%s without a transaction evicts at once',
      async (propagation) => {
        await products.in(propagation, async () => {
          await products.rename(1, 'new');
          expect(cache.peek(keyOf(1))).toBeUndefined();
        });
        expect(await products.title(1)).toBe('new');
      },
    );

    it('keeps parallel transactions apart', async () => {
      const [one, other] = [deferred(), deferred()];
      const first = products.transaction(async () => {
        await products.rename(1, 'never');
        one.resolve();
        await other.promise;
        throw rollback;
      });
      await one.promise;
      await products.transaction(() => products.rename(2, 'new'));
      expect(await cached()).toEqual(['old', undefined]);
      other.resolve();
      await fails(first);
      expect(await cached()).toEqual(['old', undefined]);
    });

    it('whose COMMIT is refused evicts nothing', async () => {
      const work = products.transaction(async () => {
        await products.rename(1, 'never');
        const twins = 'UPDATE products SET twin = 1';
        await TransactionHost.getInstance<TransactionalAdapterPrisma<PrismaClient>>().tx.$executeRawUnsafe(twins);
      });
      await expect(work).rejects.toThrow(/no_twins|unique/i);
      expect(await cached()).toEqual(['old', 'old']);
    });
  },
);

describe('@Transactional() with other adapters', () => {
  const world = useWorld();

  it('knows where the transaction is and where not, also if its client is the one of everybody', async () => {
    const tx = { product: { findUniqueOrThrow: async () => ({ title: 'new' }), update: async () => undefined } };
    const adapter = cacheAwareAdapter(new NoOpTransactionalAdapter({ tx, disableWarning: true }));
    const plugin = new ClsPluginTransactional({ adapter });
    const { cache, get } = await world.app({
      imports: [ClsModule.forRoot({ global: true, plugins: [plugin] })],
      providers: [Products],
    });
    const products = get(Products);
    await cache.setMany([1, 2].map((id) => [keyOf(id), 'old']));
    await products.transaction(async () => {
      await products.rename(1, 'new');
      expect(await later(() => cache.get(keyOf(1)))).toBe('old');
      await products.in(Propagation.NotSupported, async () => {
        await products.rename(2, 'new');
        expect(await later(() => cache.get(keyOf(2)))).toBeUndefined();
      });
    });
    await until('it is evicted', () => cache.peek(keyOf(1)) === undefined);
  });
});

const later = outsider();

import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { Inject, Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { type Prisma, PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { Cacheable, CacheEvict, CachePut, cacheTransactions } from '../../src/index.js';
import { createShop, type World } from '../write-behind/prisma-world.js';

const PRISMA = Symbol('prisma');

export type Client = PrismaClient | Prisma.TransactionClient;

export const keyOf = (id: number) => ['product', id];

/** What an app does with products; inside a transaction it is given the transaction's client. */
@Injectable()
export class Catalogue {
  reads = 0;
  /** Reads that have their row. */
  rows = 0;
  /** What a read waits for when it has its row. */
  held: Promise<unknown> | undefined;

  constructor(@Inject(PRISMA) private readonly prisma: PrismaClient) {}

  @Cacheable({ key: (id) => keyOf(id), tags: ['products'] })
  async title(id: number, client: Client = this.prisma): Promise<string> {
    this.reads++;
    const { title } = await client.product.findUniqueOrThrow({ where: { id } });
    this.rows++;
    await this.held;
    return title;
  }

  @CacheEvict({ key: (id) => keyOf(id), phase: 'afterCommit' })
  async rename(id: number, title: string, client: Client = this.prisma): Promise<void> {
    await client.product.update({ where: { id }, data: { title } });
  }

  @CacheEvict({ tags: ['products'], phase: 'afterCommit' })
  async renameByTag(id: number, title: string, client: Client = this.prisma): Promise<void> {
    await client.product.update({ where: { id }, data: { title } });
  }

  @CacheEvict({ all: true, phase: 'afterCommit' })
  async renameAndClear(id: number, title: string, client: Client = this.prisma): Promise<void> {
    await client.product.update({ where: { id }, data: { title } });
  }

  @CacheEvict({ resultKeys: (_, id) => [keyOf(id)], phase: 'afterCommit' })
  async renameByResult(id: number, title: string, client: Client = this.prisma): Promise<void> {
    await client.product.update({ where: { id }, data: { title } });
  }

  @CacheEvict({ key: (id) => keyOf(id) })
  async renameByDefault(id: number, title: string, client: Client = this.prisma): Promise<void> {
    await client.product.update({ where: { id }, data: { title } });
  }

  @CachePut({ key: (id) => keyOf(id), tags: ['products'] })
  async put(id: number, title: string, client: Client = this.prisma): Promise<string> {
    return (await client.product.update({ where: { id }, data: { title } })).title;
  }

  @CachePut({ key: (id) => keyOf(id), tags: ['products'], phase: 'afterCommit' })
  async putAfterCommit(id: number, title: string, client: Client = this.prisma): Promise<string> {
    return (await client.product.update({ where: { id }, data: { title } })).title;
  }
}

/** All ways to rename a product. `keeps`: after a rollback the cache is as it was. */
export const RENAMES: [name: keyof Catalogue & `${'rename' | 'put'}${string}`, keeps: boolean][] = [
  ['rename', true],
  ['renameByTag', true],
  ['renameAndClear', true],
  ['renameByResult', true],
  ['putAfterCommit', true],
  ['renameByDefault', false],
  ['put', false],
];

/** The shop's database, with a client that the cache knows of. */
export interface Shop {
  readonly world: World;
  readonly prisma: PrismaClient;
  providers(): { provide: symbol; useValue: unknown }[];
}

/** Call it once in a `describe`: each test finds the products 1 and 2, called `old`. */
export function useShop(): Shop {
  let world: World;
  let prisma: PrismaClient;
  beforeAll(async () => {
    world = await createShop();
    const adapter = new PrismaPg({ connectionString: world.url, max: 8 }, { schema: world.schema });
    prisma = cacheTransactions(new PrismaClient({ adapter }));
    // Two products that are called the same are refused by the COMMIT, not before it.
    await world.sql(`
      ALTER TABLE products ADD COLUMN twin int, ADD CONSTRAINT no_twins UNIQUE (twin) DEFERRABLE INITIALLY DEFERRED;
      CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_terminate_backend(pg_backend_pid());
        PERFORM pg_sleep(5);
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER hang_up AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.title = 'hang up') EXECUTE FUNCTION hang_up();
    `);
  });
  afterAll(async () => {
    await prisma.$disconnect();
    await world.close();
  });
  beforeEach(async () => {
    await world.sql('DELETE FROM products');
    const common = { title: 'old', genre: 'Drama', votes: 1, price: 1, releaseDate: new Date(0) };
    await prisma.product.createMany({ data: [1, 2].map((id) => ({ id, ...common })) });
  });
  return {
    get world() {
      return world;
    },
    get prisma() {
      return prisma;
    },
    providers: () => [{ provide: PRISMA, useValue: prisma }],
  };
}

/**
 * Runs what it is given as another request does: outside of every transaction, whoever asks. (A timer or a promise of the
 * caller would carry its transaction along.)
 */
export function outsider(): <T>(work: () => T | Promise<T>) => Promise<T> {
  let wake!: () => void;
  const jobs: (() => void)[] = [];
  void (async () => {
    for (;;) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      for (const job of jobs.splice(0)) job();
    }
  })();
  return (work) =>
    new Promise((resolve, reject) => {
      jobs.push(() => void Promise.resolve().then(work).then(resolve, reject));
      wake();
    });
}

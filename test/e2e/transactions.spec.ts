import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { type CacheTarget, cacheTransactions, runInTransaction } from '../../src/index.js';
import { Catalogue, type Client, keyOf, outsider, RENAMES, useShop } from './transactions-world.js';
import { deferred, until, useWorld } from './world.js';

const KEY = keyOf(1);
const rollback = new Error('rollback');
const runElsewhere = outsider();

describe('a Prisma transaction that the cache knows of', () => {
  const world = useWorld();
  const shop = useShop();
  let cache: CacheService;
  let products: Catalogue;
  let elsewhere: Catalogue;

  beforeEach(async () => {
    const open = () => world.app({ providers: [Catalogue, ...shop.providers()] });
    const [here, there] = [await open(), await open()];
    cache = here.cache;
    products = here.get(Catalogue);
    elsewhere = there.get(Catalogue);
  });

  /** What this process has of a product, as everybody but a transaction sees it. */
  const cached = (id: number): Promise<unknown> =>
    runElsewhere(async () => {
      await cache.idle();
      return cache.get(keyOf(id));
    });

  /** What a process reads that has nothing in its memory. */
  async function inRedis(key = KEY): Promise<unknown> {
    await cache.idle();
    return (await world.app({ memory: false })).cache.get(key);
  }

  const rolledBack = (work: (tx: Client) => Promise<unknown>): Promise<unknown> =>
    shop.prisma
      .$transaction(async (tx) => {
        await work(tx);
        throw rollback;
      })
      .catch((error: unknown) => expect(error).toBe(rollback));

  it.each(RENAMES)('%s: a reader between eviction and commit does not bring back the old row', async (rename) => {
    expect(await products.title(1)).toBe('old');
    await shop.prisma.$transaction(async (tx) => {
      await products[rename](1, 'new', tx);
      // Other requests, here and elsewhere, for which the old row is the row.
      await runElsewhere(async () => expect(await products.title(1)).toBe('old'));
      await runElsewhere(async () => expect(await elsewhere.title(1)).toBe('old'));
    });
    expect(await products.title(1)).toBe('new');
    await until('the other process reads the new row', async () => (await elsewhere.title(1)) === 'new');
    expect(await inRedis()).toBe('new');
  });

  it.each(RENAMES)('%s: a load that began before the commit and ends after it is not stored', async (rename) => {
    const late = deferred();
    elsewhere.held = late.promise;
    const began = elsewhere.rows;
    let loading: Promise<string> | undefined;
    await shop.prisma.$transaction(async (tx) => {
      await products[rename](1, 'new', tx);
      loading = runElsewhere(() => elsewhere.title(1));
      await until('the row was read', () => elsewhere.rows > began);
    });
    late.resolve();
    expect(await loading).toBe('old');
    expect(await inRedis()).toBeUndefined();
    expect(await products.title(1)).toBe('new');
  });

  it.each(RENAMES.filter(([, keeps]) => keeps))(
    '%s: a rollback leaves the cached value where it is',
    async (rename) => {
      await products.title(1);
      await rolledBack((tx) => products[rename](1, 'never', tx));
      expect(await cached(1)).toBe('old');
      expect(await inRedis()).toBe('old');
      expect(products.reads).toBe(1);
    },
  );

  it.each(RENAMES.filter(([, keeps]) => !keeps))(
    '%s: after a rollback the next read loads the old row',
    async (rename) => {
      await products.title(1);
      await rolledBack((tx) => products[rename](1, 'never', tx));
      expect(await inRedis()).toBeUndefined();
      expect(await products.title(1)).toBe('old');
    },
  );

  it.each(RENAMES)('%s: a transaction reads its own writes, and others do not', async (rename) => {
    await products.title(1);
    await shop.prisma.$transaction(async (tx) => {
      await products[rename](1, 'new', tx);
      expect(await products.title(1, tx)).toBe('new');
      expect(await runElsewhere(() => products.title(1))).toBe('old');
      expect(await products.title(1, tx)).toBe('new');
    });
  });

  it.each(RENAMES)('%s: outside of a transaction is carried out at once', async (rename) => {
    await products.title(1);
    await products[rename](1, 'new');
    expect(await products.title(1)).toBe('new');
  });

  it('stores nothing that is loaded inside, in no tier', async () => {
    await rolledBack(async (tx) => {
      await tx.product.update({ where: { id: 1 }, data: { title: 'uncommitted' } });
      expect(await products.title(1, tx)).toBe('uncommitted');
    });
    expect(await cached(1)).toBeUndefined();
    expect(await inRedis()).toBeUndefined();
  });

  it('stores nothing that is loaded inside from a snapshot of before', async () => {
    const isolationLevel = 'RepeatableRead';
    await shop.prisma.$transaction(
      async (tx) => {
        await tx.product.count();
        await runElsewhere(() => elsewhere.rename(1, 'new'));
        expect(await products.title(1, tx)).toBe('old');
      },
      { isolationLevel },
    );
    expect(await products.title(1)).toBe('new');
  });

  it('shares no load with callers outside, in neither direction', async () => {
    const ends = deferred();
    products.held = ends.promise;
    const outside = products.title(2);
    await until('it was read', () => products.rows === 1);
    await rolledBack(async (tx) => {
      await tx.product.updateMany({ data: { title: 'uncommitted' } });
      const inside = [products.title(1, tx), products.title(2, tx)];
      await until('both were read', () => products.rows === 3);
      const others = runElsewhere(() => products.title(1));
      await until('it was read', () => products.rows === 4);
      ends.resolve();
      expect(await Promise.all(inside)).toEqual(['uncommitted', 'uncommitted']);
      expect(await others).toBe('old');
    });
    expect(await outside).toBe('old');
    expect([await cached(1), await cached(2)]).toEqual(['old', 'old']);
  });

  it.each<[string, CacheTarget]>([
    ['a key', 'k:1'],
    ['a tag that only the entry names', { tags: ['t'] }],
    ['a prefix', { prefix: 'k:' }],
    ['a pattern', { pattern: '*:1' }],
  ])('leaves out what it changed also where only Redis has it (%s)', async (_, target) => {
    await (await world.app()).cache.set('k:1', 'theirs', { tags: ['t'] });
    await rolledBack(async () => {
      await cache.evict(target, { afterCommit: true });
      expect([await cache.get('k:1'), await cache.has('k:1')]).toEqual([undefined, false]);
      expect(await cache.getOrLoad('k:1', () => 'own')).toBe('own');
    });
    expect(await cache.get('k:1')).toBe('theirs');
  });

  it('loads several keys in one call, also if others are loading some of them', async () => {
    const outside = deferred<string>();
    const loading = cache.getOrLoad('a', () => outside.promise);
    // Redis is asked twice for this one: for the entry, then for a marker that only the entry names.
    const writer = (await world.app()).cache;
    await writer.set('b', 'dead', { tags: ['t'] });
    await writer.evict({ tags: ['t'] });
    const calls: unknown[] = [];
    const found = await shop.prisma.$transaction(() =>
      cache.getOrLoadMany(['a', 'b', 'c'], (missing) => {
        calls.push(missing);
        return new Map(missing.map((key) => [key, 'own']));
      }),
    );
    expect([...found]).toEqual([
      ['a', 'own'],
      ['b', 'own'],
      ['c', 'own'],
    ]);
    expect(calls).toHaveLength(1);
    outside.resolve('theirs');
    expect(await loading).toBe('theirs');
  });

  it('takes what the cache has, from both tiers, as long as it did not change it', async () => {
    await products.title(1);
    await elsewhere.title(2);
    await cache.idle();
    await until('it is in Redis', async () => (await inRedis(keyOf(2))) === 'old');
    await shop.prisma.$transaction(async (tx) => {
      expect([await products.title(1, tx), await products.title(2, tx)]).toEqual(['old', 'old']);
      await products.rename(1, 'new', tx);
      expect(await products.title(2, tx)).toBe('old');
    });
    expect(products.reads).toBe(1);
  });

  it('whose COMMIT a deferred constraint refuses evicts nothing, and fails as it would without us', async () => {
    await products.title(1);
    const twins = shop.prisma.$transaction(async (tx) => {
      await products.rename(1, 'never', tx);
      await tx.$executeRawUnsafe('UPDATE products SET twin = 1');
    });
    await expect(twins).rejects.toThrow(/no_twins|unique/i);
    expect(await cached(1)).toBe('old');
    expect(await inRedis()).toBe('old');
  });

  it('whose connection is lost during COMMIT evicts: it may have taken effect', async () => {
    await products.title(1);
    await expect(shop.prisma.$transaction((tx) => products.rename(1, 'hang up', tx))).rejects.toThrow();
    expect(await cached(1)).toBeUndefined();
    expect(await inRedis()).toBeUndefined();
    expect(await products.title(1)).toBe('old');
  });

  it('that Prisma ends at its timeout evicts nothing', async () => {
    await products.title(1);
    const slow = shop.prisma.$transaction(
      async (tx) => {
        await products.rename(1, 'never', tx);
        const [{ pid } = { pid: 0 }] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        const state = () =>
          shop.world.sql<{ state: string }>('SELECT state FROM pg_stat_activity WHERE pid = $1', [pid]);
        await until('Prisma has ended it', async () => (await state())[0]?.state !== 'idle in transaction');
      },
      { timeout: 100 },
    );
    await expect(slow).rejects.toMatchObject({ code: 'P2028' });
    expect(await cached(1)).toBe('old');
    expect(await inRedis()).toBe('old');
  });

  it('keeps its evictions from transactions that run at the same time', async () => {
    await Promise.all([products.title(1), products.title(2)]);
    const committed = deferred();
    const first = shop.prisma.$transaction(async (tx) => {
      await products.rename(1, 'new', tx);
      await committed.promise;
      throw rollback;
    });
    await shop.prisma.$transaction(async (tx) => {
      await products.rename(2, 'new', tx);
      expect(await products.title(1, tx)).toBe('old');
    });
    expect([await cached(1), await cached(2)]).toEqual(['old', undefined]);
    committed.resolve();
    await expect(first).rejects.toBe(rollback);
    expect(await cached(1)).toBe('old');
  });

  it('inside another one commits for itself, while tx.$transaction is a savepoint', async () => {
    await Promise.all([products.title(1), products.title(2)]);
    await shop.prisma
      .$transaction(async (tx) => {
        await shop.prisma.$transaction((own) => products.rename(1, 'new', own));
        expect(await inRedis(keyOf(1))).toBeUndefined();
        await tx.$transaction((savepoint) => products.rename(2, 'never', savepoint));
        expect(await cache.get(keyOf(2))).toBeUndefined();
        expect(await cached(2)).toBe('old');
        throw rollback;
      })
      .catch((error: unknown) => expect(error).toBe(rollback));
    expect(await cached(2)).toBe('old');
    await shop.prisma.$transaction(async (tx) => {
      const failing = async (savepoint: Client) => {
        await products.rename(2, 'never', savepoint);
        throw rollback;
      };
      await tx.$transaction(failing).catch(() => undefined);
      expect(await products.title(2, tx)).toBe('old');
      await tx.$transaction((savepoint) => products.rename(1, 'newer', savepoint));
    });
    expect(await cached(2)).toBe('old');
    expect(await products.title(1)).toBe('newer');
  });

  it('stays as Prisma made it: batches, results, options and the client itself', async () => {
    const { prisma } = shop;
    expect(cacheTransactions(prisma)).toBe(prisma);
    const extended = prisma.$extends({ client: { hello: () => 'hello' } });
    expect(await extended.$transaction(async (tx) => [tx.hello(), await tx.product.count()])).toEqual(['hello', 2]);
    const update = prisma.product.update({ where: { id: 1 }, data: { title: 'new' } });
    const [updated, count] = await prisma.$transaction([update, prisma.product.count()]);
    expect([updated.title, count]).toEqual(['new', 2]);
    const level = async (tx: Client) =>
      (await tx.$queryRaw<{ level: string }[]>`SELECT current_setting('transaction_isolation') AS level`)[0]?.level;
    expect(await prisma.$transaction(level, { isolationLevel: 'Serializable' })).toBe('serializable');
  });

  it('is a success although Redis is away when it commits, and its evictions come when Redis is back', async () => {
    const proxy = await world.proxy();
    const app = await world.app({ url: proxy.url, providers: [Catalogue, ...shop.providers()] });
    const mine = app.get(Catalogue);
    await mine.title(1);
    await app.cache.idle();
    expect(await inRedis()).toBe('old');
    const result = await shop.prisma.$transaction(async (tx) => {
      await mine.rename(1, 'new', tx);
      proxy.cut();
      return 'done';
    });
    expect(result).toBe('done');
    expect(app.errors.map(({ operation }) => operation)).toContain('evict');
    expect(await inRedis()).toBe('old');
    proxy.restore();
    await until('the eviction is delivered', async () => (await inRedis()) === undefined);
  });

  it('can be any client’s, with runInTransaction', async () => {
    await products.title(1);
    const connection = await shop.world.connect();
    const transact = async <T>(work: () => Promise<T>): Promise<T> => {
      await connection.query('BEGIN');
      try {
        const result = await work();
        await connection.query('COMMIT');
        return result;
      } catch (error) {
        await connection.query('ROLLBACK');
        throw error;
      }
    };
    const change = (target: CacheTarget) => async (): Promise<void> => {
      await connection.query("UPDATE products SET title = 'new', twin = 1 WHERE id = 1");
      await cache.evict(target, { afterCommit: true });
      expect(await runElsewhere(() => products.title(1))).toBe('old');
    };
    await runInTransaction(transact, change(KEY));
    expect(await products.title(1)).toBe('new');
    await connection.query("UPDATE products SET title = 'old'");
    await cache.evict(KEY);
    await products.title(1);
    const twins = async (): Promise<void> => {
      await change(KEY)();
      await connection.query('UPDATE products SET twin = 1');
    };
    await expect(runInTransaction(transact, twins)).rejects.toMatchObject({ code: '23505' });
    expect(await cached(1)).toBe('old');
  });
});

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { Redis } from 'ioredis';
import { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { CacheOptionsError } from '../../src/cache.errors.js';
import { CachePut } from '../../src/index.js';
import { InjectWriteBehind, type WriteBehind } from '../../src/write-behind.js';
import { redisUrl } from '../support/services.js';
import { eventually, type Item, useWriteBehind } from './write-behind-world.js';

const world = useWriteBehind();

describe.each(['Redis', 'memory'])('write-behind with its buffer in %s', (place) => {
  const redis = place === 'Redis' ? {} : ({ redis: false } as const);

  it('answers reads from what was written, before and after Postgres has it', async () => {
    const { app, rows } = await world();
    const { items } = await app(redis);
    const row: Item = { id: 'a', n: 1, note: 'one' };
    const { version } = await items.put(row);
    expect(await items.get('a')).toEqual(row);
    expect((await items.put({ ...row, n: 2 })).version).toBeGreaterThan(version);
    await items.flush();
    expect(await rows()).toEqual([{ id: 'a', n: 2, note: 'one' }]);
    expect(await items.getMany(['a', 'b'])).toEqual([{ id: 'a', n: 2, note: 'one' }, null]);
  });

  it('deletes what is in Postgres, and answers "not there" at once', async () => {
    const { app, rows, sql, schema } = await world();
    await sql(`INSERT INTO ${schema}.item VALUES ('a', 1, NULL), ('b', 2, NULL)`);
    const { items } = await app(redis);
    expect(await items.get('a')).toEqual({ id: 'a', n: 1, note: null });
    await items.delete('a');
    expect(await items.get('a')).toBeNull();
    await items.flush();
    expect(await rows()).toEqual([{ id: 'b', n: 2, note: null }]);
  });

  it('writes rows that nobody waits for within its delay', async () => {
    const { app, rows } = await world();
    const { items } = await app(redis);
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => items.put({ id: `k${n}`, n, note: null })));
    await eventually(async () => (await rows()).length === 1_000);
    await eventually(async () => (await items.stats()).dirty === 0);
    expect(await items.stats()).toMatchObject({ bytes: 0, deadLetters: 0, writes: 1_000, rows: 1_000 });
  });

  it('has a row in Postgres about a flush delay after its write, and not whole seconds later', async () => {
    const { app, rows } = await world();
    const { items } = await app({ ...redis, writeBehind: { flushDelay: 20, grace: '1m', sweep: '1m' } });
    const lags: number[] = [];
    for (let n = 1; n <= 8; n++) {
      const begin = performance.now();
      await items.put({ id: 'a', n, note: null });
      await eventually(async () => (await rows())[0]?.n === n);
      lags.push(performance.now() - begin);
    }
    // Not the last ones: a machine that is busy makes some of them late.
    expect(lags.sort((a, b) => a - b)[5]).toBeLessThan(900);
  });

  it('counts every increment of concurrent patches', async () => {
    const { app, rows } = await world();
    const { items } = await app(redis);
    await items.put({ id: 'a', n: 0, note: null });
    const patches = Array.from({ length: 20 }, () => items.patch('a', (row) => ({ ...row, n: row.n + 1 })));
    const seen = (await Promise.all(patches)).map(({ n }) => n);
    expect(new Set(seen).size).toBe(20);
    await items.flush();
    expect(await rows()).toEqual([{ id: 'a', n: 20, note: null }]);
  });

  it('resolves a persisted write when Postgres has it', async () => {
    const { app, rows } = await world();
    const { items } = await app({ ...redis, writeBehind: { flushDelay: '1h' } });
    await items.put({ id: 'a', n: 1, note: null }, { durability: 'persisted' });
    expect(await rows()).toEqual([{ id: 'a', n: 1, note: null }]);
  });

  it('keeps a row that Postgres refuses as a dead letter, which can be corrected and replayed', async () => {
    const { app, rows, sql, schema } = await world();
    const { items } = await app({ ...redis, writeBehind: { rowAttempts: 1 } });
    await Promise.all([
      items.put({ id: 'bad', n: -1, note: null }),
      ...[1, 2, 3].map((n) => items.put({ id: `${n}`, n, note: null })),
    ]);
    await items.flush();
    expect((await rows()).map(({ id }) => id)).toEqual(['1', '2', '3']);
    const [letter] = await items.deadLetters.list();
    expect(letter).toMatchObject({ id: 'bad', operation: 'put', row: { id: 'bad', n: -1, note: null }, attempts: 1 });
    expect(letter?.error).toContain('item_n_check');
    const refused = items.put({ id: 'bad', n: -2, note: null }, { durability: 'persisted' });
    await expect(refused).rejects.toMatchObject({ code: 'WRITE_BEHIND_DEAD_LETTER' });
    await sql(`ALTER TABLE ${schema}.item DROP CONSTRAINT item_n_check`);
    expect(await items.deadLetters.replay()).toBe(1);
    await items.flush();
    expect((await rows()).at(-1)).toEqual({ id: 'bad', n: -2, note: null });
    expect(await items.deadLetters.list()).toEqual([]);
  });

  it('waits while the table lacks a column, and goes on when it is back', async () => {
    const { app, rows, sql, schema } = await world();
    const { items, log } = await app(redis);
    await sql(`ALTER TABLE ${schema}.item DROP COLUMN note`);
    await items.put({ id: 'a', n: 1, note: 'kept' });
    await eventually(async () => (await items.stats()).paused !== undefined);
    expect(await items.get('a')).toEqual({ id: 'a', n: 1, note: 'kept' });
    expect(await items.deadLetters.list()).toEqual([]);
    await sql(`ALTER TABLE ${schema}.item ADD COLUMN note varchar(20)`);
    await eventually(async () => (await items.stats()).dirty === 0);
    expect(await rows()).toEqual([{ id: 'a', n: 1, note: 'kept' }]);
    expect(log.join('\n')).toContain('fits again');
  });

  it('flushes what is pending when the app ends', async () => {
    const { app, rows } = await world();
    const { items, close } = await app({ ...redis, writeBehind: { flushDelay: '1h' } });
    await Promise.all(Array.from({ length: 700 }, (_, n) => items.put({ id: `k${n}`, n, note: null })));
    await close();
    expect(await rows()).toHaveLength(700);
    await expect(items.put({ id: 'late', n: 1, note: null })).rejects.toMatchObject({
      code: 'WRITE_BEHIND_UNAVAILABLE',
    });
  });

  it('refuses a row that does not fit, before anything is acknowledged', async () => {
    const { app } = await world();
    const { items } = await app(redis);
    const row = { id: 'a', n: 1.5, note: 'x'.repeat(21), more: 1 } as unknown as Item;
    const error = (await items.put(row).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: 'WRITE_BEHIND_ROW' });
    for (const field of ['n:', 'note:', 'more:']) expect(error.message).toContain(field);
    expect((await items.stats()).writes).toBe(0);
  });
});

describe('write-behind over Redis', () => {
  it('is shared by processes: one writes, another one flushes, both read the newest row', async () => {
    const { app, rows } = await world();
    const web = await app({ writeBehind: { processors: false } });
    await web.items.put({ id: 'a', n: 1, note: null });
    expect((await web.items.stats()).dirty).toBe(1);
    const worker = await app();
    expect(await worker.items.get('a')).toEqual({ id: 'a', n: 1, note: null });
    await eventually(async () => (await rows()).length === 1);
    await worker.items.put({ id: 'a', n: 2, note: null });
    expect(await web.items.get('a')).toEqual({ id: 'a', n: 2, note: null });
  });

  it('keeps what a process without processors leaves for the next one', async () => {
    const { app, rows } = await world();
    const web = await app({ writeBehind: { processors: false } });
    await web.items.put({ id: 'a', n: 1, note: null });
    await web.close();
    expect(await rows()).toEqual([]);
    await app();
    await eventually(async () => (await rows()).length === 1);
  });

  it('flushes although all keys of BullMQ are deleted again and again', async () => {
    const { app, rows, namespace } = await world();
    const { items } = await app();
    const redis = new Redis(redisUrl());
    try {
      for (let n = 0; n < 30; n++) {
        await items.put({ id: `k${n}`, n, note: null });
        const keys = await redis.keys(`{${namespace}:w}*`);
        if (keys.length > 0) await redis.del(keys);
      }
      await eventually(async () => (await rows()).length === 30);
    } finally {
      redis.disconnect();
    }
  });

  it('refuses another number of shards while something is pending', async () => {
    const { app } = await world();
    const web = await app({ writeBehind: { processors: false } });
    await web.items.put({ id: 'a', n: 1, note: null });
    await expect(app({ writeBehind: { shards: 4 } })).rejects.toThrow('spread over 16 shards');
    const worker = await app();
    await worker.items.flush();
    const four = await app({ writeBehind: { shards: 4 } });
    await four.items.put({ id: 'b', n: 1, note: null });
    await expect(web.items.put({ id: 'b', n: 2, note: null })).rejects.toThrow('shards');
  });
});

describe('write-behind in memory', () => {
  it('says once that it is not crash-safe', async () => {
    const { app } = await world();
    const { log } = await app({ redis: false });
    expect(log.filter((line) => line.includes('runs without Redis'))).toHaveLength(1);
  });
});

describe('@InjectWriteBehind', () => {
  @Injectable()
  class Shop {
    constructor(@InjectWriteBehind('Item') readonly items: WriteBehind<Item, string>) {}
  }

  @Injectable()
  class Typo {
    constructor(@InjectWriteBehind('Itme') readonly items: WriteBehind<Item, string>) {}
  }

  it('injects the entity', async () => {
    const { app } = await world();
    const { get } = await app({ redis: false, providers: [Shop] });
    await get(Shop).items.put({ id: 'a', n: 1, note: null });
    expect(await get(Shop).items.get('a')).toMatchObject({ n: 1 });
  });

  it('of an entity that is not configured is an error at boot that names the class', async () => {
    const { app } = await world();
    const boot = app({ redis: false, providers: [Typo] });
    await expect(boot).rejects.toThrow(CacheOptionsError);
    await expect(boot).rejects.toThrow(/@InjectWriteBehind in Typo: "Itme".*entities of writeBehind/);
  });

  it('without write-behind is an error at boot', async () => {
    const { app } = await world();
    await expect(app({ redis: false, writeBehind: false, providers: [Shop] })).rejects.toThrow(
      /Shop.*Pass writeBehind/,
    );
  });
});

describe('options of writeBehind()', () => {
  it('are all checked at once', async () => {
    const { app, prisma } = await world();
    const wrong = {
      ...{ shards: 0, flushDelay: 'soon', overflow: 'drop', processors: 'no', batchSize: 1.5, clint: prisma },
    };
    const error = (await app({ writeBehind: wrong as never }).catch((reason: unknown) => reason)) as Error;
    for (const name of ['shards', 'flushDelay', 'overflow', 'processors', 'batchSize', 'Did you mean client?']) {
      expect(error.message).toContain(name);
    }
  });

  it('name a client by a token that must be there', async () => {
    const { app } = await world();
    await expect(app({ redis: false, writeBehind: { client: 'nowhere' } })).rejects.toThrow();
  });

  it('name a model or table that must be there', async () => {
    const { app } = await world();
    const entities = { Ghost: {}, Phantom: { table: 'phantom' } };
    const error = (await app({ redis: false, writeBehind: { entities } }).catch((reason: unknown) => reason)) as Error;
    expect(error).toBeInstanceOf(CacheOptionsError);
    expect(error.message).toMatch(/Ghost[\s\S]*Phantom|Phantom[\s\S]*Ghost/);
  });
});

describe('an app whose database is away', () => {
  it('does not start, and says why', async () => {
    const { app } = await world();
    const connectionString = 'postgresql://nobody@127.0.0.1:1/nothing';
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
    const error = await app({ redis: false, writeBehind: { client } }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'WRITE_BEHIND_DATABASE', remedy: expect.stringContaining('Prisma client') });
    expect((error as Error).message).toContain('Item');
    expect((error as Error).cause).toBeInstanceOf(Error);
    await client.$disconnect();
  });
});

describe('a decorated method that writes behind', () => {
  @Injectable()
  class Items {
    @CachePut<Items['save']>({ key: (item) => ['item', item.id], write: 'behind', entity: 'Item' })
    async save(item: Item): Promise<Item> {
      return item;
    }
  }

  it('rejects when the app has ended, instead of quietly not writing', async () => {
    const { app } = await world();
    const { get, close } = await app({ redis: false, providers: [Items] });
    const items = get(Items);
    await close();
    const late = items.save({ id: 'a', n: 1, note: null });
    await expect(late).rejects.toMatchObject({ code: 'WRITE_BEHIND_UNAVAILABLE' });
  });
});

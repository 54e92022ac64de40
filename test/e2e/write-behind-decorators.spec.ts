import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict, CachePut, CacheService } from '../../src/index.js';
import { eventually, type Item, useWriteBehind } from './write-behind-world.js';

const world = useWriteBehind();

/** What a user's service reads the database with. */
let readDatabase: (id: string) => Promise<Item | null>;

@Injectable()
class Items {
  queries = 0;

  @Cacheable<Items['find']>({ key: (id) => ['item', id], entity: 'Item' })
  async find(id: string): Promise<Item | null> {
    this.queries++;
    return readDatabase(id);
  }

  @Cacheable<Items['findIn']>({
    key: (shop, id) => ['item', shop, id],
    entity: { name: 'Item', id: (_shop, id) => id },
  })
  async findIn(_shop: string, id: string): Promise<Item | null> {
    this.queries++;
    return readDatabase(id);
  }

  /** Due for its early refresh whenever it is read. */
  @Cacheable<Items['findAhead']>({ key: (id) => ['ahead', id], entity: 'Item', ttl: '1d', refreshAhead: 1e-13 })
  async findAhead(id: string): Promise<Item | null> {
    this.queries++;
    return readDatabase(id);
  }

  @Cacheable<Items['findSoon']>({ key: (id) => ['soon', id], entity: 'Item', grace: '1h', softTimeout: 20 })
  async findSoon(id: string): Promise<Item | null> {
    this.queries++;
    return readDatabase(id);
  }

  @CachePut<Items['save']>({ key: (item) => ['item', item.id], write: 'behind', entity: 'Item' })
  async save(item: Item): Promise<Item> {
    return item;
  }

  @CacheEvict<Items['remove']>({ key: (id) => ['item', id], write: 'behind', entity: 'Item' })
  async remove(_id: string): Promise<void> {}
}

describe.each(['Redis', 'memory'])('decorators with write-behind in %s', (place) => {
  const options = {
    ...(place === 'memory' && { redis: false as const }),
    providers: [Items],
    writeBehind: { flushDelay: '1h' as const },
  };

  async function start() {
    const made = await world();
    readDatabase = async (id) => (await made.rows()).find((row) => row.id === id) ?? null;
    const app = await made.app(options);
    return { ...made, ...app, service: app.get(Items) };
  }

  it('@CachePut answers at once, and Postgres gets the row later', async () => {
    const { service, items, rows } = await start();
    const row: Item = { id: 'a', n: 1, note: null };
    expect(await service.save(row)).toEqual(row);
    expect(await rows()).toEqual([]);
    expect(await service.find('a')).toEqual(row);
    expect(service.queries).toBe(0);
    await items.flush();
    expect(await rows()).toEqual([row]);
  });

  it('@Cacheable answers a miss from what is pending, before the method runs', async () => {
    const { service, items, sql, schema } = await start();
    await sql(`INSERT INTO ${schema}.item VALUES ('a', 1, NULL)`);
    await items.put({ id: 'a', n: 2, note: null });
    expect(await service.find('a')).toEqual({ id: 'a', n: 2, note: null });
    expect(await service.findIn('shop', 'a')).toEqual({ id: 'a', n: 2, note: null });
    expect(service.queries).toBe(0);
    await items.delete('b');
    expect(await service.find('b')).toBeNull();
    expect(service.queries).toBe(0);
    expect(await service.find('c')).toBeNull();
    expect(service.queries).toBe(1);
  });

  it('an early refresh brings what is pending, too', async () => {
    const { service, items, sql, schema, get } = await start();
    const cache = get(CacheService);
    await sql(`INSERT INTO ${schema}.item VALUES ('a', 1, NULL)`);
    expect(await service.findAhead('a')).toMatchObject({ n: 1 });
    await cache.idle();
    await items.put({ id: 'a', n: 2, note: null });
    expect(await service.findAhead('a')).toMatchObject({ n: 1 }); // served while the new one is loaded
    await cache.idle();
    expect(await cache.get(['ahead', 'a'])).toMatchObject({ n: 2 });
    expect(service.queries).toBe(1);
  });

  it('a stale value stands in after softTimeout, and the slow load is stored', async () => {
    const { service, sql, schema, get } = await start();
    const cache = get(CacheService);
    await sql(`INSERT INTO ${schema}.item VALUES ('a', 1, NULL)`);
    expect(await service.findSoon('a')).toMatchObject({ n: 1 });
    await cache.idle();
    await cache.expire(['soon', 'a']);
    let finish: ((row: Item) => void) | undefined;
    readDatabase = () => new Promise<Item>((resolve) => (finish = resolve));
    expect(await service.findSoon('a')).toMatchObject({ n: 1 });
    await eventually(() => finish !== undefined); // on a busy machine the value may stand in before the load has begun
    finish?.({ id: 'a', n: 3, note: null });
    await cache.idle();
    expect(await service.findSoon('a')).toMatchObject({ n: 3 });
  });

  it('@CacheEvict deletes the row: nobody sees it again, and Postgres loses it later', async () => {
    const { service, items, rows, sql, schema } = await start();
    await sql(`INSERT INTO ${schema}.item VALUES ('a', 1, NULL)`);
    expect(await service.find('a')).toMatchObject({ n: 1 });
    await service.remove('a');
    expect(await service.find('a')).toBeNull();
    expect(await rows()).toHaveLength(1);
    await items.flush();
    expect(await rows()).toEqual([]);
  });

  it('a put that does not fit the table rejects, and leaves nothing in the cache', async () => {
    const { service } = await start();
    await expect(service.save({ id: 'a', n: 0.5, note: null })).rejects.toMatchObject({ code: 'WRITE_BEHIND_ROW' });
    expect(await service.find('a')).toBeNull();
  });
});

describe('decorators that name an entity', () => {
  it('which is not configured are an error at boot that names the method', async () => {
    @Injectable()
    class Ghosts {
      @CachePut<Ghosts['save']>({ key: (item) => ['ghost', item.id], write: 'behind', entity: 'Ghost' })
      async save(item: Item): Promise<Item> {
        return item;
      }
    }
    const { app } = await world();
    await expect(app({ redis: false, providers: [Ghosts] })).rejects.toThrow(/Ghosts\.save[\s\S]*"Ghost"/);
    await expect(app({ redis: false, writeBehind: false, providers: [Ghosts] })).rejects.toThrow('Pass writeBehind');
  });
});

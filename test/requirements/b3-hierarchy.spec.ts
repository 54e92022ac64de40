import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CachePolicy } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { useFilmsTable } from '../e2e/films-table.js';
import { useWorld } from '../e2e/world.js';

/** The placement table of the example domain, as far as memory and Redis go. */
const POLICIES: Record<string, CachePolicy> = {
  product: { ttl: '5m', consistency: 'eventual' },
  session: { ttl: '30m', consistency: 'strong' },
  cart: { ttl: '1h', consistency: 'strong' },
  search: { ttl: '10m', consistency: 'eventual' },
  profile: { ttl: '15m', consistency: 'strong' },
  orders: { ttl: '1h', consistency: 'strong' },
};

describe('B3 hierarchy: L1 memory over L2 Redis over the database', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let clock: FakeClock;
  let id = 0;

  beforeEach(async () => {
    clock = new FakeClock();
    await films.insert(++id, 'Vertigo');
    films.queries();
  });

  it('B3 asks the tiers in their order, and promotes what it finds below', async () => {
    const tiers: string[] = [];
    const processOf = async () => {
      const { cache } = await world.app({ clock });
      cache.on('hit', ({ tier }) => tiers.push(tier));
      cache.on('load', () => tiers.push('database'));
      return async () => {
        await cache.getOrLoad(['film', id], () => films.find(id));
        await cache.idle();
      };
    };
    const one = await processOf();
    const two = await processOf();
    for (const read of [one, one, two, two, one]) await read();
    expect(tiers).toEqual(['database', 'memory', 'redis', 'memory', 'memory']);
    expect(films.queries().reads).toBe(1);
  });

  it('B3 a copy in memory ends with the entry in Redis: promotion gives no new life', async () => {
    const [one, two] = [(await world.app({ clock })).cache, (await world.app({ clock })).cache];
    await one.set('key', 'value', { ttl: '10m' });
    await clock.advance('9m');
    expect((await two.getEntry('key'))?.expiresAt).toBe(clock.now() + 60_000);
    await clock.advance('1m');
    expect([two.peek('key'), await two.get('key')]).toEqual([undefined, undefined]);
  });

  it('B3 memory answers without Redis, Redis without the database', async () => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ url: proxy.url });
    await cache.getOrLoad(['film', id], () => films.find(id));
    await cache.idle();
    films.queries();
    proxy.cut();
    expect(await cache.get(['film', id])).toMatchObject({ title: 'Vertigo' });
    const other = await world.app();
    expect(await other.cache.getOrLoad(['film', id], () => Promise.reject(new Error('database down')))).toMatchObject({
      title: 'Vertigo',
    });
    expect(films.queries().reads).toBe(0);
    proxy.restore();
  });

  it.each(Object.entries(POLICIES))('B3 places data of the kind %s as its policy says', async (kind, policy) => {
    const { cache } = await world.app({ clock, policies: POLICIES });
    const other = await world.app({ clock, policies: POLICIES });
    await cache.getOrLoad([kind, 1], () => 'value', { policy: kind });
    await cache.idle();
    const entry = await other.cache.getEntry([kind, 1]);
    const minutes = Number(/^(\d+)[mh]$/.exec(String(policy.ttl))?.[1]) * (String(policy.ttl).endsWith('h') ? 60 : 1);
    expect(entry).toMatchObject({ tier: 'redis', expiresAt: clock.now() + minutes * 60_000 });
    const eventual = policy.consistency === 'eventual';
    expect(cache.peek([kind, 1])).toBe(eventual ? 'value' : undefined);
    expect(other.cache.peek([kind, 1])).toBe(eventual ? 'value' : undefined);
  });
});

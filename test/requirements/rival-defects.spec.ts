import { describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { type Film, useFilmsTable } from '../e2e/films-table.js';
import { commandsDuring, slowLoader, until, useWorld } from '../e2e/world.js';

/** Seen in other caching libraries; none of it may be seen here. */
describe('seen in rivals, and not here:', () => {
  const world = useWorld();
  const films = useFilmsTable();

  it("a 32-bit hash of arguments, which returns another user's data", async () => {
    const { cache } = await world.app({ memory: { maxEntries: 200_000 }, url: false });
    // Of so many keys about two collide in 32 bits. Long ones, because only those are hashed at all.
    const users = Array.from({ length: 130_000 }, (_, i) => `${'u'.repeat(300)}${i}`);
    for (const user of users) await cache.set(['profile', user], user.slice(300));
    const wrong = users.filter((user) => cache.peek(['profile', user]) !== user.slice(300));
    expect(wrong).toEqual([]);
    // Known collisions of Java's and of djb2's hash.
    for (const [one, two] of [
      ['Aa', 'BB'],
      ['hetairas', 'mentioner'],
      ['AaAaAa', 'BBBBBB'],
    ] as const) {
      await cache.set(['short', one], one);
      await cache.set(['short', two], two);
      expect([await cache.get(['short', one]), await cache.get(['short', two])]).toEqual([one, two]);
    }
  });

  it('keys without the class name', async () => {
    @Injectable()
    class Films {
      @Cacheable()
      async find(id: number): Promise<string> {
        return `film ${id}`;
      }
    }
    @Injectable()
    class Actors {
      @Cacheable()
      async find(id: number): Promise<string> {
        return `actor ${id}`;
      }
    }
    const app = await world.app({ providers: [Films, Actors] });
    expect(await app.get(Films).find(1)).toBe('film 1');
    expect(await app.get(Actors).find(1)).toBe('actor 1');
    expect(await app.get(Films).find(1)).toBe('film 1');
  });

  it.each([[null], [0], [''], [false], [Number.NaN], [0n]])('%p treated as a miss', async (value) => {
    const app = await world.app();
    const load = jest.fn(() => value);
    for (let i = 0; i < 3; i++) expect(await app.cache.getOrLoad('key', load)).toBe(value);
    await app.cache.idle();
    const other = await world.app({ memory: false });
    for (let i = 0; i < 3; i++) expect(await other.cache.getOrLoad('key', load)).toBe(value);
    expect([...(await other.cache.getMany(['key', 'absent']))]).toEqual([['key', value]]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('a failing loader run once for each waiter', async () => {
    const { cache } = await world.app();
    const load = jest.fn(() => Promise.reject(new Error('down')));
    const calls = await Promise.allSettled(Array.from({ length: 50 }, () => cache.getOrLoad('key', load)));
    expect(calls.every((call) => call.status === 'rejected' && call.reason.message === 'down')).toBe(true);
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.getOrLoad('key', async () => 'errors are not cached')).toBe('errors are not cached');
  });

  it('a failed write to Redis that fails the read', async () => {
    const user = await world.userWithout('-set');
    const { cache, errors } = await world.app({ tier: { client: user } });
    await films.insert(1, 'Vertigo');
    expect((await cache.getOrLoad('film:1', () => films.find(1)))?.title).toBe('Vertigo');
    await cache.set('film:2', 'value');
    expect(await cache.get('film:2')).toBe('value');
    await cache.idle();
    expect(errors.length).toBeGreaterThan(0);
  });

  it('a copy in L1 that outlives the entry in L2', async () => {
    const clock = new FakeClock();
    const [one, two] = [(await world.app({ clock })).cache, (await world.app({ clock })).cache];
    await one.set('key', 'value', { ttl: '60s' });
    await clock.advance('59s');
    expect(await two.get('key')).toBe('value');
    await clock.advance('1s');
    expect(two.peek('key')).toBeUndefined();
    expect(await two.getOrLoad('key', () => 'loaded')).toBe('loaded');
  });

  it('a read that does not block, and misses what L2 has', async () => {
    const [one, two] = [(await world.app()).cache, (await world.app()).cache];
    await one.setMany([
      ['a', 1],
      ['b', 2],
    ]); // prettier-ignore
    expect(await two.get('a')).toBe(1);
    expect(await two.has('b')).toBe(true);
    expect(await two.getMany(['a', 'b'])).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    ); // prettier-ignore
  });

  it.each([
    ['with memory', {}],
    ['without memory', { memory: false as const }],
  ])('a delete during an outage of Redis, after which the old value comes back, %s', async (_name, options) => {
    const proxy = await world.proxy();
    const { cache } = await world.app({ ...options, url: proxy.url });
    await cache.set('key', 'old', { tags: ['t'] });
    await cache.set('tagged', 'old', { tags: ['t'] });
    proxy.cut();
    await until('the loss is noticed', () => !cache.stats().redis?.ready);
    await cache.evict('key');
    await cache.evict({ tags: ['t'] });
    proxy.restore();
    await until('Redis is back', async () => {
      expect(await cache.getMany(['key', 'tagged'])).toEqual(new Map());
      return cache.stats().redis?.ready && cache.stats().redis?.undelivered === 0;
    });
    expect(await (await world.app()).cache.getMany(['key', 'tagged'])).toEqual(new Map());
  });

  it('a Date that becomes a string', async () => {
    await films.insert(2, 'Psycho');
    const one = await world.app();
    const loaded = (await one.cache.getOrLoad('film:2', () => films.find(2))) as Film;
    await one.cache.idle();
    const other = await world.app();
    for (const film of [
      loaded,
      await one.cache.get<Film>('film:2'),
      await other.cache.get<Film>('film:2'),
      await other.cache.get<Film>('film:2'),
    ]) {
      expect(film?.updatedAt).toBeInstanceOf(Date);
      expect(film?.updatedAt.getTime()).toBe(loaded.updatedAt.getTime());
    }
  });

  it("the caller's arrays or objects changed", async () => {
    const { cache } = await world.app();
    const ids = Object.freeze(['b', 'a']);
    const row = { list: [3, 1, 2], at: new Date(0), inner: { map: new Map([['a', 1]]) } };
    const tags = ['z', 'y', 'z'];
    await cache.set('key', row, { tags });
    await cache.getMany(ids);
    await cache.getOrLoad('loaded', () => row, { tags });
    expect(row).toEqual({ list: [3, 1, 2], at: new Date(0), inner: { map: new Map([['a', 1]]) } });
    expect(tags).toEqual(['z', 'y', 'z']);
    // His own objects stay his own: they can be changed, and that changes nothing that is cached.
    row.list.push(4);
    row.at.setTime(5);
    row.inner.map.set('b', 2);
    for (const key of ['key', 'loaded']) {
      expect(await cache.get(key)).toEqual({ list: [3, 1, 2], at: new Date(0), inner: { map: new Map([['a', 1]]) } });
    }
  });

  it('a value changed by one reader for all others', async () => {
    const { cache } = await world.app();
    await cache.set('key', { list: [1], at: new Date(0), map: new Map() });
    const value = (await cache.get<{ list: number[]; at: Date; map: Map<string, number> }>('key')) as {
      list: number[];
      at: Date;
      map: Map<string, number>;
    }; // prettier-ignore
    expect(() => value.list.push(2)).toThrow();
    expect(() => value.at.setTime(5)).toThrow();
    expect(() => value.map.set('a', 1)).toThrow();
    expect(await cache.get('key')).toEqual({ list: [1], at: new Date(0), map: new Map() });
  });

  it('tags not recorded when a stale value is replaced', async () => {
    const clock = new FakeClock();
    const { cache } = await world.app({ clock, memory: false, graceBackoff: 1 });
    const options = { ttl: '1s' as const, grace: '1h' as const, tags: ['t'] };
    await cache.getOrLoad('key', () => 'first', options);
    await cache.idle();
    await clock.advance('2s');
    expect(await cache.getOrLoad('key', () => Promise.reject(new Error('down')), options)).toBe('first');
    await clock.advance(1); // the back-off
    expect(await cache.getOrLoad('key', () => 'second', options)).toBe('second');
    await cache.idle();
    expect((await cache.getEntry('key'))?.tags).toEqual(['t']);
    await cache.evict({ tags: ['t'] });
    expect(await cache.get('key')).toBeUndefined();
  });

  it('tag markers that expire before the entries', async () => {
    const { cache } = await world.app({ ttl: '1s' });
    await cache.set('long', 1, { tags: ['t'], ttl: '1d' });
    await cache.set('short', 1, { tags: ['t'] });
    await Promise.all([
      cache.getOrLoad('a', () => 1, { tags: ['u'] }),
      cache.getOrLoad('b', () => 1, { tags: ['u'], ttl: '1d' }),
      cache.getOrLoad('c', (context) => {
        context.setTags(['u']);
        context.setTtl('2d');
        return 1;
      }),
    ]);
    await cache.idle();
    for (const [key, tag] of [
      ['long', 't'],
      ['b', 'u'],
      ['c', 'u'],
    ] as const) {
      const left = await world.redis.pttl(world.entry(key));
      for (const marker of ['*', `t:${tag}`])
        expect(await world.redis.pttl(world.marker(marker))).toBeGreaterThanOrEqual(left);
    }
  });

  it("a namespace's clear that eats another one", async () => {
    const outer = await world.app({ memory: false });
    const inner = await world.app({ memory: false, namespace: `${world.namespace}:b` });
    const beside = await world.app({ memory: false, namespace: `${world.namespace}b` });
    for (const { cache } of [outer, inner, beside]) await cache.set('key', 'kept');
    await outer.cache.clear();
    await outer.cache.evict({ pattern: '*' });
    expect(await outer.cache.get('key')).toBeUndefined();
    expect([await inner.cache.get('key'), await beside.cache.get('key')]).toEqual(['kept', 'kept']);
  });

  it('a broadcast storm from filling misses', async () => {
    const listener = world.client();
    const heard: string[] = [];
    await listener.psubscribe('*');
    listener.on('pmessage', (_pattern: string, channel: string, message: string) => {
      if (`${channel} ${message}`.includes(world.namespace)) heard.push(channel);
    });
    const { cache } = await world.app();
    const seen = await commandsDuring(world, async () => {
      await Promise.all(Array.from({ length: 100 }, (_, i) => cache.getOrLoad(`key:${i}`, () => i, { tags: ['t'] })));
      await cache.idle();
    });
    await world.redis.publish('the end', world.namespace);
    await until('the end is heard', () => heard.includes('the end'));
    expect(heard.filter((channel) => !channel.includes(':!echo:'))).toEqual(['the end']);
    expect(seen.filter(({ name }) => name !== 'ECHO').length).toBeLessThanOrEqual(8);
  });

  it('a loader slower than the lock, run again by every waiter', async () => {
    const clock = new FakeClock();
    const { cache } = await world.app({ clock, hardTimeout: Number.POSITIVE_INFINITY });
    const slow = slowLoader();
    const calls = [cache.getOrLoad('key', slow.load)];
    await slow.started;
    // The hold in Redis ends long before the load does.
    await world.redis.del(world.entry('key'));
    await clock.advance('10m');
    for (let i = 0; i < 20; i++) calls.push(cache.getOrLoad('key', slow.load));
    slow.finish('late');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['late']));
    expect(slow.calls()).toBe(1);
  });

  it.each<[number | '250ms' | '2s' | '1m', number]>([
    [250, 250],
    ['250ms', 250],
    [2_000, 2_000],
    ['2s', 2_000],
    [60_000, 60_000],
    ['1m', 60_000],
    [10_000_000_000, 10_000_000_000],
  ])('units of a ttl guessed: %p', async (ttl, milliseconds) => {
    const clock = new FakeClock();
    const { cache } = await world.app({ clock, memory: false });
    await cache.set('key', 1, { ttl });
    await clock.advance(milliseconds - 1);
    expect(await cache.get('key')).toBe(1);
    await clock.advance(1);
    expect(await cache.get('key')).toBeUndefined();
  });
});

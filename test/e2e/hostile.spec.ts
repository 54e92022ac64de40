import { describe, expect, it, jest } from '@jest/globals';
import { decodeEntry, encodeEntry } from '../../src/engine/entry-format.js';
import { CacheOptionsError } from '../../src/index.js';
import { redisTier } from '../../src/redis.js';
import { type AppOptions, commandsDuring, useWorld } from './world.js';

interface Body {
  name: string;
  isAdmin?: boolean;
}

describe('a property named __proto__', () => {
  const world = useWorld();
  const body = (): Body => JSON.parse('{"name":"bob","__proto__":{"isAdmin":true}}') as Body;

  it.each<[string, AppOptions]>([
    ['memory', { url: false }],
    ['memory, in copies', { url: false, values: 'cloned' }],
    ['Redis', { memory: false }],
    ['memory and Redis', {}],
  ])('stays an own property in %s', async (_where, options) => {
    const { cache } = await world.app(options);
    const values = [await cache.getOrLoad('user:1', body), await cache.get<Body>('user:1')];
    await cache.set('user:2', body());
    values.push(await cache.get<Body>('user:2'));
    await cache.idle();
    if (options.url !== false) values.push(await (await world.app(options)).cache.get<Body>('user:2'));
    for (const value of values) {
      expect(Object.keys(value as Body)).toEqual(['name', '__proto__']);
      expect(value?.isAdmin).toBeUndefined();
      expect(Object.getPrototypeOf(value)).toBe(Object.getPrototypeOf(body()));
    }
  });
});

describe('JSON in Redis that is nested too deeply', () => {
  const world = useWorld();

  it('is a miss, and the next load repairs it', async () => {
    const { cache: writer } = await world.app();
    await writer.set('list:1', [1]);
    const entry = decodeEntry((await world.redis.getBuffer(world.entry('list:1'))) as Buffer);
    if (entry.kind !== 'value') throw new Error('no value');
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    await world.redis.set(world.entry('list:1'), encodeEntry(entry, deep), 'PX', 100_000);

    for (const options of [{}, { values: 'cloned' as const }]) {
      const { cache, errors } = await world.app(options);
      expect(await cache.get('list:1')).toBeUndefined();
      expect(await cache.getEntry('list:1')).toBeUndefined();
      expect(errors.length).toBeGreaterThanOrEqual(1);
    }
    const { cache } = await world.app();
    expect(await cache.getOrLoad('list:1', () => 'loaded')).toBe('loaded');
    await cache.idle();
    expect(await (await world.app()).cache.get('list:1')).toBe('loaded');
  });
});

describe('a prefix', () => {
  const world = useWorld();

  it('that an app declares makes a miss of entries written before it was declared', async () => {
    const { cache: before } = await world.app();
    const { cache: after } = await world.app({ prefixes: ['user:*:'] });
    await before.set('user:7:cart', 'old');
    expect(await after.get('user:7:cart')).toBeUndefined();
    expect(await after.getOrLoad('user:7:cart', () => 'new')).toBe('new');
    await after.idle();
    expect(await (await world.app({ prefixes: ['user:*:'] })).cache.get('user:7:cart')).toBe('new');
  });

  it.each<[string, AppOptions]>([
    ['declared, in memory', { url: false, prefixes: ['user:*:'] }],
    ['not declared, in memory', { url: false }],
    ['declared, in Redis', { memory: false, prefixes: ['user:*:'] }],
    ['not declared, in Redis', { memory: false }],
  ])('with a wildcard (%s) is searched for', async (_what, options) => {
    const { cache } = await world.app(options);
    await cache.set('user:7:cart', 'value');
    await cache.set('order:7:cart', 'other');
    await cache.evict({ prefix: 'user:*:' });
    expect([await cache.get('user:7:cart'), await cache.get('order:7:cart')]).toEqual([undefined, 'other']);
  });

  it.each<[string, AppOptions]>([
    ['memory', { url: false }],
    ['Redis', { memory: false }],
  ])('that is longer than what a hashed key would show is searched for in %s', async (_where, options) => {
    const { cache } = await world.app({ ...options, prefixes: ['search:*:'] });
    const text = 'x'.repeat(140);
    await cache.set(['search', text, 1], 'value');
    await cache.evict({ prefix: `search:${text}:` });
    expect(await cache.get(['search', text, 1])).toBeUndefined();
  });
});

describe('what makes no sense', () => {
  const world = useWorld();

  it('an eviction of no keys sends nothing and confirms it', async () => {
    const { cache, errors } = await world.app();
    await cache.set('film:1', 'value');
    const heard = jest.fn();
    cache.on('evict', heard);
    const commands = await commandsDuring(world, async () => {
      await cache.evict([]);
      await cache.evict([], { mustDeliver: true });
    });
    expect([commands, errors]).toEqual([[], []]);
    expect(heard).not.toHaveBeenCalled();
    expect(await cache.get('film:1')).toBe('value');
  });

  it('strong consistency in memory alone, beside Redis, is an option error', async () => {
    const policies = { price: { consistency: 'strong', tiers: ['memory'] } } as const;
    const opening = world.app({ policies });
    await expect(opening).rejects.toThrow(CacheOptionsError);
    await expect(opening).rejects.toThrow(/add 'redis'/);
  });

  it.each([
    'redis://app:s3cret@host:6379 ',
    'http://app:s3cret@host:6379',
    'redis://app:s3cret@host :6379',
    'redis://app:p/s3cret@host:6379 ',
  ])('a wrong address of Redis (%j) is refused without showing its password', (url) => {
    let message = '';
    try {
      redisTier({ url });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain('redisTier.url');
    expect(message).not.toContain('s3cret');
  });
});

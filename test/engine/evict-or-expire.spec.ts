import { describe, expect, it } from '@jest/globals';
import type { CacheTarget } from '../../src/engine/target.js';
import { type Embedded, embeddedCache } from './embedded-cache.js';

const fail = (): Promise<never> => Promise.reject(new Error('no database'));

const targets: [string, CacheTarget][] = [
  ['its key', 'user:7:name'],
  ['its key among others', ['other', 'user:7:name']],
  ['its key as an array', ['user:7:name']],
  ['its tag', { tags: ['staff'] }],
  ['its tag among others', { tags: ['other', 'staff'] }],
  ['its first segment', { prefix: 'user:' }],
  ['a declared prefix', { prefix: 'user:7:' }],
  ['a prefix nobody declared', { prefix: 'user:7:na' }],
  ['a pattern', { pattern: 'user:*:n?me' }],
];

const misses: [string, CacheTarget][] = [
  ['another key', 'user:7:names'],
  ['no key', []],
  ['another tag', { tags: ['staf'] }],
  ['a tag that is called like its prefix', { tags: ['user:'] }],
  ['a prefix that is called like its tag', { prefix: 'staff' }],
  ['another first segment', { prefix: 'use:' }],
  ['another declared prefix', { prefix: 'user:77:' }],
  ['a prefix that stands in its middle', { prefix: '7:' }],
  ['a pattern of more characters', { pattern: 'user:*:n??me' }],
  ['a pattern of less', { pattern: 'user:?' }],
];

async function withUser(): Promise<Embedded> {
  const embedded = embeddedCache({ ttl: '10s', grace: '1m', policies: { user: { prefixes: ['user:*:'] } } });
  await embedded.cache.set('user:7:name', 'Ada', { tags: ['staff', 'more'] });
  return embedded;
}

describe('evict', () => {
  it.each(targets)('by %s takes a value away for good', async (_, target) => {
    const { cache } = await withUser();
    await cache.evict(target);
    expect([await cache.get('user:7:name'), cache.peek('user:7:name')]).toEqual([undefined, undefined]);
    await expect(cache.getOrLoad('user:7:name', fail)).rejects.toThrow('no database');
  });

  it.each(misses)('by %s leaves a value alone', async (_, target) => {
    const { cache } = await withUser();
    await cache.evict(target);
    expect(await cache.get('user:7:name')).toBe('Ada');
  });

  it.each(targets)('by %s lets a value be stored again at once', async (_, target) => {
    const { cache } = await withUser();
    await cache.evict(target);
    expect(await cache.getOrLoad('user:7:name', () => 'Bob', { tags: ['staff'] })).toBe('Bob');
    expect(await cache.get('user:7:name')).toBe('Bob');
    await cache.evict(target);
    await cache.set('user:7:name', 'Cyd', { tags: ['staff'] });
    expect(await cache.get('user:7:name')).toBe('Cyd');
  });

  it('is done when it returns: no read after the call sees the old value, also not in the same tick', async () => {
    const { cache } = await withUser();
    const done = cache.evict({ prefix: 'user:' });
    expect(cache.peek('user:7:name')).toBeUndefined();
    await done;
  });
});

describe('expire', () => {
  it.each(targets)('by %s keeps a value only for loads that fail', async (_, target) => {
    const { cache } = await withUser();
    await cache.expire(target);
    expect([await cache.get('user:7:name'), cache.peek('user:7:name')]).toEqual([undefined, undefined]);
    expect(await cache.getOrLoad('user:7:name', fail)).toBe('Ada');
  });

  it.each(targets)('by %s makes the next call load', async (_, target) => {
    const { cache } = await withUser();
    await cache.expire(target);
    expect(await cache.getOrLoad('user:7:name', () => 'Bob')).toBe('Bob');
    expect(await cache.get('user:7:name')).toBe('Bob');
  });

  it.each(misses)('by %s leaves a value alone', async (_, target) => {
    const { cache } = await withUser();
    await cache.expire(target);
    expect(await cache.get('user:7:name')).toBe('Ada');
  });

  it('ends the back-off of a stale value: the next call loads', async () => {
    const { cache } = await withUser();
    for (const [, target] of targets) {
      await cache.expire(target);
      expect(await cache.getOrLoad('user:7:name', fail, { tags: ['staff'] })).toBe('Ada');
      expect(await cache.get('user:7:name')).toBe('Ada');
    }
    await cache.expire({ tags: ['staff'] });
    expect(await cache.get('user:7:name')).toBeUndefined();
  });

  it('gives a value no longer life than it had: the end of its grace stays', async () => {
    const { cache, clock } = await withUser();
    await cache.expire('user:7:name');
    await clock.advance(69_999);
    expect(await cache.getOrLoad('user:7:name', fail)).toBe('Ada');
    await clock.advance(1);
    await expect(cache.getOrLoad('user:7:name', fail)).rejects.toThrow('no database');
  });

  it('does not bring an evicted value back', async () => {
    const { cache } = await withUser();
    await cache.evict({ tags: ['staff'] });
    await cache.expire('user:7:name');
    await cache.expire({ tags: ['staff'] });
    await expect(cache.getOrLoad('user:7:name', fail)).rejects.toThrow('no database');
  });
});

describe('clear', () => {
  it('takes everything away, and lets it be stored again', async () => {
    const { cache } = await withUser();
    await cache.set('b', 1);
    await cache.clear();
    expect(await cache.getMany(['user:7:name', 'b'])).toEqual(new Map());
    expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0 });
    await cache.set('b', 2);
    expect(await cache.get('b')).toBe(2);
  });

  it('is no matter for another cache', async () => {
    const [one, other] = [await withUser(), await withUser()];
    await one.cache.clear();
    expect(await other.cache.get('user:7:name')).toBe('Ada');
  });

  it('leaves counters alone', async () => {
    const { cache } = await withUser();
    await cache.increment('visits', 3);
    await cache.clear();
    expect(await cache.increment('visits', 0)).toBe(3);
  });
});

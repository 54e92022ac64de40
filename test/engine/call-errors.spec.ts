import { describe, expect, it } from '@jest/globals';
import type { CacheError } from '../../src/cache.errors.js';
import type { CacheService } from '../../src/cache.service.js';
import type { CacheKey } from '../../src/engine/key.js';
import type { EntryOptions } from '../../src/engine/policy.js';
import type { CacheTarget } from '../../src/engine/target.js';
import { embeddedCache } from './embedded-cache.js';

const load = async (): Promise<number> => 1;
const time = { ttl: '1s' } as const;

const withKey: [string, (cache: CacheService, key: CacheKey) => Promise<unknown>][] = [
  ['get', (cache, key) => cache.get(key)],
  ['getEntry', (cache, key) => cache.getEntry(key)],
  ['has', (cache, key) => cache.has(key)],
  ['set', (cache, key) => cache.set(key, 1)],
  ['write', (cache, key) => cache.write(key, load)],
  ['getOrLoad', (cache, key) => cache.getOrLoad(key, load)],
  ['getOrLoad with options', (cache, key) => cache.getOrLoad(key, load, time)],
  ['getMany', (cache, key) => cache.getMany(['a', key])],
  [
    'setMany',
    (cache, key) =>
      cache.setMany([
        ['a', 1],
        [key, 1],
      ]),
  ],
  ['getOrLoadMany', (cache, key) => cache.getOrLoadMany(['a', key], () => new Map())],
  ['increment', (cache, key) => cache.increment(key)],
  ['lease', (cache, key) => cache.lease(key, time)],
  ['rateLimit', (cache, key) => cache.rateLimit(key, { limit: 1, window: 1 })],
  ['explain', (cache, key) => cache.explain(key)],
  ['evict', (cache, key) => cache.evict(key as CacheTarget)],
  ['expire', (cache, key) => cache.expire(key as CacheTarget)],
];

const withOptions: [string, (cache: CacheService, options: EntryOptions) => Promise<unknown>][] = [
  ['set', (cache, options) => cache.set('a', 1, options)],
  ['write', (cache, options) => cache.write('a', load, options)],
  ['getOrLoad', (cache, options) => cache.getOrLoad('a', load, options)],
  ['setMany', (cache, options) => cache.setMany([['a', 1]], options)],
  ['getOrLoadMany', (cache, options) => cache.getOrLoadMany(['a'], () => new Map(), options)],
];

const incomplete: [string, (cache: CacheService) => Promise<unknown>][] = [
  ['getOrLoad without a load', (cache) => cache.getOrLoad('a', undefined as never)],
  ['lease without options', (cache) => cache.lease('a', undefined as never)],
  ['lease without a ttl', (cache) => cache.lease('a', {} as never)],
  ['rateLimit without options', (cache) => cache.rateLimit('a', undefined as never)],
  ['rateLimit without a window', (cache) => cache.rateLimit('a', { limit: 1 } as never)],
];

/** What a call rejects with; it must not throw. */
async function reasonOf(call: () => Promise<unknown>): Promise<CacheError> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    throw new Error('It threw instead of rejecting.', { cause: error });
  }
  return promise.then(
    () => {
      throw new Error('It did not reject.');
    },
    (reason: CacheError) => reason,
  );
}

describe('a key that is none', () => {
  it.each(withKey)('is a rejection of %s with a code and a remedy', async (_, call) => {
    const { cache } = embeddedCache();
    for (const key of ['', 'x'.repeat(1_025), [() => 1], [Symbol('x')]]) {
      const reason = await reasonOf(() => call(cache, key));
      expect(reason).toMatchObject({ code: 'CACHE_KEY', remedy: expect.stringMatching(/\S+/) });
      expect(reason.message.endsWith(reason.remedy)).toBe(true);
    }
    expect(cache.stats().flights).toBe(0);
  });

  it.each(withKey)('such as nothing at all is a rejection of %s', async (_, call) => {
    const { cache } = embeddedCache();
    for (const key of [undefined, null, 42]) {
      const reason = await reasonOf(() => call(cache, key as unknown as CacheKey));
      expect(reason.code).toMatch(/^CACHE_(KEY|TARGET)$/);
    }
  });
});

describe('options that are wrong', () => {
  it.each(withOptions)('are a rejection of %s that names all of them', async (_, call) => {
    const { cache } = embeddedCache();
    const wrong = { ttl: '5 minutes', grace: -1, tags: [''] } as unknown as EntryOptions;
    const reason = await reasonOf(() => call(cache, wrong));
    expect(reason).toMatchObject({
      code: 'CACHE_OPTIONS',
      problems: [{ option: 'ttl', value: '5 minutes' }, { option: 'grace', value: -1 }, { option: 'tags' }],
    });
    expect(reason.message).toContain("Use milliseconds or a text such as '250ms'");
    expect(await cache.has('a')).toBe(false);
  });

  it.each(withOptions)('such as an unknown policy are a rejection of %s', async (_, call) => {
    const { cache } = embeddedCache({ policies: { product: {} } });
    const reason = await reasonOf(() => call(cache, { policy: 'prodct' }));
    expect(reason).toMatchObject({ code: 'CACHE_OPTIONS', problems: [{ option: 'policy', value: 'prodct' }] });
    expect(reason.message).toContain("Known policies: 'product'.");
  });
});

describe('a target that is none', () => {
  it.each([
    ['nothing', undefined],
    ['an empty object', {}],
    ['a misspelt one', { tag: ['a'] }],
    ['no tags', { tags: [] }],
    ['an empty prefix', { prefix: '' }],
    ['two at once', { tags: ['a'], prefix: 'a:' }],
  ])('is a rejection of evict and expire: %s', async (_, target) => {
    const { cache } = embeddedCache();
    await cache.set('a', 1);
    for (const call of [() => cache.evict(target as CacheTarget), () => cache.expire(target as CacheTarget)]) {
      const reason = await reasonOf(call);
      expect(reason).toMatchObject({ code: 'CACHE_TARGET', remedy: expect.stringMatching(/\S+/) });
    }
    expect(await cache.get('a')).toBe(1);
  });
});

describe('peek', () => {
  it('finds nothing under a key that is none', () => {
    const { cache } = embeddedCache();
    expect(cache.peek('')).toBeUndefined();
    expect(() => cache.peek([])).toThrow('The key is empty');
  });
});

describe('a call that lacks something', () => {
  it.each(incomplete)('%s is an error that says what to pass', async (_, call) => {
    const { cache } = embeddedCache({});
    const error = await reasonOf(() => call(cache));
    expect([error.code, error.message]).toEqual(['CACHE_OPTIONS', expect.stringMatching(/Pass|Use/)]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import type { CacheModuleOptions } from '../../src/cache.options.js';
import { resolveRoot } from '../../src/cache.resolve.js';
import { FOREVER } from '../../src/engine/duration.js';
import type { LoadOptions, Policies } from '../../src/engine/policy.js';

function policies(options: CacheModuleOptions = {}): Policies {
  return resolveRoot(options).policies;
}

describe('the options of a call', () => {
  it('are those of the cache when the call says nothing', () => {
    const known = policies({ ttl: '1h', grace: '1m', jitter: 0, cacheNull: false });
    for (const options of [undefined, {}]) {
      expect(known.of(options)).toMatchObject({ ttl: 3_600_000, grace: 60_000, jitter: 0, cacheNull: false });
    }
  });

  it('have the documented defaults', () => {
    expect(policies().of(undefined)).toEqual({
      ttl: 300_000,
      grace: 0,
      graceBackoff: 10_000,
      staleOn: expect.any(Function),
      refreshAhead: 1,
      softTimeout: FOREVER,
      abortLate: false,
      jitter: 0.05,
      hardTimeout: 30_000,
      cacheNull: true,
      strong: false,
      cluster: true,
      memory: true,
      redis: true,
      tags: [],
    });
  });

  it('count before those of the policy, and these before those of the cache', () => {
    const known = policies({ ttl: '1h', grace: '1m', policies: { product: { ttl: '2h', cacheNull: false } } });
    const options: LoadOptions = { policy: 'product', grace: '3s', tags: ['sale'] };
    expect(known.of(options)).toMatchObject({ ttl: 7_200_000, grace: 3_000, cacheNull: false, tags: ['sale'] });
    expect(known.of({ ttl: '1s' })).toMatchObject({ ttl: 1_000, grace: 60_000, cacheNull: true });
  });

  it('do not change the policy for the next call', () => {
    const known = policies({ ttl: '1h', policies: { product: { ttl: '2h' } } });
    known.of({ policy: 'product', ttl: '1s', tags: ['sale'] });
    expect(known.of({ policy: 'product' })).toMatchObject({ ttl: 7_200_000, tags: [] });
    expect(known.of({})).toMatchObject({ ttl: 3_600_000, tags: [] });
  });

  it('may ask for ever', () => {
    expect(policies().of({ ttl: Number.POSITIVE_INFINITY, hardTimeout: Number.POSITIVE_INFINITY })).toMatchObject({
      ttl: FOREVER,
      hardTimeout: FOREVER,
    });
  });

  it.each<[string, LoadOptions]>([
    ['ttl', { ttl: 0 }],
    ['ttl', { ttl: '5 minutes' as '5m' }],
    ['grace', { grace: -1 }],
    ['hardTimeout', { hardTimeout: 0 }],
    ['tags', { tags: [''] }],
    ['tags', { tags: 'sale' as unknown as string[] }],
    ['tags', { tags: [7 as unknown as string] }],
    ['tags', { tags: ['x'.repeat(513)] }],
    ['tags', { tags: Array.from({ length: 201 }, (_, i) => `t${i}`) }],
    ['policy', { policy: 'unknown' }],
  ])('are refused with a remedy when %s is wrong: %j', (option, options) => {
    const error = errorOf(() => policies({ policies: { product: {} } }).of(options));
    expect(error.problems.map((problem) => problem.option)).toEqual([option]);
    expect(error.message).toContain(option);
  });

  it('are reported together when several are wrong', () => {
    const error = errorOf(() => policies().of({ ttl: 0, grace: -1, hardTimeout: 'soon' as '1s', tags: [''] }));
    expect(error.problems.map((problem) => problem.option)).toEqual(['ttl', 'grace', 'hardTimeout', 'tags']);
  });

  it('name the policies there are when one is unknown, whatever its name', () => {
    const known = policies({ policies: { product: {}, session: {} } });
    for (const policy of ['prodcut', 'constructor', '__proto__', '']) {
      expect(() => known.of({ policy })).toThrow(/Known policies: 'product', 'session'/);
    }
    expect(() => policies().of({ policy: 'product' })).toThrow(/No policy is configured/);
  });

  it('name a tag once, also when it was given twice', () => {
    expect(policies().of({ tags: ['a', 'b', 'a'] }).tags).toEqual(['a', 'b']);
  });
});

function errorOf(work: () => unknown): CacheOptionsError {
  try {
    work();
  } catch (error) {
    if (error instanceof CacheOptionsError) return error;
    throw error;
  }
  throw new Error('It did not throw.');
}

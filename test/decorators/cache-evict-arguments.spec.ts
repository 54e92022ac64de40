import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CacheEvict, type CacheEvictOptions, CacheKeyError, CacheModule, CacheService } from '../../src/index.js';
import { bootError, startApp } from '../module/app.js';

type Options = CacheEvictOptions<[argument: unknown]>;

/** A class with one method that has these options. */
function shopWith(options: Options) {
  @Injectable()
  class Shop {
    changes = 0;

    @CacheEvict(options)
    async change(_argument: unknown): Promise<void> {
      this.changes++;
    }
  }
  return Shop;
}

const boom = () => {
  throw new RangeError('boom');
};
/** For what TypeScript would not let through. */
const wrong = <T>(value: unknown) => value as T;

describe('what a function of @CacheEvict gives', () => {
  it.each<[string, Options, RegExp]>([
    ['a key function', { key: boom }, /^boom$/],
    ['a keys function', { keys: boom }, /^boom$/],
    ['a tags function', { tags: boom }, /^boom$/],
    ['a prefix function', { prefix: boom }, /^boom$/],
    ['a pattern function', { pattern: boom }, /^boom$/],
    ['a condition', { all: true, condition: boom }, /^boom$/],
  ])('is not known when %s throws: its error, and the method does not run', async (_, options, message) => {
    const Shop = shopWith(options);
    const shop = (await startApp({ imports: [CacheModule.forRoot()], providers: [Shop] })).get(Shop);
    await expect(shop.change(1)).rejects.toThrow(message);
    expect(shop.changes).toBe(0);
  });

  it.each<[string, Options, RegExp]>([
    ['no key', { key: () => wrong(undefined) }, /^@CacheEvict of Shop\.change: A key must be a string or an array/],
    ['an empty key', { key: () => '' }, /^@CacheEvict of Shop\.change: The key is empty/],
    ['a function inside a key', { key: () => [boom] }, /^@CacheEvict of Shop\.change: A key cannot contain a function/],
    [
      'one key in place of several',
      { keys: () => wrong('a') },
      /^@CacheEvict of Shop\.change is wrong:\n {2}- keys: "a"\. Give an array/,
    ],
    ['keys of which one is empty', { keys: () => ['a', ''] }, /^@CacheEvict of Shop\.change: The key is empty/],
    [
      'one tag in place of several',
      { tags: () => wrong('sale') },
      /^@CacheEvict of Shop\.change is wrong:\n {2}- tags: "sale"/,
    ],
    ['an empty tag', { tags: () => [''] }, /^@CacheEvict of Shop\.change is wrong:\n {2}- tags: \[""\]/],
    ['an empty prefix', { prefix: () => '' }, /^@CacheEvict of Shop\.change is wrong:\n {2}- prefix: ""/],
    [
      'no pattern',
      { pattern: () => wrong(undefined) },
      /^@CacheEvict of Shop\.change is wrong:\n {2}- pattern: undefined/,
    ],
  ])('is refused before the method runs if it is %s', async (_, options, message) => {
    for (const phase of ['before', 'after'] as const) {
      const Shop = shopWith({ ...options, phase });
      const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Shop] });
      await app.get(CacheService).set('a', 1);
      const error: unknown = await app
        .get(Shop)
        .change(1)
        .catch((thrown: unknown) => thrown);
      expect((error as Error).message).toMatch(message);
      expect(app.get(Shop).changes).toBe(0);
      expect(await app.get(CacheService).has('a')).toBe(true);
    }
  });

  it.each<[string, Options, RegExp]>([
    ['an error', { resultKeys: boom }, /^boom$/],
    [
      'one key in place of several',
      { resultKeys: () => wrong('a') },
      /^@CacheEvict of Shop\.change is wrong:\n {2}- resultKeys: "a"/,
    ],
    ['an empty tag', { resultTags: () => [''] }, /^The resultTags function in @CacheEvict of Shop\.change is wrong:/],
  ])(
    'that sees the result cannot undo the method: %s, and what was known before is evicted',
    async (_, options, message) => {
      const Shop = shopWith({ ...options, key: 'a' });
      const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Shop] });
      await app.get(CacheService).set('a', 1);
      await expect(app.get(Shop).change(1)).rejects.toThrow(message);
      expect(app.get(Shop).changes).toBe(1);
      expect(await app.get(CacheService).has('a')).toBe(false);
    },
  );

  it('is a CacheKeyError or CacheOptionsError with its code', async () => {
    const Shop = shopWith({ key: () => '' });
    const shop = (await startApp({ imports: [CacheModule.forRoot()], providers: [Shop] })).get(Shop);
    await expect(shop.change(1)).rejects.toMatchObject({ code: 'CACHE_KEY', cause: expect.any(CacheKeyError) });
  });
});

describe('fixed options of @CacheEvict', () => {
  it.each<[string, unknown, string]>([
    ['nothing', {}, 'Give at least one of key, keys, tags, resultKeys, resultTags, prefix, pattern, all.'],
    [
      'all: false alone',
      { all: false },
      'Give at least one of key, keys, tags, resultKeys, resultTags, prefix, pattern, all.',
    ],
    ['another phase', { all: true, phase: 'during' }, "Use 'before', 'after' or 'afterCommit'."],
    [
      'what is made of the result, before there is one',
      { resultTags: () => [], phase: 'before' },
      'There is no result',
    ],
    [
      'afterCommit for a row that is written behind',
      { all: true, phase: 'afterCommit', write: 'behind', entity: 'Cart' },
      "use phase 'after'.",
    ],
  ])('are refused when the class is defined: %s', (_, options, remedy) => {
    expect(() => shopWith(options as Options)).toThrow(/^@CacheEvict of Shop\.change is wrong:/);
    expect(() => shopWith(options as Options)).toThrow(remedy);
  });

  it.each<[string, unknown]>([
    ['key', ''],
    ['key', 5],
    ['keys', 'a'],
    ['keys', ['a', '']],
    ['tags', []],
    ['tags', 'sale'],
    ['tags', ['']],
    ['prefix', ''],
    ['pattern', 7],
  ])('are refused when the app starts: %s: %j', async (option, value) => {
    const Shop = shopWith({ [option]: value });
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Shop] });
    expect(error.problems).toHaveLength(1);
    expect(error.problems[0]?.option).toMatch(new RegExp(`^${option.slice(0, 3)}.* in @CacheEvict of Shop\\.change$`));
  });
});

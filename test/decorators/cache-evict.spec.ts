import { beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CacheEvict, CacheModule, CacheService } from '../../src/index.js';
import { deferred, startApp } from '../module/app.js';

@Injectable()
class Shop {
  fails = false;
  running = deferred<void>();

  @CacheEvict({ key: (id) => ['product', id] })
  async byKey(id: string): Promise<string> {
    return this.change(id);
  }

  @CacheEvict({ key: 'menu' })
  async byFixedKey(): Promise<string> {
    return this.change('menu');
  }

  @CacheEvict({ keys: (ids) => ids.map((id) => ['product', id]) })
  async byKeys(ids: string[]): Promise<string> {
    return this.change(ids.join());
  }

  @CacheEvict({ keys: ['menu', ['product', 'a']] })
  async byFixedKeys(): Promise<string> {
    return this.change('some');
  }

  @CacheEvict({ tags: (id) => [`brand:${id}`] })
  async byTags(id: string): Promise<string> {
    return this.change(id);
  }

  @CacheEvict({ tags: ['sale'] })
  async byFixedTags(): Promise<string> {
    return this.change('sale');
  }

  @CacheEvict({ tags: () => [] })
  async byNoTags(): Promise<string> {
    return this.change('nothing');
  }

  @CacheEvict({ resultKeys: (result, id) => [['product', id], result] })
  async byResultKeys(_id: string): Promise<string> {
    return 'menu';
  }

  @CacheEvict({ key: 'menu', resultTags: (result) => [result] })
  async byResultTags(): Promise<string> {
    return 'sale';
  }

  @CacheEvict({ prefix: 'product:' })
  async byFixedPrefix(): Promise<string> {
    return this.change('products');
  }

  @CacheEvict({ prefix: (kind) => `${kind}:` })
  async byPrefix(kind: string): Promise<string> {
    return this.change(kind);
  }

  @CacheEvict({ pattern: (id) => `*:${id}` })
  async byPattern(id: string): Promise<string> {
    return this.change(id);
  }

  @CacheEvict({ pattern: '*:a' })
  async byFixedPattern(): Promise<string> {
    return this.change('a');
  }

  @CacheEvict({ all: true })
  async all(): Promise<string> {
    return this.change('all');
  }

  @CacheEvict({ key: 'menu', tags: ['sale'], prefix: 'page:' })
  async several(): Promise<string> {
    return this.change('several');
  }

  @CacheEvict({ key: 'menu', phase: 'before' })
  async before(): Promise<string> {
    return this.change('before');
  }

  @CacheEvict({ key: 'menu', phase: 'before' })
  async slowlyAfterwards(): Promise<void> {
    await this.running.promise;
  }

  @CacheEvict({ key: 'menu', phase: 'after' })
  async slowly(): Promise<void> {
    await this.running.promise;
  }

  @CacheEvict({ key: 'menu', condition: (really) => really })
  async conditional(_really: boolean): Promise<string> {
    return this.change('conditional');
  }

  @CacheEvict({ key: 'menu' })
  sync(): string {
    if (this.fails) throw new Error('failed');
    return 'sync';
  }

  private async change(what: string): Promise<string> {
    if (this.fails) throw new Error('failed');
    return `changed ${what}`;
  }
}

/** What is in the cache before each test, with the tags of each. */
const STOCK: [key: string, tags: string[]][] = [
  ['menu', []],
  ['page:1', []],
  ['product:a', ['brand:x', 'sale']],
  ['product:b', ['brand:x']],
  ['product:c', ['sale']],
];

describe('@CacheEvict', () => {
  let shop: Shop;
  let cache: CacheService;

  beforeEach(async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Shop] });
    shop = app.get(Shop);
    cache = app.get(CacheService);
    for (const [key, tags] of STOCK) await cache.set(key, key, { tags });
  });

  const left = async () => [...(await cache.getMany(STOCK.map(([key]) => key))).keys()];

  it.each<[string, (s: Shop) => unknown, string[]]>([
    ['a key made from the arguments', (s) => s.byKey('a'), ['product:a']],
    ['a fixed key', (s) => s.byFixedKey(), ['menu']],
    ['keys made from the arguments', (s) => s.byKeys(['a', 'c']), ['product:a', 'product:c']],
    ['no keys at all', (s) => s.byKeys([]), []],
    ['fixed keys', (s) => s.byFixedKeys(), ['menu', 'product:a']],
    ['tags made from the arguments', (s) => s.byTags('x'), ['product:a', 'product:b']],
    ['fixed tags', (s) => s.byFixedTags(), ['product:a', 'product:c']],
    ['keys made from the result', (s) => s.byResultKeys('b'), ['menu', 'product:b']],
    ['tags made from the result, beside a key', (s) => s.byResultTags(), ['menu', 'product:a', 'product:c']],
    ['no tags at all', (s) => s.byNoTags(), []],
    ['a prefix made from the arguments', (s) => s.byPrefix('page'), ['page:1']],
    ['a fixed prefix', (s) => s.byFixedPrefix(), ['product:a', 'product:b', 'product:c']],
    ['a pattern made from the arguments', (s) => s.byPattern('b'), ['product:b']],
    ['a fixed pattern', (s) => s.byFixedPattern(), ['product:a']],
    ['everything', (s) => s.all(), STOCK.map(([key]) => key)],
    ['all that several options name', (s) => s.several(), ['menu', 'page:1', 'product:a', 'product:c']],
  ])('evicts %s, and nothing else', async (_, call, gone) => {
    await call(shop);
    expect(await left()).toEqual(STOCK.map(([key]) => key).filter((key) => !gone.includes(key)));
  });

  it('answers with what the method returned', async () => {
    expect(await shop.byKey('a')).toBe('changed a');
    expect(await shop.before()).toBe('changed before');
  });

  it('evicts nothing when the method fails, and passes the error on', async () => {
    shop.fails = true;
    for (const call of [shop.byKey('a'), shop.byFixedTags(), shop.all(), shop.several()]) {
      await expect(call).rejects.toThrow('failed');
    }
    expect(await left()).toHaveLength(STOCK.length);
  });

  it('evicts after the method has ended, so that nobody can load what it is about to change', async () => {
    const running = shop.slowly();
    expect(await cache.has('menu')).toBe(true);
    shop.running.resolve();
    await running;
    expect(await cache.has('menu')).toBe(false);
  });

  it('with phase: before evicts whatever becomes of the method', async () => {
    shop.fails = true;
    await expect(shop.before()).rejects.toThrow('failed');
    expect(await cache.has('menu')).toBe(false);
  });

  it('with phase: before evicts once, and leaves alone what comes while the method runs', async () => {
    const running = shop.slowlyAfterwards();
    expect(await cache.has('menu')).toBe(false);
    await cache.set('menu', 'new');
    shop.running.resolve();
    await running;
    expect(await cache.get('menu')).toBe('new');
  });

  it('evicts nothing where the condition does not hold', async () => {
    await shop.conditional(false);
    expect(await cache.has('menu')).toBe(true);
    await shop.conditional(true);
    expect(await cache.has('menu')).toBe(false);
  });

  it('gives the callers of a method that returns a plain value a promise, also of its error', async () => {
    expect(shop.sync()).toBeInstanceOf(Promise);
    expect(await shop.sync()).toBe('sync');
    expect(await cache.has('menu')).toBe(false);
    shop.fails = true;
    await expect(shop.sync()).rejects.toThrow('failed');
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  CacheModule,
  type CacheModuleOptions,
  CacheService,
  getCacheToken,
  type InvalidationOption,
  InvalidationRuleError,
  type InvalidationSource,
} from '../../src/index.js';
import { bootError, deferred, startApp } from './app.js';

interface Product {
  id: number;
  categories?: string[];
  draft?: boolean;
}

const start = (invalidation: InvalidationOption, options: CacheModuleOptions = {}) =>
  startApp({
    imports: [
      CacheModule.forRoot({ jitter: 0, grace: '1h', ...options, invalidation }),
      CacheModule.register({ name: 'search' }),
    ],
  });

/** A cache with these keys, in an app with these rules. */
async function filled(invalidation: InvalidationOption, ...keys: string[]) {
  const app = await start(invalidation);
  const cache = app.get(CacheService);
  for (const key of keys) await cache.set(key, `value of ${key}`, { tags: [`tag of ${key}`] });
  const left = async () => [...(await cache.getMany(keys)).keys()];
  return { app, cache, left };
}

describe('rules for events', () => {
  it('invalidate what their function makes of the payload before emit resolves', async () => {
    const { cache, left } = await filled(
      [
        {
          on: 'product.updated',
          evict: (product: Product) => [
            ['product', product.id],
            { prefix: 'list:' },
            { tags: product.categories?.map((name) => `tag of ${name}`) ?? [] },
          ],
        },
      ],
      'product:~7',
      'product:~8',
      'list:1',
      'shoes',
      'hats',
    );
    await cache.emit('product.updated', { id: 7, categories: ['shoes'] });
    expect(await left()).toEqual(['product:~8', 'hats']);
    await cache.emit('product.updated', { id: 7, categories: ['shoes'] });
    expect(await left()).toEqual(['product:~8', 'hats']);
  });

  it('have invalidated memory when emit returns its promise, if their functions need no promise', async () => {
    const { cache } = await filled([{ on: 'a', evict: () => 'x', condition: () => true }], 'x');
    const emitted = cache.emit('a');
    expect(cache.peek('x')).toBeUndefined();
    await emitted;
  });

  it('wait for functions that return promises', async () => {
    const answer = deferred<string>();
    const { cache, left } = await filled([{ on: 'a', condition: async () => true, evict: () => answer.promise }], 'x');
    const emitted = cache.emit('a');
    expect(cache.peek('x')).toBe('value of x');
    answer.resolve('x');
    await emitted;
    expect(await left()).toEqual([]);
  });

  it('hear several events, by name and by wildcards, and tell their functions the name', async () => {
    const heard: unknown[] = [];
    const { cache } = await filled([
      {
        on: ['product.*', 'order.placed'],
        evict: (payload, event) => {
          heard.push([event, payload]);
          return [];
        },
      },
    ]);
    await cache.emit('product.updated', 1);
    await cache.emit('product.price.updated', 2);
    await cache.emit('order.placed', 3);
    await cache.emit('order.cancelled', 4);
    await cache.emit('product.deleted');
    expect(heard).toEqual([
      ['product.updated', 1],
      ['order.placed', 3],
      ['product.deleted', undefined],
    ]);
  });

  it('may have fixed targets', async () => {
    const { cache, left } = await filled([{ on: 'a', evict: ['x', { prefix: 'list:' }] }], 'x', 'y', 'list:1');
    await cache.emit('a');
    expect(await left()).toEqual(['y']);
  });

  it('do nothing where their condition does not hold', async () => {
    const rule = { on: 'a', evict: 'x', condition: (product: Product) => !product.draft };
    const { cache, left } = await filled([rule], 'x');
    await cache.emit('a', { id: 1, draft: true });
    expect(await left()).toEqual(['x']);
    await cache.emit('a', { id: 1 });
    expect(await left()).toEqual([]);
  });

  it('expire what may still stand in for a load that fails, and evict the rest', async () => {
    const { cache, left } = await filled([{ on: 'a', evict: 'wrong', expire: 'old' }], 'wrong', 'old');
    await cache.emit('a');
    expect(await left()).toEqual([]);
    const fail = () => Promise.reject(new Error('down'));
    expect(await cache.getOrLoad('old', fail)).toBe('value of old');
    await expect(cache.getOrLoad('wrong', fail)).rejects.toThrow('down');
  });

  it('invalidate in the cache they name, whichever cache was told of the event', async () => {
    const { app, cache, left } = await filled([{ on: 'a', cache: 'search', evict: 'x' }], 'x');
    const search = app.get<CacheService>(getCacheToken('search'));
    for (const teller of [cache, search]) {
      await search.set('x', 1);
      await teller.emit('a');
      expect(await search.has('x')).toBe(false);
    }
    expect(await left()).toEqual(['x']);
  });

  it('hear an event that a provider emits while the app starts', async () => {
    const evicted: unknown[] = [];
    const early = {
      provide: 'early',
      inject: [CacheService],
      useFactory: (cache: CacheService) => ({
        onModuleInit: async () => {
          cache.on('evict', ({ names }) => evicted.push(...names));
          await cache.emit('a');
        },
      }),
    };
    await startApp({ imports: [CacheModule.forRoot({ invalidation: [{ on: 'a', evict: 'x' }] })], providers: [early] });
    expect(evicted).toEqual(['x']);
  });

  it('are not told of by events of the cache itself, nor tell its listeners', async () => {
    const ran: string[] = [];
    const evict = (_payload: unknown, event: string) => {
      ran.push(event);
      return [];
    };
    const { cache } = await filled([{ on: '**', evict }], 'x');
    await cache.get('x');
    await cache.evict('x');
    expect(ran).toEqual([]);
    const told: unknown[] = [];
    cache.on('evict', (event) => told.push(event));
    await cache.emit('evict', 1);
    expect(ran).toEqual(['evict']);
    expect(told).toEqual([]);
  });

  it.each(['', undefined, 7])('are not told of an event without a name: %p', async (name) => {
    const { cache } = await filled([]);
    await expect(cache.emit(name as string)).rejects.toThrow('Name an event');
  });
});

describe('a rule that throws', () => {
  const failure = new TypeError('secret of alice');
  const failing = { on: 'a', evict: () => Promise.reject(failure) };

  it('has emit reject with where it stands, after the other rules have done their work', async () => {
    const { cache, left } = await filled([failing, { on: 'a', evict: 'x' }], 'x');
    const error = await cache.emit('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidationRuleError);
    expect(error).toMatchObject({
      code: 'CACHE_INVALIDATION_RULE',
      event: 'a',
      rule: 'invalidation[0]',
      cause: failure,
    });
    expect(String(error)).toMatch(/TypeError.*missed/s);
    expect(String(error)).not.toContain('alice');
    expect(await left()).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw failure;
      },
    ],
    ['returns nothing', () => undefined],
    ['returns what is no target', () => [{ tagz: [] }]],
    ['resolves to what is no target', async () => 7],
  ])('is one whose function %s', async (_what, evict) => {
    const { cache } = await filled([{ on: 'a', evict: evict as () => string }]);
    await expect(cache.emit('a')).rejects.toBeInstanceOf(InvalidationRuleError);
  });

  it('is one whose condition throws', async () => {
    const rule = {
      on: 'a',
      evict: 'x',
      condition: () => {
        throw failure;
      },
    };
    const { cache, left } = await filled([rule], 'x');
    await expect(cache.emit('a')).rejects.toMatchObject({ cause: failure });
    expect(await left()).toEqual(['x']);
  });

  it('has emit reject with an AggregateError if there are several', async () => {
    const { cache } = await filled([failing, failing]);
    await expect(cache.emit('a')).rejects.toMatchObject({
      errors: [expect.any(InvalidationRuleError), expect.anything()],
    });
  });

  it('has its missed target invalidated', async () => {
    const { cache, left } = await filled([{ ...failing, missed: { prefix: 'product:' } }], 'product:1', 'x');
    await expect(cache.emit('a')).rejects.toMatchObject({ cause: failure });
    expect(await left()).toEqual(['x']);
  });
});

describe('wrong rules', () => {
  it('are reported together with other options when the app starts', async () => {
    const invalidation = [
      { on: 'prod*', evict: 'x' },
      { evict: { tagz: [] } },
      { on: 'a' },
      { on: [], expire: 'x', condition: true, missed: 7, cache: 1 },
      { on: 'a', evict: 'x', evicts: 'y' },
      'product.updated',
    ] as unknown as InvalidationOption;
    const error = await bootError({ imports: [CacheModule.forRoot({ ttl: 0, invalidation })] });
    expect(error.problems.map(({ option }) => option)).toEqual([
      'invalidation[0].on',
      'invalidation[1].evict',
      'invalidation[1].on',
      'invalidation[2].evict',
      'invalidation[3].cache',
      'invalidation[3].condition',
      'invalidation[3].missed',
      'invalidation[3].on',
      'invalidation[4].evicts',
      'invalidation[5]',
      'ttl',
    ]);
    expect(error.message).toContain('A wildcard stands for a whole part');
    expect(error.message).toContain('Did you mean evict?');
  });

  it.each<[unknown, string]>([
    ['x', 'invalidation'],
    [{ rules: 'x' }, 'invalidation.rules'],
    [{ rules: [{ on: 'a' }] }, 'invalidation.rules[0].evict'],
    [{ sources: [{}] }, 'invalidation.sources[0]'],
    [{ sources: {} }, 'invalidation.sources'],
    [{ rule: [] }, 'invalidation.rule'],
  ])('may have the form %p: the error names %s', async (invalidation, option) => {
    const error = await bootError({ imports: [CacheModule.forRoot({ invalidation } as CacheModuleOptions)] });
    expect(error.problems.map((problem) => problem.option)).toEqual([option]);
  });

  it('name caches that do not exist', async () => {
    const invalidation = [{ on: 'a', evict: 'x', cache: 'serch' }];
    const error = await bootError({ imports: [CacheModule.forRoot({ invalidation })] });
    expect(error.problems).toEqual([expect.objectContaining({ option: 'cache in invalidation[0]', value: 'serch' })]);
  });

  it('come with what a source finds wrong with its options', async () => {
    const problems = [{ option: 'channel', value: 7, remedy: 'Use a text.' }];
    const source: InvalidationSource = {
      name: 'mine',
      problems,
      open: () => ({ start: async () => {}, stop: async () => {} }),
    };
    const error = await bootError({ imports: [CacheModule.forRoot({ invalidation: { sources: [source] } })] });
    expect(error.problems).toEqual([expect.objectContaining({ option: 'invalidation.sources[0].channel', value: 7 })]);
  });
});

// Compiled by `npm run typecheck`, never run: every `@ts-expect-error` must be an error, and nothing else may be one.

import { type CacheKey, CacheModule, type CacheOptionsFactory, CacheService, getCacheToken } from '../../src/index.js';
import { CacheTestingModule } from '../../src/testing.js';
import { check, type Is } from './is.js';

interface Product {
  id: string;
  price: number;
}
declare const cache: CacheService;
declare const product: Product;

export async function values(): Promise<void> {
  const typed = await cache.get<Product>('product:1');
  check<Is<typeof typed, Product | undefined>>();
  const untyped = await cache.get(['product', 1]);
  check<Is<typeof untyped, unknown>>();
  const peeked = cache.peek<Product>('product:1');
  check<Is<typeof peeked, Product | undefined>>();
  const entry = await cache.getEntry<Product>('product:1');
  check<Is<NonNullable<typeof entry>['value'], Product>>();

  const loaded = await cache.getOrLoad('product:1', async () => product, { ttl: '5m', tags: ['a'] });
  check<Is<typeof loaded, Product>>();
  const sync = await cache.getOrLoad('product:1', () => 5);
  check<Is<typeof sync, number>>();
  await cache.getOrLoad<Product | null>('product:1', ({ stale, setTtl, skip, signal }) => {
    check<Is<typeof stale, Product | null | undefined>>();
    check<Is<typeof signal, AbortSignal>>();
    setTtl('1m');
    skip();
    return null;
  });
  const written = await cache.write('product:1', async () => product);
  check<Is<typeof written, Product>>();

  const many = await cache.getMany<Product>(['product:1', ['product', 2]]);
  check<Is<typeof many, Map<CacheKey, Product>>>();
  const loadedMany = await cache.getOrLoadMany(['a', 'b'], (missing) => new Map(missing.map((key) => [key, product])));
  check<Is<typeof loadedMany, Map<CacheKey, Product>>>();
  await cache.getOrLoadMany(['a'], async () => ({ a: product }));
  await cache.setMany([['a', product]], { ttl: 1000 });

  const stop = cache.on('hit', ({ key, tier }) => {
    check<Is<typeof key, string>>();
    check<Is<typeof tier, 'memory' | 'redis'>>();
  });
  check<Is<typeof stop, () => void>>();
}

export async function wrong(): Promise<void> {
  // @ts-expect-error: a number is no key
  await cache.get(1);
  // @ts-expect-error: there is no unit "minutes"
  await cache.set('a', 1, { ttl: '5 minutes' });
  // @ts-expect-error: a unit is needed
  await cache.set('a', 1, { ttl: '5' });
  // @ts-expect-error: there is no such option
  await cache.set('a', 1, { expires: 5 });
  // @ts-expect-error: that is for loads
  await cache.set('a', 1, { hardTimeout: 5 });
  // @ts-expect-error: the load gives something else
  await cache.getOrLoad<Product>('a', async () => 5);
  // @ts-expect-error: tags are a list
  await cache.evict({ tags: 'products' });
  // @ts-expect-error: one kind of target
  await cache.evict({ key: 'a' });
  // @ts-expect-error: there is no such event
  cache.on('hits', () => undefined);
  // @ts-expect-error: a limit is needed
  await cache.rateLimit('a', { window: '1m' });
  // @ts-expect-error: it is abstract
  new CacheService();
}

export class Factory implements CacheOptionsFactory {
  createCacheOptions() {
    return { ttl: '5m' } as const;
  }
}

export const modules = [
  CacheModule.forRoot(),
  CacheModule.forRoot({ isGlobal: false, memory: false, policies: { product: { ttl: '5m', tiers: ['memory'] } } }),
  CacheModule.forRootAsync({ inject: ['url'], useFactory: async (url: string) => ({ namespace: url }) }),
  CacheModule.forRootAsync({ useClass: Factory }),
  CacheModule.register({ name: 'sessions', ttl: '30m' }),
  CacheTestingModule.forRoot({ isGlobal: false }),
  // @ts-expect-error: a further cache needs a name
  CacheModule.register({ ttl: '30m' }),
  // @ts-expect-error: there is no unit "minutes"
  CacheModule.forRoot({ ttl: '5 minutes' }),
  // @ts-expect-error: there is no such option
  CacheModule.forRoot({ maxEntries: 5 }),
  // @ts-expect-error: nor in a policy
  CacheModule.forRoot({ policies: { product: { maxEntries: 5 } } }),
  // @ts-expect-error: nor such a value
  CacheModule.forRoot({ consistency: 'weak' }),
  // @ts-expect-error: nor such a tier
  CacheModule.forRoot({ tiers: ['disk'] }),
  // @ts-expect-error: the memory is not switched on by true
  CacheModule.forRoot({ memory: true }),
  // @ts-expect-error: the namespace is that of forRoot, with the name
  CacheModule.register({ name: 'sessions', namespace: 'other' }),
  // @ts-expect-error: the factory gives no options
  CacheModule.forRootAsync({ useFactory: () => ({ ttll: 5, ttl: 'x' }) }),
];

check<Is<ReturnType<typeof getCacheToken>, string | typeof CacheService>>();

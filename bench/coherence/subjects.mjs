/**
 * The libraries, each set up as its documentation says for several processes: memory and Redis, and its way to tell other
 * processes of a change.
 *
 * @typedef {object} Options
 * @property {string} redisUrl
 * @property {number} ttl ms, far longer than a run
 * @property {(key: string) => Promise<object>} load
 * @property {string} dist folder of nestjs-strata
 *
 * @typedef {object} Handle
 * @property {(key: string) => Promise<any>} read get, or load and store
 * @property {(key: string, change: () => Promise<object>) => Promise<unknown>} write changes the row, then stores it
 * @property {(key: string) => Promise<unknown>} evict
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';

/** @type {Record<string, { name: string, open(options: Options): Promise<Handle> }>} */
export const SUBJECTS = {
  strata: {
    name: 'nestjs-strata',
    async open({ redisUrl, ttl, load, dist }) {
      await import('reflect-metadata');
      const built = (path) => import(pathToFileURL(join(dist, path)).href);
      const [{ Module }, { NestFactory }] = await Promise.all([import('@nestjs/common'), import('@nestjs/core')]);
      const [{ CacheModule, CacheService }, { redisTier }] = await Promise.all([built('index.js'), built('redis.js')]);
      class App {}
      Module({ imports: [CacheModule.forRoot({ ttl, redis: redisTier({ url: redisUrl }) })] })(App);
      const cache = (await NestFactory.createApplicationContext(App, { logger: ['error'] })).get(CacheService);
      return {
        read: (key) => cache.getOrLoad(key, () => load(key)),
        write: (key, change) => cache.write(key, change),
        evict: (key) => cache.evict(key),
      };
    },
  },
  bentocache: {
    name: 'bentocache',
    async open({ redisUrl, ttl, load }) {
      const [{ BentoCache, bentostore }, { memoryDriver }, { redisDriver, redisBusDriver }] = await Promise.all([
        import('bentocache'),
        import('bentocache/drivers/memory'),
        import('bentocache/drivers/redis'),
      ]);
      const { hostname: host, port } = new URL(redisUrl);
      const store = bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(redisDriver({ connection: quiet(new Redis(redisUrl)) }))
        .useBus(redisBusDriver({ connection: { host, port: Number(port) } }));
      const bento = new BentoCache({ default: 'bench', ttl, stores: { bench: store } });
      return {
        read: (key) => bento.getOrSet({ key, factory: () => load(key) }),
        write: async (key, change) => bento.set({ key, value: await change() }),
        evict: (key) => bento.delete({ key }),
      };
    },
  },
  'layered-loader': {
    name: 'layered-loader',
    async open({ redisUrl, ttl, load }) {
      const { createNotificationPair, Loader, RedisCache } = await import('layered-loader');
      const client = () => quiet(new Redis(redisUrl));
      const { publisher, consumer } = createNotificationPair({
        channel: 'bench',
        publisherRedis: client(),
        consumerRedis: client(),
      });
      const loader = new Loader({
        inMemoryCache: { cacheType: 'lru-map', ttlInMsecs: ttl, maxItems: 10_000 },
        asyncCache: new RedisCache(client(), { json: true, prefix: 'bench', ttlInMsecs: ttl }),
        dataSourceGetOneFn: load,
        notificationPublisher: publisher,
        notificationConsumer: consumer,
      });
      await loader.init();
      return {
        read: (key) => loader.get(key),
        write: async (key, change) => loader.forceSetValue(key, await change()),
        evict: (key) => loader.invalidateCacheFor(key),
      };
    },
  },
};

/** Connections break here on purpose. @param {Redis} client */
function quiet(client) {
  client.on('error', () => {});
  return client;
}

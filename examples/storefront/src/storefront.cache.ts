import type { DynamicModule } from '@nestjs/common';
import { CacheModule } from 'nestjs-strata';
import { redisTier } from 'nestjs-strata/redis';
import { Prisma } from './generated/prisma/client.js';
import type { Settings } from './settings.js';

/**
 * One policy per kind of data. `strong` data is asked from Redis on every read, so that all processes agree on it at once;
 * the rest may be answered from the memory of the process.
 */
export function storefrontCache(settings: Settings): DynamicModule {
  return CacheModule.forRoot({
    namespace: settings.namespace,
    ...(settings.redisUrl === undefined ? {} : { redis: redisTier({ url: settings.redisUrl }) }),
    // Only the hot part of the catalogue fits: the tail is answered by Redis, which holds all of it.
    memory: { maxEntries: settings.memoryEntries },
    // Prices come out of both tiers as what Prisma gave, not as text.
    types: [Prisma.Decimal],
    policies: {
      product: { ttl: '5m' },
      search: { ttl: '10m' },
      session: { ttl: '30m', consistency: 'strong' },
      cart: { ttl: '1h', consistency: 'strong' },
      profile: { ttl: '15m', consistency: 'strong' },
      order: { ttl: '1h', consistency: 'strong' },
    },
  });
}

import type { DynamicModule } from '@nestjs/common';
import { CacheModule } from 'nestjs-strata';
import { redisTier } from 'nestjs-strata/redis';
import { writeBehind } from 'nestjs-strata/write-behind';
import { PrismaService } from './database/prisma.service.js';
import { Prisma } from './generated/prisma/client.js';
import type { Settings } from './settings.js';

/**
 * One policy per kind of data. `strong` data is asked from Redis on every read, so that all processes agree on it at once;
 * the rest may be answered from the memory of the process.
 */
export function storefrontCache(settings: Settings): DynamicModule {
  return CacheModule.forRoot({
    namespace: settings.namespace,
    ...(settings.redisUrl === undefined ? {} : durable(settings.redisUrl)),
    // Only the hot part of the catalogue fits: the tail is answered by Redis, which holds all of it.
    memory: { maxEntries: settings.memoryEntries },
    schema: settings.schema,
    // What is asked for most is loaded ahead: before it expires, after a deploy, after a clear.
    // A page for each product, and lists. Visitors of a new version meet a shop that knows what the old one was asked for.
    jobs: { warm: { enabled: settings.warm, keys: 5_000, wait: '10s' } },
    // Prices come out of both tiers as what Prisma gave, not as text.
    types: [Prisma.Decimal],
    policies: {
      // While no source of the catalogue answers, or all of them drag, it shows what it had.
      product: { ttl: settings.catalogueTtl, grace: '1h', softTimeout: '250ms' },
      search: { ttl: '10m', grace: '1h', softTimeout: '250ms' },
      session: { ttl: '30m', consistency: 'strong' },
      profile: { ttl: '15m', consistency: 'strong' },
      order: { ttl: '1h', consistency: 'strong' },
    },
  });
}

/** Writes are acknowledged by Redis only where there is one: this shop does not put them into the memory of a process. */
function durable(url: string) {
  return {
    redis: redisTier({ url }),
    writeBehind: writeBehind({
      client: PrismaService,
      // Rows are kept in Redis for reads, too: carts and orders for an hour after their last change.
      entities: {
        Stock: {},
        Cart: { cacheTtl: '1h' },
        Order: { cacheTtl: '1h' },
        CustomerOrders: { cacheTtl: '1h' },
      },
      // What a process that died was about to flush, another one takes over after so much time.
      lease: '3s',
    }),
  };
}

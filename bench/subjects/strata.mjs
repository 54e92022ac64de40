/**
 * nestjs-strata: built from this repository, used through its public entry points inside a Nest application.
 * Variants: `shared` keeps and hands out the caller's object, bounded by entries only, as lru-cache does (default: a private copy,
 * bounded by bytes too),
 * `get` reads with `get` instead of `getOrLoad`.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from '../../dist/index.js';
import { redisTier } from '../../dist/redis.js';

export { Cacheable } from '../../dist/index.js';

/**
 * @param {import('../lib/subject.mjs').OpenOptions} options
 * @param {unknown[]} [providers]
 */
export async function openApplication(options, providers = []) {
  const { tiers, redisUrl, namespace, ttl, maxEntries, variant } = options;
  class BenchModule {}
  Module({
    imports: [
      CacheModule.forRoot({
        namespace,
        ttl,
        memory: tiers === 'redis' ? false : { maxEntries, ...(variant === 'shared' && { maxBytes: Infinity }) },
        ...(variant === 'shared' ? { values: 'shared' } : {}),
        ...(tiers === 'memory' ? {} : { redis: redisTier({ url: redisUrl }) }),
      }),
    ],
    providers,
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, {
    logger: ['fatal', 'error', 'warn'],
    abortOnError: false,
  });
  return { app, cache: app.get(CacheService) };
}

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open(options) {
  const { app, cache } = await openApplication(options);
  const { load, variant } = options;
  return {
    read: variant === 'get' ? (key) => cache.get(key) : (key) => cache.getOrLoad(key, () => load(key)),
    peek: (key) => cache.peek(key),
    write: (key, value) => cache.set(key, value),
    settle: () => cache.idle(),
    close: () => app.close(),
  };
}

#!/usr/bin/env node
/** `npm run load`: asks a cache as fast as it answers, and reports rates and latencies on the screen and as a page. */
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { ensureBuild, ROOT } from '../bench/lib/prepare.mjs';
import { drive } from './drive.mjs';
import { parseOptions, USAGE } from './options.mjs';
import { page } from './page.mjs';
import { count, percent, screen, time } from './report.mjs';

/** A server for this test alone, or the one given. */
async function openRedis(wanted) {
  if (wanted !== 'own') return { url: wanted, stop: async () => {} };
  const { Servers } = await import('../chaos/lib/servers.mjs');
  const servers = await Servers.make((line) => process.stderr.write(`${line}\n`));
  await servers.start('redis');
  return { url: servers.redisUrl, stop: () => servers.end({ keep: false }) };
}

/** A Nest application with the cache as a user would have it. */
async function openCache(options, url) {
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { CacheModule, CacheService } = await import('../dist/index.js');
  const redis = url && (await import('../dist/redis.js')).redisTier({ url, required: true });
  const { maxEntries, eviction } = options;
  class LoadModule {}
  Module({
    imports: [
      CacheModule.forRoot({
        namespace: `load-${randomBytes(5).toString('hex')}`,
        ttl: '10m',
        jobs: { warm: { enabled: false } }, // nothing is to be left in a Redis that is not its own
        memory: options.memory && { maxEntries, eviction, maxBytes: Number.POSITIVE_INFINITY },
        ...(redis && { redis }),
      }),
    ],
  })(LoadModule);
  const app = await NestFactory.createApplicationContext(LoadModule, {
    logger: ['fatal', 'error', 'warn'],
    abortOnError: false,
  });
  return { app, cache: app.get(CacheService) };
}

function progress({ at, rate, hitRatio, p99 }) {
  const line = `${at.toFixed(0).padStart(4)} s  ${count(rate).padStart(10)} per second  hits ${percent(hitRatio)}  p99 ${time(p99)}`;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
}

/** Everything this test put into a Redis that is not its own. */
async function leaveClean(cache, redis) {
  await cache.idle();
  if (!redis) return;
  for (let from = 0; from < redis.keys; from += 1_000) {
    await cache.evict(Array.from({ length: Math.min(1_000, redis.keys - from) }, (_, i) => `load:${from + i}`));
  }
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return;
  }
  await ensureBuild();
  const redis = options.redis === undefined ? undefined : await openRedis(options.redis);
  try {
    const { app, cache } = await openCache(options, redis?.url);
    const measured = await drive(cache, options, progress);
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
    await leaveClean(cache, redis && options);
    await app.close();
    const { version } = JSON.parse(await readFile(new URL('package.json', ROOT), 'utf8'));
    const environment = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`;
    const result = {
      ...measured,
      options,
      environment,
      version,
      date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    };
    await writeFile(options.out, page(result));
    console.log(`\n${screen(result)}\n\n${resolve(options.out)}`);
    if (measured.errors > 0) process.exitCode = 1;
  } finally {
    await redis?.stop();
  }
}

await main().catch((error) => {
  console.error(`load: ${error.message}`);
  if (/^--|^Unknown option|ERR_PARSE/.test(`${error.message}${error.code}`)) console.error(`\n${USAGE}`);
  process.exitCode = 1;
});

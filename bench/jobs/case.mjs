/**
 * One process with a cache of each variant, measured by turns in slices of some milliseconds: what disturbs one disturbs all. Started
 * by run.mjs with its instructions as JSON; the last line of its output is the result, nanoseconds per hit: in memory, or with
 * `redisUrl` in Redis.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from '../../dist/index.js';
import { redisTier } from '../../dist/redis.js';
import { seeded, zipf } from '../eviction/workloads.mjs';
import { median } from '../lib/stats.mjs';

const { variants, turns, redisUrl } = JSON.parse(process.argv[2]);

/** More than popular ones are kept by name, and fewer than memory has room for. */
const KEYS = 5_000;
const WARM_UP = 50;
/** So many of a slice are asked for at the same time. */
const TOGETHER = 50;
/** Some milliseconds of hits. */
const SLICE = redisUrl ? 10 * TOGETHER : 20_000;

// As real requests are: few keys often, many seldom.
const rank = zipf(KEYS, 0.9, seeded(1));
const asked = Array.from({ length: SLICE }, () => `product:${rank()}`);
const load = () => {
  throw new Error('a hit was none');
};

class BenchModule {}
const close = [];
const caches = [];
for (const [name, jobs] of Object.entries(variants)) {
  const tiers = redisUrl
    ? { memory: false, redis: redisTier({ url: redisUrl }), namespace: name.replaceAll(/\W+/g, '-') }
    : {};
  const cached = CacheModule.forRoot({ ttl: '1h', values: 'shared', jobs, ...tiers });
  const app = await NestFactory.createApplicationContext(
    { module: BenchModule, imports: [cached] },
    { logger: ['fatal', 'error', 'warn'] },
  );
  const cache = app.get(CacheService);
  for (let id = 0; id < KEYS; id++) await cache.getOrLoad(`product:${id}`, () => ({ id }));
  close.push(() => app.close());
  caches.push({ name, cache, nanos: [] });
}

// Not awaited: a hit is answered by a promise that is settled already, and what awaiting costs would hide the rest. Not `peek`, which
// is not counted.
function inMemory(cache) {
  const started = performance.now();
  for (let i = 0; i < SLICE; i++) cache.getOrLoad(asked[i], load);
  return ((performance.now() - started) * 1e6) / SLICE;
}

async function inRedis(cache) {
  const started = performance.now();
  for (let i = 0; i < SLICE; i += TOGETHER) {
    await Promise.all(asked.slice(i, i + TOGETHER).map((key) => cache.getOrLoad(key, load)));
  }
  return ((performance.now() - started) * 1e6) / SLICE;
}

for (let turn = -WARM_UP; turn < turns; turn++) {
  // Whoever comes first in a turn is another one each time.
  for (let i = 0; i < caches.length; i++) {
    const { cache, nanos } = caches[(i + turn + WARM_UP) % caches.length];
    const took = await (redisUrl ? inRedis(cache) : inMemory(cache));
    if (turn >= 0) nanos.push(took);
  }
  await new Promise(setImmediate); // the jobs take what was seen
}
for (const end of close) await end();
process.stdout.write(
  `\n${JSON.stringify(Object.fromEntries(caches.map(({ name, nanos }) => [name, median(nanos)])))}\n`,
);

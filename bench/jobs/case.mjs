/**
 * One variant, one process: nanoseconds per hit in memory while the jobs watch, or do not. Started by run.mjs with its instructions as
 * JSON; the last line of its output is the result.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from '../../dist/index.js';
import { seeded, zipf } from '../eviction/workloads.mjs';
import { awaitedRate, syncRate } from '../lib/loops.mjs';

const { jobs, ms } = JSON.parse(process.argv[2]);

const KEYS = 5_000;

class BenchModule {}
Module({ imports: [CacheModule.forRoot({ ttl: '1h', values: 'shared', jobs })] })(BenchModule);
const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['fatal', 'error', 'warn'] });
const cache = app.get(CacheService);
for (let id = 0; id < KEYS; id++) await cache.getOrLoad(`product:${id}`, () => ({ id }));

// As real requests are: few keys often, many seldom.
const rank = zipf(KEYS, 0.9, seeded(1));
const asked = Array.from({ length: 20_000 }, () => `product:${rank()}`);
const load = () => {
  throw new Error('a hit was none');
};
const nanos = (rate) => 1e9 / rate;
const read = (i) => cache.getOrLoad(asked[i], load);
const peek = (i) => cache.peek(asked[i]);
await awaitedRate(read, { ms, keys: asked.length });
syncRate(peek, { ms, keys: asked.length });
const result = {
  read: nanos(await awaitedRate(read, { ms, keys: asked.length })),
  peek: nanos(syncRate(peek, { ms, keys: asked.length })),
};
await app.close();
process.stdout.write(`\n${JSON.stringify(result)}\n`);

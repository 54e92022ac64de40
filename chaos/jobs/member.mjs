// One of the processes: an app whose jobs keep some keys warm. It tells when a load of theirs begins and ends. Nobody asks for anything.
import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomOf } from '../../scripts/demo/random.mjs';
import { config, serve, tell } from '../lib/link.mjs';
import { micros, sleep } from '../lib/time.mjs';
import { applyBreak } from './breaks.mjs';
import { AT_ONCE, COMMAND_TIMEOUT, EVERY, KEYS, LEASE, LOAD, TTL } from './plan.mjs';

const built = (path) => import(pathToFileURL(join(config.dist, path)).href);
const [{ CacheModule, CacheService }, { redisTier }] = await Promise.all([built('index.js'), built('redis.js')]);
await applyBreak(config.break, config.dist);

const random = randomOf(`${config.seed}:${config.name}`);

class App {}
const redis = redisTier({ url: config.redisUrl, bound: 1_000, commandTimeout: COMMAND_TIMEOUT });
const jobs = { lease: LEASE, warm: { every: EVERY, always: KEYS, concurrency: AT_ONCE } };
Module({ imports: [CacheModule.forRoot({ namespace: 'jobs', jitter: 0, redis, jobs })] })(App);
const app = await NestFactory.createApplicationContext(App, { abortOnError: false, logger: ['error', 'warn', 'log'] });

async function load(key) {
  const id = `${process.pid}:${key}:${micros()}`;
  void tell({ load: id, begin: micros() });
  await sleep(LOAD.least + LOAD.spread * random());
  void tell({ load: id, end: micros() });
  return { key };
}
app.get(CacheService).loader('film:', load, { ttl: TTL });

serve({ close: () => app.close() });
tell('ready');

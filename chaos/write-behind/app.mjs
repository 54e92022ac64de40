// The Nest app that writers and workers are.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PrismaPg } from '@prisma/adapter-pg';
import 'reflect-metadata';
import { applyBreak } from './breaks.mjs';
import { FaultyClient } from './faulty-client.mjs';

/** @param {string} dist @param {string} path */
export const built = (dist, path) => import(pathToFileURL(join(dist, path)).href);

/**
 * @param {any} config
 * @param {(event: object) => Promise<void>} tell
 */
export async function openApp(config, tell) {
  const { dist, databaseUrl, redisUrl, namespace, name, pool } = config;
  const [{ CacheModule }, { redisTier }, { writeBehind, getWriteBehindToken }, { PrismaClient }] = await Promise.all([
    built(dist, 'index.js'),
    built(dist, 'redis.js'),
    built(dist, 'write-behind.js'),
    import(pathToFileURL(config.client).href),
  ]);
  const broken = await applyBreak(config.break, dist);
  // The name tells in the database's log who wrote under which epoch.
  const connectionString = `${databaseUrl}?application_name=${name}`;
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: pool }) });
  const client = new FaultyClient(prisma, tell, broken);

  class App {}
  const feature = writeBehind({ client, ...config.writeBehind });
  const imports = [CacheModule.forRoot({ namespace, redis: redisTier({ url: redisUrl }), writeBehind: feature })];
  Module({ imports })(App);
  const app = await NestFactory.createApplicationContext(App, { abortOnError: false });
  const entity = (entityName) => app.get(getWriteBehindToken(entityName));
  const close = async () => {
    await app.close();
    await prisma.$disconnect();
  };
  return { entities: { Item: entity('Item'), Child: entity('Child') }, client, close };
}

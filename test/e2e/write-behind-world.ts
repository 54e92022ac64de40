import { randomBytes } from 'node:crypto';
import { afterEach } from '@jest/globals';
import type { Abstract, DynamicModule, LoggerService, Provider, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../examples/storefront/src/generated/prisma/client.js';
import { CacheModule, type CacheModuleOptions } from '../../src/index.js';
import { type RedisTierOptions, redisTier } from '../../src/redis.js';
import { getWriteBehindToken, type WriteBehind, type WriteBehindOptions, writeBehind } from '../../src/write-behind.js';
import { databaseUrl, redisUrl, uniqueNamespace } from '../support/services.js';

export interface Item {
  id: string;
  n: number;
  note: string | null;
}

/** A started Nest app whose `Item` rows are written behind. */
export interface WriteBehindApp {
  readonly items: WriteBehind<Item, string>;
  readonly log: string[];
  get<T>(token: Type<T> | Abstract<T> | string): T;
  close(): Promise<void>;
}

export interface WriteBehindAppOptions extends Omit<CacheModuleOptions, 'redis' | 'writeBehind'> {
  /** `false`: without Redis. */
  redis?: string | RedisTierOptions | false;
  writeBehind?: Partial<WriteBehindOptions> | false;
  providers?: Provider[];
  imports?: DynamicModule[];
}

/** What one test works with: a namespace and a schema of its own, ended when the test ends. */
export interface WriteBehindWorld {
  readonly namespace: string;
  readonly schema: string;
  readonly prisma: PrismaClient;
  app(options?: WriteBehindAppOptions): Promise<WriteBehindApp>;
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The rows of the table by id. */
  rows(): Promise<Item[]>;
}

/** Makes worlds; call it once in a `describe`. */
export function useWriteBehind(): () => Promise<WriteBehindWorld> {
  const later: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of later.splice(0).reverse()) await end();
  });
  return async () => {
    const pool = new pg.Pool({ connectionString: databaseUrl(), max: 2 });
    const schema = `wb_${randomBytes(6).toString('hex')}`;
    const sql: WriteBehindWorld['sql'] = async (text, values) => (await pool.query(text, values)).rows;
    await sql(`CREATE SCHEMA ${schema}`);
    await sql(`CREATE TABLE ${schema}.item (id text PRIMARY KEY, n int NOT NULL CHECK (n >= 0), note varchar(20))`);
    await sql(
      `CREATE TABLE ${schema}.strata_fence (entity text, shard int, epoch bigint NOT NULL, PRIMARY KEY (entity, shard))`,
    );
    // The fence table is looked for where the connection looks: here in the schema of the test.
    const connection = { connectionString: databaseUrl(), options: `-c search_path=${schema}`, max: 6 };
    const prisma = new PrismaClient({ adapter: new PrismaPg(connection) });
    later.push(async () => {
      await prisma.$disconnect();
      await sql(`DROP SCHEMA ${schema} CASCADE`);
      await pool.end();
    });
    const namespace = uniqueNamespace();
    const app = async (options: WriteBehindAppOptions = {}): Promise<WriteBehindApp> => {
      const opened = await open(namespace, { client: prisma, entities: { Item: { table: 'item', schema } } }, options);
      later.push(() => opened.close());
      return opened;
    };
    const rows = (): Promise<Item[]> => sql<Item>(`SELECT id, n, note FROM ${schema}.item ORDER BY id`);
    return { namespace, schema, prisma, app, sql, rows };
  };
}

async function open(
  namespace: string,
  base: WriteBehindOptions,
  { redis = redisUrl(), writeBehind: own, providers = [], imports = [], ...options }: WriteBehindAppOptions,
): Promise<WriteBehindApp> {
  const log: string[] = [];
  const write = (message: unknown): unknown => log.push(String(message));
  const logger: LoggerService = { log: write, warn: write, error: write };
  // A provider of the entity is declared for every name that was asked for before the module is made.
  const token = getWriteBehindToken('Item');
  const quick = { flushDelay: 5, sweep: 100, lease: 2_000 };
  const root: DynamicModule = {
    module: class TestModule {},
    imports: [
      CacheModule.forRootAsync({
        useFactory: () => ({
          namespace,
          ...options,
          ...(redis !== false && { redis: redisTier(typeof redis === 'string' ? at(redis) : redis) }),
          ...(own !== false && { writeBehind: writeBehind({ ...quick, ...base, ...own }) }),
        }),
      }),
      ...imports,
    ],
    providers,
  };
  const app = await NestFactory.createApplicationContext(root, { logger, abortOnError: false });
  return {
    items: app.get(token, { strict: false }),
    log,
    get: (token) => app.get(token, { strict: false }),
    close: () => app.close(),
  };
}

function at(url: string): RedisTierOptions {
  return { url, clientOptions: { retryStrategy: () => 25 } };
}

/** Waits until something holds; the test's own time limit is the deadline. */
export async function eventually(check: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 5));
}

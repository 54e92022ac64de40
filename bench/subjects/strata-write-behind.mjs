/**
 * nestjs-strata's write-behind as an app has it: BullMQ, Redis and PostgreSQL, defaults unless said. The client is one that
 * counts the rows of its upserts and can be told to hold batches back; it stands between the flusher and Prisma and
 * costs one function call per statement.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule } from '../../dist/index.js';
import { redisTier } from '../../dist/redis.js';
import { getWriteBehindToken, writeBehind } from '../../dist/write-behind.js';
import { openDatabase } from '../lib/database.mjs';
import { sleep } from '../lib/loops.mjs';

/** @param {import('../lib/subject.mjs').OpenOptions & { flushDelay?: number }} options */
export async function openWriteBehind({ redisUrl, namespace, flushDelay, ...options }) {
  const database = await openDatabase({ namespace, ...options });
  const client = createClient(database.prisma);
  class BenchModule {}
  const feature = writeBehind({
    client,
    entities: { Profile: { schema: database.schema } },
    ...(flushDelay !== undefined && { flushDelay }),
  });
  Module({
    imports: [CacheModule.forRoot({ namespace, redis: redisTier({ url: redisUrl }), writeBehind: feature })],
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, {
    logger: ['fatal', 'error'],
    abortOnError: false,
  });
  const entity = app.get(getWriteBehindToken('Profile'));
  return {
    database,
    put: (row) => entity.put(row),
    stats: () => entity.stats(),
    hold: client.hold,
    /** Until so many rows are in PostgreSQL since the last `hold`, and Redis knows it. @param {number} rows */
    persisted: async (rows) => {
      await client.reached(rows);
      while ((await entity.stats()).dirty > 0) await sleep(1);
    },
    /** Until nothing is pending. */
    settle: async () => {
      while ((await entity.stats()).dirty > 0) await sleep(10);
    },
    close: async () => {
      await app.close();
      await database.close();
    },
  };
}

export const open = openWriteBehind;

function createClient(prisma) {
  let gate = Promise.resolve();
  let rows = 0;
  let waiting = () => {};
  const count = (affected) => {
    rows += affected;
    waiting();
  };
  const counted = (tx) => ({
    $queryRawUnsafe: (sql, ...values) => tx.$queryRawUnsafe(sql, ...values),
    $executeRawUnsafe: async (sql, ...values) => {
      const affected = await tx.$executeRawUnsafe(sql, ...values);
      // The fence has four parameters, an upsert has one. Counted before the COMMIT, which the last look waits for.
      if (values.length === 1) count(affected);
      return affected;
    },
  });
  return {
    // The names of columns are in the client's model.
    _runtimeDataModel: prisma._runtimeDataModel,
    $queryRawUnsafe: (sql, ...values) => prisma.$queryRawUnsafe(sql, ...values),
    // A batch in one statement.
    $executeRawUnsafe: async (sql, ...values) => {
      await gate;
      const affected = await prisma.$executeRawUnsafe(sql, ...values);
      count(affected);
      return affected;
    },
    $transaction: async (work, options) => {
      await gate;
      return prisma.$transaction((tx) => work(counted(tx)), options);
    },
    /** No batch begins before the function that this answers is called. */
    hold: () => {
      rows = 0;
      let open;
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
    reached: (count) =>
      new Promise((resolve) => {
        waiting = () => rows >= count && resolve();
        waiting();
      }),
  };
}

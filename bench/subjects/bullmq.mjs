/**
 * Write-behind without a library: one BullMQ job per write, by its documentation, with a worker that upserts through Prisma.
 * Jobs are removed when done, as in any queue that is to last. Jobs of one row may overtake each other; who must not have that
 * has to take one at a time.
 */
import { Queue, Worker } from 'bullmq';
import { openDatabase } from '../lib/database.mjs';

const NAME = 'writes';
const CONCURRENCY = 64;

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open({ redisUrl, namespace, ...options }) {
  const database = await openDatabase({ namespace, ...options });
  const prefix = `{${namespace}}`;
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue(NAME, { connection, prefix, defaultJobOptions: { removeOnComplete: true } });
  const upsert = async ({ data }) => {
    const row = { ...data, updatedAt: new Date(data.updatedAt) };
    await database.prisma.profile.upsert({ where: { customerId: row.customerId }, create: row, update: row });
  };
  let done = 0;
  let failure;
  let waiting = () => {};
  const worker = new Worker(NAME, upsert, { connection, prefix, concurrency: CONCURRENCY });
  worker.on('completed', () => {
    done++;
    waiting();
  });
  worker.on('failed', (_job, error) => {
    failure = error;
    waiting();
  });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  let added = 0;
  return {
    database,
    unordered: true,
    put: (row) => {
      added++;
      return queue.add('write', row);
    },
    settle: () =>
      new Promise((resolve, reject) => {
        waiting = () => {
          if (failure) reject(failure);
          else if (done >= added) resolve();
        };
        waiting();
      }),
    close: async () => {
      await worker.close();
      await queue.close();
      await database.close();
    },
  };
}

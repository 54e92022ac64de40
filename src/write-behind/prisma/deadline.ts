import type { Milliseconds } from '../../engine/duration.js';

/**
 * Rejects when the database has not answered in time. Its own limits do not help when the connection is gone without a
 * word: a client waits for many minutes then. What was asked for may still happen; `write` has its fence against that.
 */
export async function withDeadline<T>(work: PromiseLike<T>, limit: Milliseconds): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`The database did not answer within ${limit} ms.`);
      reject(Object.assign(error, { code: 'ETIMEDOUT' }));
    }, limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

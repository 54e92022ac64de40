/** nestjs-strata's write-behind, a pile of pending rows at a time. */
import { sleep } from '../lib/loops.mjs';
import { openWriteBehind } from './strata-write-behind.mjs';

/** Longer than it takes to make a pile: no row of it is due before all are pending. */
const FLUSH_DELAY = 1_500;
/** Callers of `put`; of one tick they share their way to Redis. */
const CALLERS = 256;

/** @param {import('../lib/subject.mjs').OpenOptions} options */
export async function open(options) {
  const app = await openWriteBehind({ ...options, flushDelay: FLUSH_DELAY });
  return {
    ...app,
    /**
     * First all rows are pending and due; workers wait with the first batch they claimed, one each of five. The clock runs
     * from then on until Redis knows that PostgreSQL has every row. CPU time is that of the whole process since the last
     * row was pending, the first claims and their wake-ups included.
     * @param {import('../lib/profile.mjs').Profile[]} rows
     */
    drain: async (rows) => {
      const release = app.hold();
      const queue = rows[Symbol.iterator]();
      const caller = async () => {
        for (const row of queue) await app.put(row);
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
      const used = process.cpuUsage();
      await sleep(FLUSH_DELAY);
      const from = performance.now();
      release();
      await app.persisted(rows.length);
      const { user, system } = process.cpuUsage(used);
      return { ms: performance.now() - from, cpu: user + system };
    },
  };
}

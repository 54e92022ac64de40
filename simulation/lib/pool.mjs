import { Worker } from 'node:worker_threads';

/** A seed takes a fraction of a second: one that takes so long does not end. */
const HUNG = 60_000;

const script = new URL('../worker.mjs', import.meta.url);

/**
 * Runs seeds in a thread. One that hangs is a violation, and the rest goes on in another thread.
 * @param {{ from: number, to: number, broken?: string, show?: boolean, enough?: number, patience?: number }} work
 * @param {(message: any) => void} heard
 * @returns {Promise<void>}
 */
export async function runSeeds({ patience = HUNG, enough = Number.POSITIVE_INFINITY, ...work }, heard) {
  let { from } = work;
  let failures = 0;
  while (from < work.to && failures < enough) {
    const hung = await runThread({ show: false, ...work, from, enough: enough - failures }, patience, (message) => {
      if (message.violations?.length > 0) failures++;
      heard(message);
    });
    if (hung === undefined) return;
    failures++;
    heard({
      seed: hung,
      violations: [
        {
          why: 'hangs',
          text: `promises that never end: nothing else runs any more, after ${patience / 1_000} s`,
          at: 0,
        },
      ],
      figures: {},
    });
    from = hung + 1;
    if (work.show) return;
  }
}

/** @returns {Promise<number | undefined>} the seed that hung */
function runThread(workerData, patience, heard) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData });
    let current = workerData.from;
    let timer;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        resolve(current);
        void worker.terminate();
      }, patience);
    };
    wait();
    worker.on('message', (message) => {
      wait();
      if (message.begins !== undefined) current = message.begins;
      if (message.text !== undefined || message.begins === undefined) heard(message);
    });
    worker.on('error', (error) => {
      clearTimeout(timer);
      reject(Object.assign(error, { message: `seed ${current}: ${error.message}` }));
    });
    worker.on('exit', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

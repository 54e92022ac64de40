import type { Milliseconds } from '../engine/duration.js';

/** Waits for work, but not longer than that, and whatever comes of it. Does not keep the process alive. */
export async function atMost(limit: Milliseconds, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limit).unref();
  });
  await Promise.race([work.then(ignore, ignore), late]);
  clearTimeout(timer);
}

function ignore(): void {}

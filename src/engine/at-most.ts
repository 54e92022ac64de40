import { type Clock, SystemClock } from './clock.js';
import type { Milliseconds } from './duration.js';

/**
 * Waits for work, but not longer than that, and whatever comes of it. Does not keep the process alive.
 * @param clocks whichever says first that the time is over; by default the machine's
 * @returns whether the work has ended, well or badly
 */
export async function atMost(limit: Milliseconds, work: Promise<unknown>, ...clocks: Clock[]): Promise<boolean> {
  const timing = clocks.length > 0 ? clocks : [new SystemClock()];
  const stops: (() => void)[] = [];
  const late = new Promise<boolean>((resolve) => {
    for (const clock of timing) stops.push(clock.after(limit, () => resolve(false)));
  });
  const inTime = await Promise.race([work.then(yes, yes), late]);
  for (const stop of stops) stop();
  return inTime;
}

function yes(): boolean {
  return true;
}

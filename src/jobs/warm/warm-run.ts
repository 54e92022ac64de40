import type { Milliseconds } from '../../engine/duration.js';
import { isItem, type Unwarmable, type WarmItem } from './plan.js';

/** What a warm-up has done. */
export interface WarmTally {
  loaded: number;
  /** Were there already. */
  fresh: number;
  failed: number;
  /** Were not stored: the method says so, or something newer came between. */
  unstored: number;
  skipped: number;
  /** Why something could not be loaded, with how many keys. */
  why: Map<string, number>;
  /** Why it ended before its end. */
  ended: 'time' | 'stopped' | 'failures' | undefined;
}

export interface WarmRunOptions {
  concurrency: number;
  horizon: Milliseconds;
  /** Awaited before every load. */
  giveWay(): Promise<void> | void;
  /** Whether to go on: asked before every load. */
  goOn(): 'time' | 'stopped' | undefined;
  /** Called after each item. */
  progress(tally: WarmTally): void;
}

/** After so many failures in a row the source is left alone. */
const MAX_FAILURES = 10;

/** Loads what is planned, a few at a time, the first ones first. */
export async function warmRun(
  planned: readonly (WarmItem | Unwarmable)[],
  { concurrency, horizon, giveWay, goOn, progress }: WarmRunOptions,
): Promise<WarmTally> {
  const tally: WarmTally = {
    loaded: 0,
    fresh: 0,
    failed: 0,
    unstored: 0,
    skipped: 0,
    why: new Map(),
    ended: undefined,
  };
  let inRow = 0;
  const skip = (reason: string): void => {
    tally.skipped++;
    tally.why.set(reason, (tally.why.get(reason) ?? 0) + 1);
  };
  const warm = async (item: WarmItem): Promise<void> => {
    try {
      const done = await item.refresh(horizon);
      if (done === 'loaded' || done === 'fresh' || done === 'unstored') tally[done]++;
      else skip(done);
      inRow = 0;
    } catch {
      tally.failed++; // the engine has told: the event "loaded" has the error
      inRow++;
    }
  };
  const queue = planned[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const one of queue) {
      if (isItem(one)) await giveWay();
      tally.ended ??= inRow >= MAX_FAILURES ? 'failures' : goOn();
      if (tally.ended) return;
      if (isItem(one)) await warm(one);
      else skip(one.call === undefined ? one.why : `${one.why}: ${one.call}`);
      progress(tally);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return tally;
}

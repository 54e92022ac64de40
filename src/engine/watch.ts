import type { Milliseconds } from './duration.js';
import type { Dated } from './epochs.js';
import type { EncodedKey } from './key.js';

/** One of the keys whose every use is noted. What it holds is the watch's business. */
export interface Observed {
  readonly key: EncodedKey;
}

/**
 * Somebody who looks at what is asked for: the jobs. The engine calls, and knows nothing of what is made of it. What is called
 * for hits in memory must cost next to nothing.
 */
export interface Watch {
  /** A hit in memory that stands for `weight` hits: a sample, so that the others cost nothing. */
  sampled(key: EncodedKey, weight: number): void;
  /** A request that memory did not answer. `kept`: it might have. */
  beyond(key: EncodedKey, kept: boolean): void;
  /** How the key that was wanted can be loaded again; `undefined` if it cannot. */
  told(key: EncodedKey, recipe: { readonly call: string; readonly args: string } | undefined): void;
  /** An entry comes into memory; what is answered is told of each of its hits. */
  observe(
    key: EncodedKey,
    entry: Dated & { readonly createdAt: Milliseconds; readonly expiresAt: Milliseconds },
  ): Observed | undefined;
  /** A hit in memory of an observed entry. */
  used(observed: Observed): void;
  /** A key was evicted or expired by a call, here or in another process. */
  evicted(key: EncodedKey): void;
  /** A marker (a tag, a prefix, `*` for everything) was changed, here or in another process. */
  changed(marker: string): void;
}

/**
 * What is to be told how it can be loaded again: set by the watch when a key was asked for, read by whoever made the call. A
 * field of an object that is always there: callers look at it after every hit.
 */
export interface Wanted {
  key: EncodedKey | undefined;
}

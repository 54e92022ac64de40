import type { Milliseconds } from './duration.js';

export type AdviceCode =
  /** Fewer requests are answered by the tiers than wanted. */
  | 'hit-ratio-low'
  /** Memory's bytes are nearly used up. */
  | 'memory-high'
  /** Entries leave memory for want of room, and are asked for again. */
  | 'eviction-churn'
  /** Entries expire shortly before they are asked for again. */
  | 'ttl-short'
  /** Entries are stored, and hardly ever asked for. */
  | 'never-hit'
  /** A tag, prefix or `clear` invalidates much that is asked for again. */
  | 'invalidated-widely';

/** What was measured in a cache, and what to change. */
export interface Advice {
  readonly code: AdviceCode;
  /** Name of the cache. */
  readonly cache: string;
  /** What it is about: a prefix of keys, a kind of tag; '' for the whole cache. */
  readonly subject: string;
  /** In a sentence or two, with the figures. Contains no keys and no values. */
  readonly message: string;
  /** The same for programs; shares are from 0 to 1, times in milliseconds. */
  readonly figures: Readonly<Record<string, number>>;
  /** When it was found, and over how long it was measured. */
  readonly at: Milliseconds;
  readonly window: Milliseconds;
}

import type { Milliseconds } from './duration.js';
import type { Dated } from './epochs.js';
import type { Version } from './version.js';
import type { Observed } from './watch.js';

/** What is known of a value besides itself. */
export interface EntryFacts {
  /** Estimated bytes. */
  bytes: number;
  /** Readers get copies of their own; otherwise all of them share the (read-only) value. */
  copied: boolean;
  createdAt: Milliseconds;
  /** Length of its life from `createdAt`; after that it serves only as stale. */
  freshFor: Milliseconds;
  staleFor: Milliseconds;
  /** The epoch in which its load or read began. */
  epoch: number;
  markers: readonly string[];
  /** Its version in Redis; `undefined` if it is not there. */
  version: Version | undefined;
  /** Where the value came from: `load`, `set`, `write`. */
  source: string;
  /** See the field of {@link MemoryEntry}. */
  believedUntil: Milliseconds;
}

/** An entry of the memory tier. A class, so that all of them have one shape and the hot path stays monomorphic. */
export class MemoryEntry implements Dated {
  /** The settled promise of all hits: made once, it makes a hit cheaper than an async function would. */
  promise: Promise<unknown> | undefined;
  value: unknown;
  readonly copied: boolean;
  readonly bytes: number;
  readonly createdAt: Milliseconds;
  // Lengths, not points in time: small integers need no heap number of their own.
  private readonly freshFor: Milliseconds;
  private readonly staleFor: Milliseconds;
  epoch: number;
  readonly markers: readonly string[];
  readonly version: Version | undefined;
  readonly source: string;
  /**
   * Until when memory answers and nothing else is to be done: {@link servedUntil}, or before it the moment of the next early
   * refresh.
   */
  freshUntil: Milliseconds;
  /** {@link servedUntil}, from `createdAt` on. */
  private servedFor: Milliseconds;
  /**
   * Until then it may be served although what others changed is not heard: what came from its source here is not older than
   * its load. 0 for copies of what Redis had.
   */
  believedUntil: Milliseconds;
  /** Its value was made read-only. */
  ready = false;
  /** It has one reader: what it hands out needs no protection. */
  alone = false;
  /** Set if each of its uses is to be told to the watch. */
  observed: Observed | undefined;
  /** Why it serves although it is stale: the error of the load that should have replaced it. */
  trouble: unknown;

  constructor(value: unknown, facts: EntryFacts) {
    this.promise = undefined;
    this.value = value;
    this.copied = facts.copied;
    this.bytes = facts.bytes;
    this.createdAt = facts.createdAt;
    this.freshFor = facts.freshFor;
    this.staleFor = facts.staleFor;
    this.epoch = facts.epoch;
    this.markers = facts.markers;
    this.version = facts.version;
    this.source = facts.source;
    this.freshUntil = facts.createdAt + facts.freshFor;
    this.servedFor = facts.freshFor;
    this.believedUntil = facts.believedUntil;
    this.trouble = undefined;
    this.observed = undefined;
  }

  get expiresAt(): Milliseconds {
    return this.createdAt + this.freshFor;
  }

  get staleUntil(): Milliseconds {
    return this.createdAt + this.freshFor + this.staleFor;
  }

  /**
   * Until when memory answers: at most `expiresAt`, earlier by `memory.ttl`, later only while a stale value stands in until
   * the next try.
   */
  get servedUntil(): Milliseconds {
    return this.createdAt + this.servedFor;
  }

  /** Memory answers until then, or no more. */
  serveUntil(moment: Milliseconds): void {
    this.freshUntil = moment;
    this.servedFor = moment - this.createdAt;
  }

  /** Memory answers no more: it is good only as stale. */
  expire(): void {
    this.serveUntil(0);
  }

  /** From this share of its life on it is to be refreshed; 1: not before its end. */
  refreshFrom(share: number): void {
    if (share < 1) this.freshUntil = Math.min(this.freshUntil, this.createdAt + this.freshFor * share);
  }

  /** There is nothing to be done for its refresh before then. */
  refreshAt(moment: Milliseconds): void {
    this.freshUntil = Math.min(moment, this.servedUntil);
  }

  /** Whether the time for its early refresh has come. */
  isDue(share: number, now: Milliseconds): boolean {
    return share < 1 && now >= this.createdAt + this.freshFor * share;
  }

  /** Whether it may be served when it is not fresh: its policy gave it a grace, which is not over. */
  mayStandIn(now: Milliseconds): boolean {
    return this.staleFor > 0 && now < this.staleUntil;
  }
}

import type { Milliseconds } from './duration.js';
import type { Dated } from './epochs.js';
import type { Version } from './version.js';

/** What is known of a value besides itself. */
export interface EntryFacts {
  /** Estimated bytes. */
  bytes: number;
  /** Readers get copies of their own; otherwise all of them share the (read-only) value. */
  copied: boolean;
  createdAt: Milliseconds;
  /** End of its life; from then on it serves only as stale. */
  expiresAt: Milliseconds;
  staleUntil: Milliseconds;
  /** The epoch in which its load or read began. */
  epoch: number;
  markers: readonly string[];
  /** Its version in Redis; `undefined` if it is not there. */
  version: Version | undefined;
  /** Where the value came from: `load`, `set`, `write`. */
  source: string;
}

/** An entry of the memory tier. A class, so that all of them have one shape and the hot path stays monomorphic. */
export class MemoryEntry implements Dated {
  /** The settled promise of all hits: made once, it makes a hit cheaper than an async function would. */
  promise: Promise<unknown> | undefined;
  readonly value: unknown;
  readonly copied: boolean;
  readonly bytes: number;
  readonly createdAt: Milliseconds;
  readonly expiresAt: Milliseconds;
  readonly staleUntil: Milliseconds;
  epoch: number;
  readonly markers: readonly string[];
  readonly version: Version | undefined;
  readonly source: string;
  /**
   * Until when memory answers without asking further: at most `expiresAt`, earlier by `memory.ttl`, later only while a
   * stale value stands in until the next try.
   */
  freshUntil: Milliseconds;
  /** Its value was made read-only. */
  ready = false;
  /** Why it serves although it is stale: the error of the load that should have replaced it. */
  trouble: unknown;

  constructor(value: unknown, facts: EntryFacts) {
    this.promise = undefined;
    this.value = value;
    this.copied = facts.copied;
    this.bytes = facts.bytes;
    this.createdAt = facts.createdAt;
    this.expiresAt = facts.expiresAt;
    this.staleUntil = facts.staleUntil;
    this.epoch = facts.epoch;
    this.markers = facts.markers;
    this.version = facts.version;
    this.source = facts.source;
    this.freshUntil = facts.expiresAt;
    this.trouble = undefined;
  }
}

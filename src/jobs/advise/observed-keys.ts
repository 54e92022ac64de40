import type { Core } from '../../engine/core.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { Dated } from '../../engine/epochs.js';
import { type EncodedKey, firstSegment } from '../../engine/key.js';
import type { Observed } from '../../engine/watch.js';
import { hashKey } from '../../tiers/memory/key-hash.js';
import { type Ending, KeyFigures } from './key-figures.js';

/** What the engine tells of an entry. */
export interface Stored extends Dated {
  readonly createdAt: Milliseconds;
  readonly expiresAt: Milliseconds;
  /** 0 for what came from Redis. */
  readonly believedUntil: Milliseconds;
}

/** What the hit ratio would be with more or less room, learned from the requests for the observed keys. */
export interface RequestCurve {
  record(key: EncodedKey): void;
  /** So many requests came for all keys, while it was told of the observed ones. */
  requested(count: number): void;
  /** Of a memory for so many entries: 0 to 1; `undefined` while too little was seen. */
  hitRatioAt(entries: number): number | undefined;
  /** Makes what was recorded weigh less. */
  age(): void;
}

/** So many hits of one key in a row are told to the curve; more would change nothing there. */
const IN_A_ROW = 4;

/** Most keys of which more is known than that they are asked for. */
const MAX_KEYS = 16_384;

/** So many of the oldest are looked at for each new one; meanwhile there may be so many too many. */
const MOST_LOOKS = 64;
const MOST_OVER = 1_024;

/** Of a memory for so many entries one key out of how many is observed: where there are few keys, few would say nothing. */
export function oneOf(maxEntries: number): number {
  if (maxEntries > 100_000) return 64;
  return maxEntries < 600 ? 4 : 16;
}

/** Keys without a prefix: each of them would be a group of its own. */
const NO_PREFIX = 'keys without a prefix';

/** One observed key, and the entry that it has or had last. */
class ObservedKey implements Observed {
  /** It has or had an entry, which nobody missed yet. */
  known = false;
  /** The end of that entry was counted. */
  ended = true;
  /** Hits since the entry was stored, and those of them that were counted already. */
  hits = 0;
  counted = 0;
  evicted = false;
  epoch = 0;
  markers: readonly string[] = [];
  createdAt: Milliseconds = 0;
  expiresAt: Milliseconds = 0;

  constructor(
    readonly key: EncodedKey,
    readonly group: string,
  ) {}
}

/**
 * Notes every use of a part of the keys, chosen by their hash: all requests for these keys, so that it can be seen why one was
 * missed and how long the last entry had been gone. What holds for them holds for all (Waldspurger et al.: "Efficient MRC
 * construction with SHARDS", 2015). A hit of such a key costs a few nanoseconds, one of any other key nothing.
 */
export class ObservedKeys {
  /** One key out of so many. */
  readonly one: number;
  private readonly limit: number;
  private readonly keys = new Map<EncodedKey, ObservedKey>();
  private oldest = this.keys.values();
  private figures = new KeyFigures();
  /** Whether the curve is told: only while entries have to leave, for nobody would ask it otherwise. */
  curveIsWanted = false;
  private last: ObservedKey | undefined;
  private inARow = 0;

  constructor(
    private readonly core: Core,
    maxEntries: number,
    private readonly curve: RequestCurve | undefined,
  ) {
    this.one = oneOf(maxEntries);
    this.limit = Math.floor(2 ** 32 / this.one);
  }

  /** A request that memory did not answer. */
  missed(key: EncodedKey): void {
    if (hashKey(key) >>> 0 >= this.limit) return;
    const observed = this.keys.get(key) ?? this.add(key);
    if (this.curveIsWanted) this.record(observed);
    const figures = this.figures.of(observed.group);
    figures.requests++;
    const ending = this.endingOf(observed);
    if (ending === undefined) return;
    figures.missed(ending);
    this.end(observed);
    observed.known = false;
  }

  stored(key: EncodedKey, entry: Stored): Observed | undefined {
    if (hashKey(key) >>> 0 >= this.limit) return undefined;
    const observed = this.keys.get(key) ?? this.add(key);
    // Refreshed before its end: its life goes on.
    if (observed.ended) {
      this.countHits(observed);
      // What Redis had was of use before.
      observed.hits = observed.counted = entry.believedUntil === 0 ? 1 : 0;
    }
    observed.known = true;
    observed.ended = false;
    observed.evicted = false;
    observed.epoch = entry.epoch;
    observed.markers = entry.markers;
    observed.createdAt = entry.createdAt;
    observed.expiresAt = entry.expiresAt;
    return observed;
  }

  used(one: Observed): void {
    const observed = one as ObservedKey;
    observed.hits++;
    if (this.curveIsWanted) this.record(observed);
  }

  private record(observed: ObservedKey): void {
    this.inARow = observed === this.last ? this.inARow + 1 : 0;
    this.last = observed;
    if (this.inARow < IN_A_ROW) this.curve?.record(observed.key);
  }

  evicted(key: EncodedKey): void {
    const observed = this.keys.get(key);
    if (observed?.known) observed.evicted = true;
  }

  changed(marker: string): void {
    this.figures.changed(kindOf(marker));
  }

  /** What was seen since the last call. Looks at which entries have come to their end meanwhile. */
  take(): KeyFigures {
    for (const observed of this.keys.values()) {
      this.countHits(observed);
      if (this.isOver(observed)) this.end(observed);
    }
    const { figures } = this;
    this.figures = new KeyFigures();
    return figures;
  }

  private add(key: EncodedKey): ObservedKey {
    if (this.keys.size >= MAX_KEYS) this.makeRoom();
    const observed = new ObservedKey(key, firstSegment(key) ?? NO_PREFIX);
    this.keys.set(key, observed);
    return observed;
  }

  /** The oldest go; but what has an entry is still asked for, and what is asked for most is often the oldest. */
  private makeRoom(): void {
    for (let looks = 0; looks < MOST_LOOKS && this.keys.size >= MAX_KEYS; looks++) {
      const oldest = this.nextOldest();
      if (!oldest) return;
      this.countHits(oldest);
      this.keys.delete(oldest.key);
      const stays = !oldest.ended && !this.isOver(oldest) && this.keys.size < MAX_KEYS + MOST_OVER;
      if (stays) this.keys.set(oldest.key, oldest);
    }
  }

  /** One iterator for all looks: a new one would walk over the holes of all that left before. */
  private nextOldest(): ObservedKey | undefined {
    let next = this.oldest.next();
    if (next.done) {
      this.oldest = this.keys.values();
      next = this.oldest.next();
    }
    return next.value;
  }

  /** Why there was nothing to answer with; `undefined` if memory has the value and did not trust it. */
  private endingOf(observed: ObservedKey): Ending | undefined {
    const { clock, epochs, memory } = this.core;
    if (!observed.known) return { kind: 'cold' };
    if (observed.evicted) return { kind: 'evicted' };
    if (epochs.since(observed.epoch, observed.markers) !== 'valid') {
      return { kind: 'invalidated', by: kindOf(epochs.culprit(observed) ?? '*') };
    }
    const now = clock.now();
    if (now >= observed.expiresAt) {
      return { kind: 'expired', after: now - observed.createdAt, life: observed.expiresAt - observed.createdAt };
    }
    return memory?.peek(observed.key) ? undefined : { kind: 'displaced' };
  }

  private isOver(observed: ObservedKey): boolean {
    return observed.evicted || this.core.clock.now() >= observed.expiresAt || !this.core.memory?.peek(observed.key);
  }

  private end(observed: ObservedKey): void {
    if (observed.ended) return;
    observed.ended = true;
    this.countHits(observed);
    const figures = this.figures.of(observed.group);
    figures.ended++;
    if (observed.hits === 0) figures.unused++;
  }

  private countHits(observed: ObservedKey): void {
    const more = observed.hits - observed.counted;
    if (more <= 0) return;
    observed.counted = observed.hits;
    const figures = this.figures.of(observed.group);
    figures.requests += more;
    figures.hits += more;
  }
}

/** Tags and prefixes are counted by what stands before their first colon: `user:7` and `user:8` are of one kind. */
export function kindOf(marker: string): string {
  if (marker === '*') return 'clear()';
  const name = marker.slice(2);
  const colon = name.indexOf(':');
  const kind = colon < 0 ? name : `${name.slice(0, colon)}:${colon === name.length - 1 ? '' : '*'}`;
  return `${marker.startsWith('p:') ? 'prefix' : 'tag'} ${kind}`;
}

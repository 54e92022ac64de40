/** What the markers of an entry say about it: usable, only good as stale, or not at all. */
export type Verdict = 'valid' | 'expired' | 'dead';

/** Something that belongs to a state of the markers: an entry in memory, a load under way. */
export interface Dated {
  /** The epoch in which its read or load began. */
  epoch: number;
  /** Names of its markers: `*`, the prefixes of its key, its tags. */
  markers: readonly string[];
}

/** Marker of everything; `clear()` changes it. */
export const ALL = '*';

const TAG = 't:';
export const tagMarker = (tag: string): string => TAG + tag;
export const prefixMarker = (prefix: string): string => `p:${prefix}`;

/** How many changed markers are remembered one by one. */
const MAX_REMEMBERED = 10_000;

/**
 * What this process knows of changed markers. Every change begins a new epoch; an entry of the current epoch is valid
 * without any look-up, an older one if none of its markers changed since. O(1) to invalidate, nothing to walk.
 */
export class Epochs {
  current = 0;
  /** The epoch that the last change of any tag began. */
  lastTagChange = 0;
  private readonly dead = new Map<string, number>();
  private readonly expired = new Map<string, number>();
  /** Older things are dead: what `clear()` and a full memory of changes set. */
  private floor = 0;

  change(name: string, kind: 'dead' | 'expired'): void {
    this.current++;
    if (name.startsWith(TAG)) this.lastTagChange = this.current;
    this[kind].set(name, this.current);
    const tooMany = this.dead.size + this.expired.size > MAX_REMEMBERED;
    if (tooMany || (name === ALL && kind === 'dead')) this.startOver();
  }

  /** What became of markers since an epoch. */
  since(epoch: number, markers: readonly string[]): Verdict {
    if (epoch === this.current) return 'valid';
    if (epoch < this.floor) return 'dead';
    let verdict: Verdict = 'valid';
    for (const name of markers) {
      if ((this.dead.get(name) ?? -1) > epoch) return 'dead';
      if ((this.expired.get(name) ?? -1) > epoch) verdict = 'expired';
    }
    return verdict;
  }

  /** Judges an entry, and brings it up to date when it is valid, so that the next look is free. */
  judge(entry: Dated): Verdict {
    const verdict = this.since(entry.epoch, entry.markers);
    if (verdict === 'valid') entry.epoch = this.current;
    return verdict;
  }

  /** The marker that killed or expired it, for `explain`. */
  culprit(thing: Dated): string | undefined {
    if (thing.epoch < this.floor) return ALL;
    const changed = (by: ReadonlyMap<string, number>) => (name: string) => (by.get(name) ?? -1) > thing.epoch;
    return thing.markers.find(changed(this.dead)) ?? thing.markers.find(changed(this.expired));
  }

  private startOver(): void {
    this.floor = this.current;
    this.dead.clear();
    this.expired.clear();
  }
}

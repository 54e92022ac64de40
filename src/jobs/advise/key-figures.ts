import type { Milliseconds } from '../../engine/duration.js';

/** Why a request was not answered by memory. */
export type Ending =
  | { kind: 'cold' }
  | { kind: 'evicted' }
  /** `by`: the kind of tag or prefix, or `clear()`. */
  | { kind: 'invalidated'; by: string }
  /** `after`: how long before it had been stored. `life`: how long it was fresh. */
  | { kind: 'expired'; after: Milliseconds; life: Milliseconds }
  | { kind: 'displaced' };

/** How many times are kept of a kind: enough for a median. */
const MAX_TIMES = 256;

/** What was seen of the observed keys of one prefix. */
export class GroupFigures {
  requests = 0;
  hits = 0;
  cold = 0;
  evicted = 0;
  invalidated = 0;
  expired = 0;
  displaced = 0;
  /** Entries that came to their end, and those of them that were never asked for. */
  ended = 0;
  unused = 0;
  readonly invalidatedBy = new Map<string, number>();
  /** Of requests for what had expired: how long before it had been stored, and how long that was fresh. */
  readonly reuse: { after: Milliseconds; life: Milliseconds }[] = [];

  missed(ending: Ending): void {
    this[ending.kind]++;
    if (ending.kind === 'invalidated') {
      this.invalidatedBy.set(ending.by, (this.invalidatedBy.get(ending.by) ?? 0) + 1);
    }
    if (ending.kind === 'expired' && this.reuse.length < MAX_TIMES) {
      this.reuse.push({ after: ending.after, life: ending.life });
    }
  }
}

/** What was seen in one window. */
export class KeyFigures {
  readonly groups = new Map<string, GroupFigures>();
  /** How often tags and prefixes were invalidated, by their kind. */
  readonly changes = new Map<string, number>();

  of(group: string): GroupFigures {
    let figures = this.groups.get(group);
    if (!figures) {
      figures = new GroupFigures();
      this.groups.set(group, figures);
    }
    return figures;
  }

  changed(kind: string): void {
    this.changes.set(kind, (this.changes.get(kind) ?? 0) + 1);
  }

  /** All groups together. */
  sum(name: 'requests' | 'hits' | 'cold' | 'evicted' | 'invalidated' | 'expired' | 'displaced'): number {
    let sum = 0;
    for (const figures of this.groups.values()) sum += figures[name];
    return sum;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The value that so large a share of all is not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

import type { MarkerChange } from '../tiers/tier.js';
import { openTransaction, type Transaction, transactions } from '../transactions/transaction-context.js';
import { tagMarker } from './epochs.js';
import type { EncodedKey } from './key.js';
import { compilePattern, prefixPattern } from './pattern.js';
import type { ParsedTarget } from './target.js';

/** What an invalidation acts on, `clear()` included. */
export type PendingTarget = ParsedTarget | { kind: 'all' };

/** What one transaction changed in one cache: carried out when it has committed, and until then not read from a tier. */
export class PendingChanges {
  private readonly targets: Record<MarkerChange, Targets> = { dead: new Targets(), expired: new Targets() };
  /** Keys whose counters and rate limits are reset at the commit, and were not before. */
  readonly counters = new Set<EncodedKey>();

  /** `first`: nothing of it was carried out before the commit. */
  add(target: PendingTarget, change: MarkerChange, first: boolean): void {
    this.targets[change].add(target);
    if (first && change === 'dead' && target.kind === 'keys') for (const key of target.keys) this.counters.add(key);
  }

  /** A later call stored a value under the key. */
  forget(key: EncodedKey): void {
    this.targets.dead.keys.delete(key);
    this.targets.expired.keys.delete(key);
    this.counters.delete(key);
  }

  /** Whether a value is one of those that the transaction changed. */
  covers(key: EncodedKey, markers: readonly string[]): boolean {
    return this.targets.dead.cover(key, markers) || this.targets.expired.cover(key, markers);
  }

  /** What has to be carried out: each thing once, however often it was asked for. */
  all(): [PendingTarget, MarkerChange][] {
    const { dead, expired } = this.targets;
    return [...expired.all().map(as('expired')), ...dead.all().map(as('dead'))];
  }
}

class Targets {
  readonly keys = new Set<EncodedKey>();
  private readonly tags = new Set<string>();
  private readonly patterns = new Map<string, { target: ParsedTarget; matches: (key: string) => boolean }>();
  private everything = false;

  add(target: PendingTarget): void {
    switch (target.kind) {
      case 'keys':
        for (const key of target.keys) this.keys.add(key);
        break;
      case 'tags':
        for (const tag of target.tags) this.tags.add(tag);
        break;
      case 'prefix':
        this.patterns.set(`p${target.prefix}`, { target, matches: compilePattern(prefixPattern(target.prefix)) });
        break;
      case 'pattern':
        this.patterns.set(`s${target.pattern}`, { target, matches: compilePattern(target.pattern) });
        break;
      case 'all':
        this.everything = true;
    }
  }

  cover(key: EncodedKey, markers: readonly string[]): boolean {
    if (this.everything || this.keys.has(key)) return true;
    for (const tag of this.tags) if (markers.includes(tagMarker(tag))) return true;
    for (const { matches } of this.patterns.values()) if (matches(key)) return true;
    return false;
  }

  all(): PendingTarget[] {
    const found: PendingTarget[] = [...this.patterns.values()].map(({ target }) => target);
    if (this.keys.size > 0) found.push({ kind: 'keys', keys: [...this.keys] });
    if (this.tags.size > 0) found.push({ kind: 'tags', tags: [...this.tags] });
    if (this.everything) found.push({ kind: 'all' });
    return found;
  }
}

function as(change: MarkerChange): (target: PendingTarget) => [PendingTarget, MarkerChange] {
  return (target) => [target, change];
}

/**
 * Whether the transaction that the calling code runs in has changed this value of a cache: what a tier has of it is what
 * others see, and not what the transaction itself would read.
 */
export function changedHere(cache: object, key: EncodedKey, markers: readonly string[]): boolean {
  // A hit in memory comes by here: while no transaction has changes that wait, this comparison is all.
  return transactions.changing !== 0 && anyCovers(openTransaction(), cache, key, markers);
}

function anyCovers(
  transaction: Transaction | undefined,
  cache: object,
  key: EncodedKey,
  markers: readonly string[],
): boolean {
  return transaction?.notesOf<PendingChanges>(cache).some((changes) => changes.covers(key, markers)) ?? false;
}

/** A value was stored under the key by the transaction itself: an eviction it asked for before is out of date. */
export function storedHere(cache: object, key: EncodedKey): void {
  if (transactions.changing === 0) return;
  for (const changes of openTransaction()?.notesOf<PendingChanges>(cache) ?? []) changes.forget(key);
}

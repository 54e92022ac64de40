import { ALL } from '../../engine/epochs.js';
import type { MarkerChange } from '../tier.js';

/**
 * Changes that Redis did not confirm. Until they are delivered, what Redis says about their keys and markers is not
 * believed: otherwise an evicted value would come back after an outage. Bounded: when there are too many, one change of
 * the marker of everything stands for all of them.
 */
export class Undelivered {
  private keys = new Map<string, MarkerChange>();
  private markers = new Map<string, MarkerChange>();

  constructor(private readonly limit: number) {}

  get size(): number {
    return this.keys.size + this.markers.size;
  }

  addKeys(keys: readonly string[], change: MarkerChange): void {
    for (const key of keys) stronger(this.keys, key, change);
    this.bound();
  }

  addMarkers(names: readonly string[], change: MarkerChange): void {
    for (const name of names) stronger(this.markers, name, change);
    this.bound();
  }

  refuses(key: string, markers: readonly string[]): boolean {
    if (this.size === 0) return false;
    return this.keys.has(key) || this.markers.has(ALL) || markers.some((name) => this.markers.has(name));
  }

  /** What is to be sent, grouped by kind. */
  groups(): { kind: 'keys' | 'markers'; change: MarkerChange; names: string[] }[] {
    return (['keys', 'markers'] as const).flatMap((kind) =>
      (['dead', 'expired'] as const)
        .map((change) => ({
          kind,
          change,
          names: [...this[kind]].filter(([, c]) => c === change).map(([name]) => name),
        }))
        .filter((group) => group.names.length > 0),
    );
  }

  /** These were confirmed; what became stronger meanwhile stays. */
  delivered(kind: 'keys' | 'markers', change: MarkerChange, names: readonly string[]): void {
    for (const name of names) if (this[kind].get(name) === change) this[kind].delete(name);
  }

  private bound(): void {
    if (this.size <= this.limit) return;
    this.keys = new Map();
    this.markers = new Map([[ALL, 'dead']]);
  }
}

function stronger(changes: Map<string, MarkerChange>, name: string, change: MarkerChange): void {
  if (changes.get(name) !== 'dead') changes.set(name, change);
}

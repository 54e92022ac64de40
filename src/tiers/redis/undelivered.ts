import { ALL } from '../../engine/epochs.js';
import type { Version } from '../../engine/version.js';
import type { MarkerChange } from '../tier.js';

interface Pending {
  change: MarkerChange;
  /** A put: nothing is to be done if this is what the key has. */
  unless?: Version | undefined;
  /** The how-manieth addition it is. */
  added: number;
}

/** Changes of one kind that travel together. */
export interface Group {
  kind: 'keys' | 'markers';
  change: MarkerChange;
  names: string[];
  /** For puts: what is to stay. */
  versions?: Version[];
  /** Additions until then are covered. */
  upTo: number;
}

/** Most names in one command. */
const MAX_NAMES = 500;

/**
 * Changes that Redis did not confirm. Until they are delivered, what Redis says about their keys and markers is not
 * believed: otherwise an evicted value would come back after an outage. Bounded: when there are too many, one change of
 * the marker of everything stands for all of them.
 */
export class Undelivered {
  private keys = new Map<string, Pending>();
  private markers = new Map<string, Pending>();
  private added = 0;

  constructor(private readonly limit: number) {}

  get size(): number {
    return this.keys.size + this.markers.size;
  }

  /** `versions`: puts that may have been lost. */
  addKeys(keys: readonly string[], change: MarkerChange, versions?: readonly Version[]): void {
    for (const [i, key] of keys.entries()) this.add(this.keys, key, change, versions?.[i]);
    this.bound();
  }

  addMarkers(names: readonly string[], change: MarkerChange): void {
    for (const name of names) this.add(this.markers, name, change);
    this.bound();
  }

  refuses(key: string, markers: readonly string[]): boolean {
    if (this.size === 0) return false;
    return this.keys.has(key) || this.markers.has(ALL) || markers.some((name) => this.markers.has(name));
  }

  /** What is to be sent, grouped by kind, in parts that one command may carry. */
  groups(): Group[] {
    const groups: Group[] = [];
    for (const kind of ['keys', 'markers'] as const) {
      for (const change of ['dead', 'expired'] as const) {
        for (const put of [false, true]) {
          const some = [...this[kind]].filter(([, { change: own, unless }]) => own === change && !!unless === put);
          for (let i = 0; i < some.length; i += MAX_NAMES) {
            const part = some.slice(i, i + MAX_NAMES);
            const names = part.map(([name]) => name);
            const versions = put ? { versions: part.map(([, { unless }]) => unless as Version) } : {};
            groups.push({ kind, change, names, upTo: this.added, ...versions });
          }
        }
      }
    }
    return groups;
  }

  /** A group was confirmed. What was added again meanwhile stays: it may have come after what was confirmed. */
  delivered({ kind, names, upTo }: Group): void {
    for (const name of names) if ((this[kind].get(name)?.added ?? 0) <= upTo) this[kind].delete(name);
  }

  private add(to: Map<string, Pending>, name: string, change: MarkerChange, unless?: Version): void {
    const known = to.get(name);
    const stronger = known?.change === 'dead' ? 'dead' : change;
    // What is to go in any case does not stay because of a put that came before or after it.
    const kept = known && known.unless === undefined ? undefined : unless;
    to.set(name, { change: stronger, added: ++this.added, unless: kept });
  }

  private bound(): void {
    if (this.size <= this.limit) return;
    this.keys = new Map();
    this.markers = new Map([[ALL, { change: 'dead', added: ++this.added }]]);
  }
}

import type { MarkerValue } from '../../engine/entry-format.js';
import { ALL } from '../../engine/epochs.js';
import { VERSION_LENGTH } from '../../engine/version.js';
import type { MarkerChange } from '../tier.js';

/** Most markers that are remembered; with one more all is forgotten, and memory with it. */
const MAX_MARKERS = 50_000;

interface Seen {
  value: MarkerValue | null;
  /** A change was told since it was seen, so whatever relied on it is out of date already. */
  told: boolean;
}

/**
 * What the markers were when they were last read. The server tells that something was done to a marker, not what: it may only
 * live longer. And where a marker has another value than it had, somebody changed it who told nobody.
 *
 * What memory holds relies on markers as they are remembered here: each value that is read is shown to `observe` before it
 * is used, and one that differs makes memory forget what relied on the one before.
 */
export class MarkerWatch {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly changed: (name: string, change: MarkerChange) => void) {}

  /** Markers were read. */
  observe(names: readonly string[], values: readonly (MarkerValue | null)[]): void {
    for (let i = 0; i < names.length; i++) this.see(names[i] as string, values[i] ?? null);
  }

  /** A change of a marker was told or made by this process: memory is told of it by others. */
  told(name: string): void {
    const seen = this.seen.get(name);
    if (seen) seen.told = true;
  }

  clear(): void {
    this.seen.clear();
  }

  private see(name: string, value: MarkerValue | null): void {
    const before = this.seen.get(name);
    if (before) {
      // Nothing in memory relies on a marker that was missing.
      const other = before.value !== null && before.value !== value && !before.told;
      if (other) this.changed(name, howChanged(before.value as MarkerValue, value));
      before.value = value;
      before.told = false;
      return;
    }
    if (this.seen.size >= MAX_MARKERS) {
      this.seen.clear();
      this.changed(ALL, 'dead');
    }
    this.seen.set(name, { value, told: false });
  }
}

/** A marker has two halves, of which the first is for what is dead. */
function howChanged(before: MarkerValue, now: MarkerValue | null): MarkerChange {
  return now?.slice(0, VERSION_LENGTH) === before.slice(0, VERSION_LENGTH) ? 'expired' : 'dead';
}

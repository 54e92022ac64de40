import type { Core } from './core.js';
import type { Milliseconds } from './duration.js';
import type { MemoryEntry } from './memory-entry.js';

/** So many entries are looked at between two looks at the time. */
const AT_ONCE = 32;

/**
 * One walk through the memory tier that throws away what can never be served again. Reads do that too when they meet such an
 * entry, but nobody asks for most of them again: until somebody does, they take the room of others. In slices, because a walk
 * through a million entries would hold up the event loop.
 */
export class Sweep {
  /** How many entries were thrown away. */
  removed = 0;
  private readonly keys: Iterator<string>;

  constructor(private readonly core: Core) {
    this.keys = (core.memory?.keys() ?? [])[Symbol.iterator]();
  }

  /** Goes on for about so long; whether that was all. */
  slice(budget: Milliseconds): boolean {
    const end = performance.now() + budget;
    const now = this.core.clock.now();
    do {
      for (let i = 0; i < AT_ONCE; i++) {
        const next = this.keys.next();
        if (next.done) return true;
        this.look(next.value, now);
      }
    } while (performance.now() < end);
    return false;
  }

  private look(key: string, now: Milliseconds): void {
    const { counters, memory } = this.core;
    const entry = memory?.peek(key);
    if (entry === undefined || !this.isOver(entry, now)) return;
    memory?.delete(key);
    counters.swept++;
    this.removed++;
  }

  private isOver(entry: MemoryEntry, now: Milliseconds): boolean {
    if (entry.servedUntil <= now) return !entry.mayStandIn(now);
    return this.core.epochs.since(entry.epoch, entry.markers) === 'dead';
  }
}

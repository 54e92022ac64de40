import type { MarkerChange, RemoteChanges } from '../tiers/tier.js';
import type { Core } from './core.js';
import { ALL } from './epochs.js';
import { compilePattern } from './pattern.js';
import type { Version } from './version.js';

/** What other processes changed, applied to memory and to what is under way. */
export class Incoming implements RemoteChanges {
  constructor(private readonly core: Core) {}

  key(key: string, change: MarkerChange, version: Version | undefined): void {
    const { flights, memory, watch } = this.core;
    if (version === undefined) flights.flag(key, { dead: change === 'dead', called: false });
    else flights.overtake(key, version);
    const entry = memory?.peek(key);
    if (entry === undefined || (version !== undefined && entry.version === version)) return;
    watch?.evicted(key);
    if (change === 'dead') memory?.delete(key);
    else entry.expire();
  }

  touched(key: string): void {
    this.core.flights.touch(key);
    this.core.memory?.delete(key);
  }

  marker(name: string, change: MarkerChange): void {
    this.core.epochs.change(name, change);
    this.core.watch?.changed(name);
  }

  pattern(pattern: string, change: MarkerChange): void {
    const { flights, memory } = this.core;
    const matches = compilePattern(pattern);
    flights.flagWhere(matches, { dead: change === 'dead', called: false });
    for (const key of [...(memory?.keys() ?? [])]) if (matches(key)) this.key(key, change, undefined);
  }

  /**
   * Nothing in memory, and nothing that is under way, can be believed any more. What Redis has is looked at again by the next
   * reader.
   */
  gap(): void {
    this.core.memory?.clear();
    this.core.epochs.change(ALL, 'dead');
  }
}

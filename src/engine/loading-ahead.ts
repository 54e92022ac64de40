import { type Core, inMemory, isStrong, report } from './core.js';
import type { Milliseconds } from './duration.js';
import type { Loader, Loading } from './loading.js';
import { type Lookup, lookUp, promote } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';

/** `unstored`: the loader's result is not to be stored. `absent`: there is nothing, and nothing was to be loaded. */
export type Refreshed = 'loaded' | 'fresh' | 'unstored' | 'absent';

/**
 * Loads for nobody's sake: what jobs do. An ordinary load, so whatever changes the key or its markers meanwhile wins; it replaces
 * a value that is still served only if that has not changed since. It counts as no request.
 */
export class LoadingAhead {
  constructor(
    private readonly core: Core,
    private readonly loading: Loading,
  ) {}

  /**
   * Loads unless there is a value that lives on for longer than `horizon`, or somebody loads it already. Such a value is copied
   * into memory, if only Redis has it. Without `load` only that. Rejects with the loader's error; what is there stays.
   */
  async load(key: string, horizon: Milliseconds, load: Loader | undefined, policy: ResolvedPolicy): Promise<Refreshed> {
    const { core } = this;
    const limit = core.clock.now() + horizon;
    const own = inMemory(core, policy) ? this.ownOf(key) : undefined;
    if ((own && own.expiresAt > limit) || core.flights.joinable(key)) return 'fresh';
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    flight.shown = own;
    flight.background = true;
    const lookup = core.remote && policy.redis ? await this.look(flight) : undefined;
    if (lookup) flight.shown = lookup.fresh;
    const { shown } = flight;
    if (!load || (shown && (shown.expiresAt > limit || lookup?.claimed))) {
      if (lookup?.fresh) promote(core, flight, lookup, policy);
      core.flights.end(flight);
      return shown ? 'fresh' : 'absent';
    }
    if (shown) core.counters.refreshes++;
    const outcome = this.loading.load(flight, load, policy, lookup);
    if (!isStrong(core, policy)) flight.shared = outcome;
    const loaded = await outcome;
    if (!(loaded instanceof MemoryEntry)) return 'unstored';
    if (loaded.trouble !== undefined) throw loaded.trouble; // a stale value stands in for it
    return 'loaded';
  }

  /** What memory has and would answer. No use of the entry: nobody asked for it. */
  private ownOf(key: string): MemoryEntry | undefined {
    const { clock, epochs, memory, trust } = this.core;
    const entry = memory?.peek(key);
    const now = clock.now();
    if (!entry || entry.servedUntil <= now || entry.trouble !== undefined) return undefined;
    if (trust.until <= now && entry.believedUntil <= now) return undefined;
    return epochs.since(entry.epoch, entry.markers) === 'valid' ? entry : undefined;
  }

  private async look(flight: Parameters<typeof lookUp>[1]): Promise<Lookup | undefined> {
    const { core } = this;
    if (core.remote?.refuses(flight.key, flight.markers)) return undefined;
    try {
      return await lookUp(core, flight);
    } catch (error) {
      report(core, 'read', error, flight.key);
      return undefined;
    }
  }
}

import { LoadTimeoutError } from '../cache.errors.js';
import type { RemoteTier } from '../tiers/tier.js';
import { acquire } from './claiming.js';
import { type Core, inMemory, report, takeSnapshot, toMemory, valueFor } from './core.js';
import { Deadlines } from './deadlines.js';
import { FOREVER, type Milliseconds } from './duration.js';
import type { Flight } from './flights.js';
import { type LoadContext, LoadRecord } from './load-context.js';
import { type Lookup, lookUp } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { fill, type NewValue, newValue, type Permit, storeInMemory } from './storing.js';

export type Loader = (context: LoadContext<never>) => unknown;

/** How many different timeouts are remembered. */
const MAX_DEADLINE_LISTS = 100;

/** A result that no store keeps, as the loader gave it. */
export interface Unstored {
  raw: unknown;
  /** Tags that the load told. */
  tags: readonly string[];
}

/** What the callers of a load get: an entry, of which each takes its value, or a result that was not storable. */
export type Outcome = MemoryEntry | Unstored;

/** Runs loads: gets the right to store, calls the loader, bounds the wait, stores, falls back to a stale value. */
export class Loading {
  /** Ends with the cache: loaders see it as their `signal`. */
  private readonly closing = new AbortController();

  constructor(private readonly core: Core) {}

  close(): void {
    this.closing.abort();
  }

  /**
   * Loads for a flight and ends it, at the latest when its value is stored. `lookup`: what Redis said; `undefined` if it was
   * not asked. When the load fails or takes too long, a stale value stands in if there is one.
   */
  load(flight: Flight, load: Loader, policy: ResolvedPolicy, lookup: Lookup | undefined): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        const entry = this.staleFor(flight, policy, lookup);
        if (entry) resolve(this.serveStale(flight, entry, policy, error));
        else reject(error);
      };
      const deadlines = this.deadlinesOf(policy);
      const deadline = deadlines?.start(() => this.giveUp(flight, policy, fail));
      // False if the callers were answered before, because it took too long.
      const inTime = (): boolean => {
        if (!deadline || deadlines?.stop(deadline)) return true;
        this.core.background.end();
        return false;
      };
      this.land(flight, load, policy, lookup).then(
        (outcome) => {
          if (inTime()) resolve(outcome);
        },
        (error: unknown) => {
          if (inTime()) fail(error);
        },
      );
    });
  }

  private readonly deadlines = new Map<Milliseconds, Deadlines>();

  private deadlinesOf({ hardTimeout }: ResolvedPolicy): Deadlines | undefined {
    if (hardTimeout === FOREVER) return undefined;
    let deadlines = this.deadlines.get(hardTimeout);
    if (deadlines === undefined) {
      // Timeouts made for each call must not add up; lists that are dropped end their own deadlines all the same.
      if (this.deadlines.size >= MAX_DEADLINE_LISTS) this.deadlines.clear();
      deadlines = new Deadlines(this.core.clock, hardTimeout);
      this.deadlines.set(hardTimeout, deadlines);
    }
    return deadlines;
  }

  /** The load goes on in the background and is stored, but takes no further callers. */
  private giveUp(flight: Flight, policy: ResolvedPolicy, fail: (error: unknown) => void): void {
    flight.shared = undefined;
    this.abandon(flight);
    this.core.background.begin();
    fail(new LoadTimeoutError(flight.key, policy.hardTimeout));
  }

  /** Gets the right to store, calls the loader, and starts to store. Ends the flight. */
  private async land(
    flight: Flight,
    load: Loader,
    policy: ResolvedPolicy,
    lookup: Lookup | undefined,
  ): Promise<Outcome> {
    const { core } = this;
    let storing = false;
    try {
      const permit = lookup && (await this.acquire(flight, policy, lookup));
      if (permit instanceof MemoryEntry) return permit;
      if (permit?.claimed) flight.claim = permit.token;
      const context = new LoadRecord(this.closing.signal, core.versions, () => {
        const entry = this.staleFor(flight, policy, lookup);
        return entry && valueFor(core, entry);
      });
      this.loadBegins(flight);
      const start = performance.now();
      let raw: unknown;
      try {
        raw = await load(context as LoadContext<never>);
      } catch (error) {
        this.loadEnded(flight, start, { error });
        throw error;
      }
      this.loadEnded(flight, start);
      if (raw === undefined || (raw === null && !policy.cacheNull) || context.skipped || flight.single) {
        return { raw, tags: context.tags };
      }
      const snapshot = takeSnapshot(core, flight.key, raw);
      if (!snapshot) return { raw, tags: context.tags };
      const facts = { ttl: context.ttl ?? policy.ttl, lateTags: context.tags, source: 'load' };
      const value = newValue(core, flight, snapshot, policy, facts, permit !== undefined);
      if (permit === undefined) {
        storeInMemory(core, flight, value, policy);
      } else if (policy.strong) {
        return await this.fillOrAdopt(flight, value, policy, permit);
      } else {
        storing = true;
        void this.fillAndEnd(flight, value, policy, permit);
      }
      return value.entry;
    } finally {
      if (!storing) {
        this.abandon(flight);
        core.flights.end(flight);
      }
    }
  }

  /** The right to store what will be loaded; or a value that somebody stored meanwhile. `undefined`: Redis went away. */
  private async acquire(
    flight: Flight,
    policy: ResolvedPolicy,
    lookup: Lookup,
  ): Promise<Permit | MemoryEntry | undefined> {
    try {
      return await acquire(this.core, flight, policy, lookup);
    } catch (error) {
      report(this.core, 'hold', error, flight.key);
      return undefined;
    }
  }

  /** Others need not wait any longer for what this process has claimed. */
  private abandon(flight: Flight): void {
    const { claim, key } = flight;
    if (claim === undefined) return;
    flight.claim = undefined;
    this.core.background.begin();
    const failed = (error: unknown): void => report(this.core, 'abandon', error, key);
    (this.core.remote as RemoteTier)
      .abandon(key, claim)
      .catch(failed)
      .finally(() => this.core.background.end());
  }

  private loadBegins(flight: Flight): void {
    const { counters, events } = this.core;
    counters.loads++;
    if (events.heard('load')) events.emit('load', { key: flight.key });
  }

  private loadEnded(flight: Flight, start: number, failure?: { error: unknown }): void {
    const { counters, events } = this.core;
    counters.time('load', start);
    if (failure) counters.loadErrors++;
    if (events.heard('loaded')) events.emit('loaded', { key: flight.key, took: performance.now() - start, ...failure });
  }

  /** The callers have their value: storing it is a favour, and takes the time it takes. */
  private async fillAndEnd(flight: Flight, value: NewValue, policy: ResolvedPolicy, permit: Permit): Promise<void> {
    const { core } = this;
    core.background.begin();
    try {
      if ((await fill(core, flight, value, policy, permit)) === 'stored') flight.claim = undefined;
    } catch (error) {
      report(core, 'fill', error, flight.key);
    } finally {
      this.abandon(flight);
      core.flights.end(flight);
      core.background.end();
    }
  }

  /**
   * For strong reads: if something came between, the answer is what Redis has now. If that is nothing valid, whatever is
   * there goes, so that nobody can fill with a token older than this answer; else a later read could see an older row.
   */
  private async fillOrAdopt(
    flight: Flight,
    value: NewValue,
    policy: ResolvedPolicy,
    permit: Permit,
  ): Promise<MemoryEntry> {
    const { core } = this;
    try {
      if ((await fill(core, flight, value, policy, permit)) === 'stored') return value.entry;
      const now = await lookUp(core, flight);
      if (now.fresh) return now.fresh;
      if (now.token !== undefined) await core.remote?.evict([flight.key]);
    } catch (error) {
      report(core, 'adopt', error, flight.key);
    }
    return value.entry;
  }

  /**
   * The value that may stand in. When Redis answered, what it has counts: a copy in memory may have been evicted by
   * somebody else, unless it never was in Redis.
   */
  private staleFor(flight: Flight, policy: ResolvedPolicy, lookup: Lookup | undefined): MemoryEntry | undefined {
    const { core } = this;
    if (policy.grace === 0 || flight.dead) return undefined;
    const own = core.memory?.peek(flight.key);
    const usable = own && (lookup === undefined || own.version === undefined) ? own : lookup?.stale?.();
    if (!usable || core.epochs.since(usable.epoch, usable.markers) === 'dead') return undefined;
    return core.clock.now() < Math.min(usable.staleUntil, usable.expiresAt + policy.grace) ? usable : undefined;
  }

  /** Serves a stale value, and goes on doing so until the next try is due. */
  private serveStale(flight: Flight, entry: MemoryEntry, policy: ResolvedPolicy, error: unknown): MemoryEntry {
    const { core } = this;
    core.counters.stale++;
    core.events.emit('stale', { key: flight.key, error });
    if (inMemory(core, policy) && !flight.flagged) {
      entry.trouble = error;
      entry.epoch = flight.epoch;
      toMemory(core, flight.key, entry);
      const until = Math.min(entry.staleUntil, entry.expiresAt + policy.grace);
      entry.freshUntil = Math.min(core.clock.now() + policy.graceBackoff, until);
      entry.believedUntil = entry.freshUntil; // stale is what grace allows
    }
    return entry;
  }
}

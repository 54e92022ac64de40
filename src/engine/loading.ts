import { LoadTimeoutError } from '../cache.errors.js';
import { type Core, holdFor, inMemory, markerLife, report, takeSnapshot, toMemory, valueFor } from './core.js';
import { FOREVER } from './duration.js';
import type { Flight } from './flights.js';
import { type LoadContext, LoadRecord } from './load-context.js';
import { judge, type Lookup, lookUp } from './lookup.js';
import type { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { fill, type NewValue, newValue, type Permit, type Stored, storeInMemory } from './storing.js';

export type Loader = (context: LoadContext<never>) => unknown;

/** A result that no store keeps, as the loader gave it. */
export interface Unstored {
  raw: unknown;
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

  /** Ends the flight, at the latest when its value is stored. `lookup`: what Redis said; `undefined` if it was not asked. */
  async load(flight: Flight, load: Loader, policy: ResolvedPolicy, lookup: Lookup | undefined): Promise<Outcome> {
    const { core } = this;
    let permit: Permit | undefined;
    if (lookup) {
      const got = await this.acquire(flight, policy, lookup);
      if (got && 'entry' in got) {
        core.flights.end(flight);
        return got.entry;
      }
      permit = got;
    }
    const stale = this.staleOf(flight, policy, lookup);
    const context = new LoadRecord(this.closing.signal, core.versions.next(), () => {
      const entry = stale();
      return entry && valueFor(core, entry);
    });
    const landing = this.land(flight, load, context, policy, permit);
    try {
      return await (policy.hardTimeout === FOREVER ? landing : this.bounded(flight, landing, policy));
    } catch (error) {
      const entry = stale();
      if (!entry) throw error;
      return this.serveStale(flight, entry, policy, error);
    }
  }

  /** The right to store what will be loaded; or a value that somebody stored meanwhile. `undefined`: Redis went away. */
  private async acquire(
    flight: Flight,
    policy: ResolvedPolicy,
    lookup: Lookup,
  ): Promise<Permit | { entry: MemoryEntry } | undefined> {
    const { core } = this;
    if (!core.remote) return undefined;
    try {
      const version = core.versions.next();
      const placed = lookup.token === undefined ? core.remote.hold(flight.key, version, holdFor(policy)) : null;
      const [found, markers] = await Promise.all([placed, core.remote.mark(flight.markers, markerLife(policy))]);
      if (lookup.token !== undefined) return { token: lookup.token, markers };
      if (found === null) return { token: version, markers };
      const other = await judge(core, flight, { entry: found, markers });
      return other.fresh ? { entry: other.fresh } : { token: other.token ?? version, markers };
    } catch (error) {
      report(core, 'hold', error, flight.key);
      return undefined;
    }
  }

  /** Calls the loader and stores its result; storing goes on after the answer. Ends the flight. */
  private async land(
    flight: Flight,
    load: Loader,
    context: LoadRecord,
    policy: ResolvedPolicy,
    permit: Permit | undefined,
  ): Promise<Outcome> {
    const { core } = this;
    let storing: Promise<unknown> | undefined;
    try {
      const raw = await this.call(flight, load, context);
      if (raw === undefined || (raw === null && !policy.cacheNull) || context.skipped) return { raw };
      const snapshot = takeSnapshot(core, flight.key, raw);
      if (!snapshot) return { raw };
      const facts = { ttl: context.ttl ?? policy.ttl, lateTags: context.tags, source: 'load' };
      const value = newValue(core, flight, snapshot, policy, facts, permit !== undefined);
      if (permit === undefined) {
        storeInMemory(core, flight, value, policy);
      } else if (policy.strong) {
        return await this.fillOrAdopt(flight, value, policy, permit);
      } else {
        storing = this.fill(flight, value, policy, permit);
      }
      return value.entry;
    } finally {
      if (storing) core.background.add(storing.then(() => core.flights.end(flight)));
      else core.flights.end(flight);
    }
  }

  private async call(flight: Flight, load: Loader, context: LoadRecord): Promise<unknown> {
    const { counters, events } = this.core;
    const { key } = flight;
    counters.loads++;
    if (events.heard('load')) events.emit('load', { key });
    const start = performance.now();
    try {
      const raw = await load(context as LoadContext<never>);
      if (events.heard('loaded')) events.emit('loaded', { key, took: performance.now() - start });
      return raw;
    } catch (error) {
      counters.loadErrors++;
      if (events.heard('loaded')) events.emit('loaded', { key, took: performance.now() - start, error });
      throw error;
    } finally {
      counters.time('load', start);
    }
  }

  /** Never rejects: the callers have their value, and storing it is a favour. */
  private async fill(
    flight: Flight,
    value: NewValue,
    policy: ResolvedPolicy,
    permit: Permit,
  ): Promise<Stored | undefined> {
    try {
      return await fill(this.core, flight, value, policy, permit);
    } catch (error) {
      report(this.core, 'fill', error, flight.key);
      return undefined;
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
    if ((await this.fill(flight, value, policy, permit)) === 'stored') return value.entry;
    try {
      const now = await lookUp(core, flight);
      if (now.fresh) return now.fresh;
      if (now.token !== undefined) await core.remote?.evict([flight.key]);
    } catch (error) {
      report(core, 'adopt', error, flight.key);
    }
    return value.entry;
  }

  /** Rejects when the load takes too long. The load goes on and is stored, but takes no further callers. */
  private bounded(flight: Flight, landing: Promise<Outcome>, policy: ResolvedPolicy): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const cancel = this.core.clock.after(policy.hardTimeout, () => {
        flight.shared = undefined;
        this.core.background.add(landing);
        reject(new LoadTimeoutError(flight.key, policy.hardTimeout));
      });
      landing.then(
        (outcome) => {
          cancel();
          resolve(outcome);
        },
        (error: unknown) => {
          cancel();
          reject(error);
        },
      );
    });
  }

  /**
   * The value that may stand in. When Redis answered, what it has counts: a copy in memory may have been evicted by
   * somebody else, unless it never was in Redis.
   */
  private staleOf(flight: Flight, policy: ResolvedPolicy, lookup: Lookup | undefined): () => MemoryEntry | undefined {
    const { core } = this;
    return () => {
      if (policy.grace === 0 || flight.flagged) return undefined;
      const own = core.memory?.peek(flight.key);
      const usable = own && (lookup === undefined || own.version === undefined) ? own : lookup?.stale?.();
      if (!usable || core.epochs.since(usable.epoch, usable.markers) === 'dead') return undefined;
      return core.clock.now() < Math.min(usable.staleUntil, usable.expiresAt + policy.grace) ? usable : undefined;
    };
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
      entry.freshUntil = Math.min(core.clock.now() + policy.graceBackoff, entry.staleUntil);
    }
    return entry;
  }
}

import { LoadBackOffError, LoadTimeoutError } from '../cache.errors.js';
import type { RemoteTier } from '../tiers/tier.js';
import { type Acquired, acquire, BACK_OFF } from './claiming.js';
import { type Core, holdFor, report, takeSnapshot, tellOverload, valueFor } from './core.js';
import { AnyDeadlines, type StopDeadline } from './deadlines.js';
import type { Milliseconds } from './duration.js';
import type { CacheEvents } from './events.js';
import type { Flight } from './flights.js';
import { type LoadContext, type LoadHost, LoadRecord } from './load-context.js';
import { type Lookup, lookUp } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { standIn } from './stand-in.js';
import type { SourceReporter } from './stats.js';
import { fill, type NewValue, newValue, type Permit, storeInMemory } from './storing.js';
import type { Version } from './version.js';
import { type Outcome, Work } from './work.js';

export type Loader = (context: LoadContext<never>) => unknown;

type Reload = (key: string, load: Loader, policy: ResolvedPolicy, from: string) => Promise<string | undefined>;

/** Runs loads: gets the right to store, calls the loader, bounds the wait, stores, falls back to a stale value. */
export class Loading {
  /** Loads whose signal somebody has asked for. */
  private readonly signals = new Set<LoadRecord>();
  private readonly deadlines: AnyDeadlines;
  private closed = false;

  constructor(
    private readonly core: Core,
    /** Loads a key again if its value still came from the source `from`. */
    private readonly reload: Reload,
  ) {
    this.deadlines = new AnyDeadlines(core.clock);
  }

  /** Nobody waits for the loads under way: other processes must not either. */
  close(): void {
    this.closed = true;
    for (const record of this.signals) record.abort();
    for (const flight of this.core.flights.all()) this.abandon(flight);
  }

  /**
   * Loads for a flight and ends it, at the latest when its value is stored. `lookup`: what Redis said; `undefined` if it was
   * not asked. When the load fails or takes too long, a stale value stands in if there is one.
   */
  load(flight: Flight, load: Loader, policy: ResolvedPolicy, lookup: Lookup | undefined): Promise<Outcome> {
    const { core } = this;
    const work = new Work(core, flight, policy, lookup);
    const stopHard = this.deadlines.start(policy.hardTimeout, () => this.giveUp(work));
    const landing = this.land(work, load);
    const stopSoft = work.mayBeLate() ? this.startSoft(work) : undefined;
    // In time: its callers were not answered before, because it took too long.
    const inTime = (): boolean => {
      stopSoft?.();
      work.end();
      return stopHard();
    };
    landing.then(
      (outcome) => {
        if (inTime()) work.succeed(outcome);
      },
      (error: unknown) => {
        if (inTime()) work.fail(error);
      },
    );
    return work.outcome;
  }

  private startSoft(work: Work): StopDeadline | undefined {
    const { softTimeout } = work.policy;
    if (softTimeout > 0) return this.deadlines.start(softTimeout, () => work.serveMeanwhile());
    work.serveMeanwhile();
    return undefined;
  }

  /** The load takes no further callers. It goes on in the background and is stored, unless it is to be aborted. */
  private giveUp(work: Work): void {
    const { flight, policy } = work;
    const error = new LoadTimeoutError(flight.key, policy.hardTimeout, 'hardTimeout', policy.abortLate);
    flight.shared = undefined;
    flight.standIn = undefined;
    work.goOn();
    work.givenUp = error;
    flight.queued?.cancel(error); // nobody waits for what has not begun
    if (policy.abortLate) work.record?.abort();
    this.abandon(flight, work.isBackOff(error) ? policy.graceBackoff : 0);
    work.fail(error);
  }

  /** Gets the right to store, calls the loader, and starts to store. Ends the flight. */
  private async land(work: Work, load: Loader): Promise<Outcome> {
    const { core } = this;
    const { flight, policy, lookup } = work;
    let storing = false;
    let backOff = 0;
    try {
      const permit = lookup && (await this.acquire(work, lookup));
      if (permit instanceof MemoryEntry) return permit;
      if (permit?.claimed) flight.claim = permit.token;
      if (work.givenUp && policy.abortLate) throw work.givenUp; // nobody waits for what has not begun
      // What was done to the key before it got its token is older than the load that begins now.
      if (permit) flight.touched = false;
      if (permit?.kept) flight.kept = true;
      if (this.closed) this.abandon(flight);
      let raw: unknown;
      const record = this.record(work, load);
      try {
        raw = await this.runInTurn(flight, policy, () => this.run(flight, load, record));
      } catch (error) {
        if (work.isBackOff(error)) backOff = policy.graceBackoff;
        throw error;
      }
      if (raw === undefined || (raw === null && !policy.cacheNull) || record.skipped || flight.single) {
        return { raw, tags: record.tags };
      }
      if (record.aborted && policy.abortLate) return { raw, tags: record.tags };
      const snapshot = takeSnapshot(core, flight.key, raw);
      if (!snapshot) return { raw, tags: record.tags };
      const ttl = Math.min(record.ttl ?? policy.ttl, record.longest);
      const facts = { ttl, lateTags: record.tags, source: record.source };
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
        this.abandon(flight, backOff);
        core.flights.end(flight);
      }
    }
  }

  private record(work: Work, load: Loader): LoadRecord {
    const { core, signals } = this;
    const { flight } = work;
    const asked = {
      stale: () => {
        const entry = flight.shown ?? standIn(core, flight, work.policy, work.lookup);
        return entry && valueFor(core, entry);
      },
      signalAsked: () => {
        if (this.closed) record.abort();
        signals.add(record);
      },
      showsPrimary: () => flight.shown !== undefined && core.clock.now() < flight.shown.expiresAt,
    };
    const record = new LoadRecord(core.versions, asked, new Host(core, work, load, this.reload), flight.replaces);
    work.record = record;
    return record;
  }

  /** Runs a load when it is its turn, where a lane bounds how many run at once. */
  private async runInTurn(flight: Flight, policy: ResolvedPolicy, run: () => Promise<unknown>): Promise<unknown> {
    const { core } = this;
    const { inside } = core.lanes;
    if (policy.loads === undefined || flight.nested || (inside.getStore() && !flight.background)) return run();
    const priority = flight.background ? 'background' : 'interactive';
    // What comes later than its hold ends is not stored: then the load is taken for lost, and its place is free.
    flight.queued = core.lanes
      .of(policy.loads)
      .submit(() => inside.run(true, run), { priority, lostAfter: holdFor(policy) });
    try {
      return await flight.queued.result;
    } catch (error) {
      tellOverload(core, error, flight.key);
      throw error;
    } finally {
      flight.queued = undefined;
    }
  }

  private async run(flight: Flight, load: Loader, record: LoadRecord): Promise<unknown> {
    this.loadBegins(flight);
    const start = performance.now();
    try {
      const raw = await load(record as LoadContext<never>);
      this.loadEnded(flight, start, record);
      return raw;
    } catch (error) {
      this.loadEnded(flight, start, record, { error });
      throw error;
    } finally {
      this.signals.delete(record);
    }
  }

  /** The right to store what will be loaded; or a value that somebody stored meanwhile. `undefined`: Redis went away. */
  private async acquire(work: Work, lookup: Lookup): Promise<Permit | MemoryEntry | undefined> {
    const { core } = this;
    const { flight, policy } = work;
    let acquired: Acquired;
    try {
      acquired = await acquire(core, flight, policy, lookup, false);
      if (acquired === BACK_OFF && !standIn(core, flight, policy, lookup)) {
        acquired = await acquire(core, flight, policy, lookup, true);
      }
    } catch (error) {
      report(core, 'hold', error, flight.key);
      return undefined;
    }
    if (acquired === BACK_OFF) throw new LoadBackOffError(flight.key);
    return acquired;
  }

  /**
   * Others need not wait any longer for what this process has claimed. `backOff`: for how long they are not to load it either, if
   * they have a stale value.
   */
  private abandon(flight: Flight, backOff: Milliseconds = 0): void {
    const { claim, key, kept } = flight;
    if (claim === undefined) return;
    flight.claim = undefined;
    const failed = backOff > 0 && kept;
    this.tellAbandoned(key, claim, failed);
    if (failed) {
      this.deadlines.start(backOff, () => {
        if (!this.closed) this.tellAbandoned(key, claim, false);
      });
    }
  }

  private tellAbandoned(key: string, claim: Version, failed: boolean): void {
    this.core.background.begin();
    (this.core.remote as RemoteTier)
      .abandon(key, claim, failed)
      .catch((error: unknown) => report(this.core, 'abandon', error, key))
      .finally(() => this.core.background.end());
  }

  private loadBegins(flight: Flight): void {
    const { counters, events } = this.core;
    counters.loads++;
    if (events.heard('load')) events.emit('load', { key: flight.key });
  }

  private loadEnded(flight: Flight, start: number, record: LoadRecord, failure?: { error: unknown }): void {
    const { counters, events } = this.core;
    counters.time('load', start);
    if (failure) counters.loadErrors++;
    if (!events.heard('loaded')) return;
    const { source, attempts, requestId } = record;
    events.emit('loaded', {
      key: flight.key,
      took: performance.now() - start,
      source,
      attempts,
      requestId,
      ...failure,
    });
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
}

/** A load's way to its cache, for chains of sources. */
class Host implements LoadHost {
  constructor(
    private readonly core: Core,
    private readonly work: Work,
    private readonly load: Loader,
    private readonly again: Reload,
  ) {}

  get key(): string {
    return this.work.flight.key;
  }

  get lasting(): boolean {
    const { single, shown } = this.work.flight;
    return !single && shown === undefined;
  }

  reload(from: string): Promise<string | undefined> {
    return this.again(this.key, this.load, this.work.policy, from);
  }

  fellBack(event: Omit<CacheEvents['fallback'], 'key'>): void {
    this.core.events.emit('fallback', { ...event, key: this.key });
  }

  introduce(chain: SourceReporter): void {
    this.core.sources.set(chain.name, chain);
  }
}

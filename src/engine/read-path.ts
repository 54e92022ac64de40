import type { RemoteTier } from '../tiers/tier.js';
import { openTransaction } from '../transactions/transaction-context.js';
import { type Core, inMemory, isStrong, report, valueFor } from './core.js';
import { tagMarker } from './epochs.js';
import { Flight } from './flights.js';
import { type Loader, Loading } from './loading.js';
import { LoadingAhead } from './loading-ahead.js';
import { judge, type Lookup, promote } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import { changedHere } from './pending-changes.js';
import type { ResolvedPolicy } from './policy.js';
import { type Due, Refreshing } from './refreshing.js';
import { Sampler } from './sampler.js';
import type { Outcome, Unstored } from './work.js';

const MISS: Promise<undefined> = Promise.resolve(undefined);

/** One read that goes beyond memory out of this many is timed. */
const TIMED_REMOTE = 8;

/** Memory, then Redis, then the load. */
export class ReadPath {
  private readonly loading: Loading;
  private readonly refreshing: Refreshing;
  /** A look into memory that is timed and told to the watch costs several times as much as one that is not. */
  private readonly looks: Sampler;
  readonly ahead: LoadingAhead;
  private untilTimedRemote = 1;

  constructor(private readonly core: Core) {
    this.looks = new Sampler(core.random);
    this.loading = new Loading(core, (...what) => this.refreshing.replace(...what));
    this.refreshing = new Refreshing(core, this.loading);
    this.ahead = new LoadingAhead(core, this.loading);
  }

  /** What memory may answer now. Counts as a use of the entry. */
  fromMemory(key: string): MemoryEntry | undefined {
    return this.fresh(key) ?? this.nearEnd(key);
  }

  /** What memory may answer, and nothing else is to be done. */
  private fresh(key: string): MemoryEntry | undefined {
    const entry = this.core.memory?.get(key);
    if (entry === undefined) return undefined;
    const now = this.core.clock.now();
    // The lease: what others changed lately may not have been heard.
    if (entry.freshUntil <= now || (this.core.trust.until <= now && entry.believedUntil <= now)) return undefined;
    if (changedHere(this.core, key, entry.markers)) return undefined;
    return entry.epoch === this.core.epochs.current || this.stillValid(key, entry) ? entry : undefined;
  }

  /** What memory may answer although it is to be refreshed. */
  private nearEnd(key: string): MemoryEntry | undefined {
    const { clock, epochs, memory, trust } = this.core;
    const entry = memory?.peek(key);
    if (entry === undefined) return undefined;
    const now = clock.now();
    if (entry.freshUntil > now || entry.servedUntil <= now) return undefined;
    if ((trust.until <= now && entry.believedUntil <= now) || changedHere(this.core, key, entry.markers))
      return undefined;
    return entry.epoch === epochs.current || this.stillValid(key, entry) ? entry : undefined;
  }

  /**
   * The promise of a hit in memory, or nothing; for a value that is to be refreshed nothing either. The hot path: everything
   * else may cost more.
   */
  hit(key: string): Promise<unknown> | undefined {
    const { counters, events } = this.core;
    let timed = 0;
    let weight = 0;
    if (--this.looks.left === 0) {
      timed = performance.now();
      weight = this.looks.next(timed);
    }
    const entry = this.fresh(key);
    if (entry === undefined) return undefined;
    counters.memoryHits++;
    if (entry.observed !== undefined) this.core.watch?.used(entry.observed);
    if (events.heard('hit')) events.emit('hit', { key, tier: 'memory' });
    let { promise } = entry;
    if (promise === undefined) {
      promise = Promise.resolve(valueFor(this.core, entry));
      if (!entry.copied) entry.promise = promise;
    }
    if (timed !== 0) this.endSample(key, timed, weight);
    return promise;
  }

  private endSample(key: string, start: number, weight: number): void {
    this.core.counters.time('memoryHit', start);
    this.core.watch?.sampled(key, weight);
  }

  /** A hit in memory of a value that is to be refreshed. */
  private hitNearEnd(key: string, entry: MemoryEntry): Promise<unknown> {
    this.countHit(key, entry);
    return Promise.resolve(valueFor(this.core, entry));
  }

  /** One that need not be cheap. */
  private countHit(key: string, entry: MemoryEntry): void {
    const { counters, events, watch } = this.core;
    counters.memoryHits++;
    watch?.sampled(key, 1);
    if (entry.observed !== undefined) watch?.used(entry.observed);
    if (events.heard('hit')) events.emit('hit', { key, tier: 'memory' });
  }

  get(key: string): Promise<unknown> {
    const hit = this.hit(key);
    if (hit !== undefined) return hit;
    const entry = this.nearEnd(key);
    if (entry !== undefined) return this.hitNearEnd(key, entry);
    this.core.watch?.beyond(key, this.core.memory !== undefined);
    if (this.core.remote) return this.getRemote(key, this.valueOfFound);
    this.miss(key);
    return MISS;
  }

  /** `due`: what to do with a value whose early refresh is due, instead of beginning it. */
  getOrLoad(key: string, load: Loader, policy: ResolvedPolicy, due?: (due: Due) => void): Promise<unknown> {
    const { core } = this;
    const kept = inMemory(core, policy);
    if (kept) {
      const hit = this.hit(key);
      if (hit !== undefined) return hit;
      const entry = this.nearEnd(key);
      if (entry !== undefined) {
        this.refreshIfDue({ key, entry, policy }, load, due);
        return this.hitNearEnd(key, entry);
      }
    }
    core.watch?.beyond(key, kept);
    if (openTransaction() !== undefined) return this.getOrLoadAlone(key, load, policy);
    const leader = this.leader(key, policy);
    if (leader !== undefined) return this.join(leader, load, policy);
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    const outcome = this.fly(flight, load, policy, due);
    // With a softTimeout of 0 it has been answered already, and others are to share what the load brings.
    if (!isStrong(core, policy) && flight.standIn === undefined) flight.shared = outcome;
    return outcome.then(this.own);
  }

  private refreshIfDue(due: Due, load: Loader, instead: ((due: Due) => void) | undefined): void {
    if (!due.entry.isDue(due.policy.refreshAhead, this.core.clock.now())) return;
    if (instead) instead(due);
    else void this.refreshing.begin(due, load);
  }

  /** Refreshes a value, unless somebody does; resolves when that is over. */
  refresh(due: Due, load: Loader): Promise<void> | undefined {
    return this.refreshing.begin(due, load);
  }

  /**
   * Inside an open transaction: what a tier has, unless the transaction has changed it; else the load, which may see rows
   * that are not committed, or are out of date. So nobody shares it, no tier keeps it, and no stale value hides its error.
   */
  private getOrLoadAlone(key: string, load: Loader, policy: ResolvedPolicy): Promise<unknown> {
    const { core } = this;
    const flight = new Flight(key, core.epochs.current, core.prefixes.markersOf(key, policy.tags), core.clock.now());
    flight.single = flight.flagged = flight.dead = true;
    const start = this.startTiming();
    const loaded = (): Promise<Outcome> => this.loadMissing(flight, load, policy, undefined, start);
    if (!core.remote || !policy.redis || changedHere(core, key, flight.markers)) return loaded().then(this.own);
    return this.look<Outcome>(flight, (lookup) => {
      const fresh = lookup?.fresh;
      return fresh && !changedHere(core, key, fresh.markers) ? this.remoteHit(key, fresh, start) : loaded();
    }).then(this.own);
  }

  /**
   * The load that a call would share now. A strong read shares none: it might have begun before this call. A transaction
   * shares none either: it would wait, with its connection and its locks, for somebody who may need them.
   */
  leader(key: string, policy: ResolvedPolicy): Flight | undefined {
    if (openTransaction() !== undefined) return undefined;
    const { clock, flights, trust } = this.core;
    const flight = isStrong(this.core, policy) ? undefined : flights.joinable(key);
    if (flight === undefined) return undefined;
    const now = clock.now();
    // While the value shown is served, nobody waits for its refresh.
    if (flight.shown !== undefined && flight.shown.expiresAt > now) return undefined;
    return trust.until > now || flight.begun + trust.bound > now ? flight : undefined;
  }

  /** Ends the signals of loads. */
  close(): void {
    this.loading.close();
  }

  /** The entry with its facts, from memory or Redis; `undefined` if nothing may be served. */
  async getEntry(key: string): Promise<{ entry: MemoryEntry; tier: 'memory' | 'redis' } | undefined> {
    const entry = this.fromMemory(key);
    if (entry !== undefined) {
      this.countHit(key, entry);
      return { entry, tier: 'memory' };
    }
    this.core.watch?.beyond(key, this.core.memory !== undefined);
    const found = this.core.remote ? await this.getRemote(key, (entry) => entry) : this.miss(key);
    return found && { entry: found, tier: 'redis' };
  }

  private miss(key: string): undefined {
    this.core.counters.misses++;
    if (this.core.events.heard('miss')) this.core.events.emit('miss', { key });
  }

  private stillValid(key: string, entry: MemoryEntry): boolean {
    const verdict = this.core.epochs.judge(entry);
    if (verdict === 'dead') this.core.memory?.delete(key);
    if (verdict === 'expired') entry.expire();
    return verdict === 'valid';
  }

  /** A read that loads nothing. Redis in trouble is a miss. */
  private getRemote<T>(key: string, then: (found: MemoryEntry | undefined) => T): Promise<T> {
    const { core } = this;
    const start = this.startTiming();
    const markers = core.prefixes.markersOf(key);
    // Without memory there is nothing an invalidation would have to keep the value out of.
    const flight = core.memory ? core.flights.start(key, markers) : new Flight(key, core.epochs.current, markers, 0);
    flight.single = core.memory === undefined;
    return this.look(flight, (lookup) => {
      if (core.memory) core.flights.end(flight);
      if (!lookup?.fresh || changedHere(core, key, lookup.fresh.markers)) return then(this.miss(key));
      promote(core, flight, lookup, core.policies.base);
      return then(this.remoteHit(key, lookup.fresh, start));
    });
  }

  private readonly valueOfFound = (found: MemoryEntry | undefined): unknown => found && valueFor(this.core, found);

  /** The time for one read of Redis out of {@link TIMED_REMOTE}; 0 for the others. */
  private startTiming(): number {
    if (--this.untilTimedRemote > 0) return 0;
    this.untilTimedRemote = TIMED_REMOTE;
    return performance.now();
  }

  private remoteHit(key: string, entry: MemoryEntry, start: number): MemoryEntry {
    this.core.counters.redisHits++;
    if (start !== 0) this.core.counters.time('redisHit', start);
    if (this.core.events.heard('hit')) this.core.events.emit('hit', { key, tier: 'redis' });
    return entry;
  }

  /** Goes on with what Redis says; with `undefined` if it cannot be asked, or is not believed. */
  private look<T>(flight: Flight, next: (lookup: Lookup | undefined) => T | Promise<T>): Promise<T> {
    const { core } = this;
    const remote = core.remote as RemoteTier;
    if (remote.refuses(flight.key, flight.markers)) return Promise.resolve(next(undefined));
    const failed = (error: unknown): T | Promise<T> => {
      report(core, 'read', error, flight.key);
      return next(undefined);
    };
    return remote.read(flight.key, flight.markers).then((read) => {
      const lookup = judge(core, flight, read);
      return lookup instanceof Promise ? lookup.then(next, failed) : next(lookup);
    }, failed);
  }

  /**
   * Shares a load. If some tag was changed since it began, the result decides: when that has such a tag, which nobody could
   * know before, it may be older than this call, and the value is got anew.
   */
  private join(leader: Flight, load: Loader, policy: ResolvedPolicy): Promise<unknown> {
    const { counters, epochs } = this.core;
    counters.joined++;
    this.miss(leader.key);
    leader.background = false;
    leader.queued?.promote();
    if (this.core.lanes.inside.getStore()) {
      leader.nested = true;
      leader.queued?.begin();
    }
    const meanwhile = leader.standIn?.();
    if (meanwhile !== undefined) return Promise.resolve(valueFor(this.core, meanwhile));
    const shared = leader.shared as Promise<Outcome>;
    if (leader.epoch >= epochs.lastTagChange) return shared.then(this.own);
    return shared.then((outcome) => {
      if (epochs.since(leader.epoch, tagsFoundBy(outcome)) === 'valid') return this.own(outcome);
      leader.shared = undefined; // it may still be storing: nobody else is to wait for it, this call neither
      return this.getOrLoad(leader.key, load, policy);
    });
  }

  /** The value as one of its callers gets it. */
  private readonly own = (outcome: unknown): unknown =>
    outcome instanceof MemoryEntry ? valueFor(this.core, outcome) : (outcome as Unstored).raw;

  private fly(
    flight: Flight,
    load: Loader,
    policy: ResolvedPolicy,
    due: ((due: Due) => void) | undefined,
  ): Promise<Outcome> {
    const start = this.startTiming();
    if (!this.core.remote || !policy.redis) return this.loadMissing(flight, load, policy, undefined, start);
    return this.look(flight, (lookup) => {
      if (!lookup?.fresh) return this.loadMissing(flight, load, policy, lookup, start);
      const { fresh, claimed } = lookup;
      promote(this.core, flight, lookup, policy);
      this.core.flights.end(flight);
      if (!claimed) this.refreshIfDue({ key: flight.key, entry: fresh, policy }, load, due);
      return this.remoteHit(flight.key, fresh, start);
    });
  }

  private loadMissing(
    flight: Flight,
    load: Loader,
    policy: ResolvedPolicy,
    lookup: Lookup | undefined,
    start: number,
  ): Promise<Outcome> {
    this.miss(flight.key);
    const outcome = this.loading.load(flight, load, policy, lookup);
    if (start !== 0) {
      const done = (): void => this.core.counters.time('miss', start);
      outcome.then(done, done);
    }
    return outcome;
  }
}

function tagsFoundBy(outcome: Outcome): readonly string[] {
  return outcome instanceof MemoryEntry ? outcome.markers : outcome.tags.map(tagMarker);
}

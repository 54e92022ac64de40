import type { MarkerChange, RemoteTier } from '../tiers/tier.js';
import { type Core, holdFor, inMemory, markerLife, report, stored, takeSnapshot, toMemory } from './core.js';
import { decodeEntry } from './entry-format.js';
import { ALL, prefixMarker, tagMarker } from './epochs.js';
import type { CacheEvents } from './events.js';
import type { Flight } from './flights.js';
import type { EncodedKey } from './key.js';
import { compilePattern, prefixPattern } from './pattern.js';
import type { ResolvedPolicy } from './policy.js';
import { newValue, type PutPermit, put, storeInMemory } from './storing.js';
import type { ParsedTarget } from './target.js';
import type { Snapshot } from './value.js';

const DONE: Promise<void> = Promise.resolve();

/** One put into memory out of this many is timed: looking at the clock costs a good part of it. */
const TIMED = 64;

/** Puts and invalidations: memory at once, then Redis; what Redis did not answer is delivered later. */
export class WritePath {
  constructor(private readonly core: Core) {}

  /** Unconditional: the order in which Redis sees puts is the truth. */
  set(key: EncodedKey, value: unknown, policy: ResolvedPolicy): Promise<void> {
    const { core } = this;
    const timed = core.counters.sets++ % TIMED === 0 ? performance.now() : 0;
    if (value === undefined || (value === null && !policy.cacheNull)) return this.evictQuietly(key);
    if (core.remote && policy.redis) return this.setInBoth(key, value, policy);
    this.setInMemory(key, value, policy);
    if (timed !== 0) core.counters.time('set', timed);
    return DONE;
  }

  private setInMemory(key: EncodedKey, value: unknown, policy: ResolvedPolicy): void {
    const { core } = this;
    core.flights.flag(key, { dead: true, called: true });
    const snapshot = takeSnapshot(core, key, value, false);
    if (!snapshot || !inMemory(core, policy)) {
      core.memory?.delete(key);
      return;
    }
    const begun = core.clock.now();
    const now = { epoch: core.epochs.current, markers: core.prefixes.markersOf(key, policy.tags), begun };
    toMemory(core, key, newValue(core, now, snapshot, policy, { ttl: policy.ttl, source: 'set' }, false).entry);
    stored(core, key, 'memory');
  }

  private async setInBoth(key: EncodedKey, value: unknown, policy: ResolvedPolicy): Promise<void> {
    const { core } = this;
    const start = performance.now();
    const done = core.flights.succeed(key);
    // Before Redis is asked: meanwhile the caller may change what he passed.
    const snapshot = takeSnapshot(core, key, value);
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    try {
      if (!snapshot) return await this.evictQuietly(key);
      await this.store(flight, snapshot, policy, await this.read(flight, policy, false), 'set');
    } finally {
      core.flights.end(flight);
      done?.();
      core.counters.time('set', start);
    }
  }

  /**
   * Runs `change` and puts what it returns, unless something else came between. Its order with other writers is that of
   * the token read before. After a `change` that failed the key is evicted: it may have taken effect all the same.
   */
  async write<T>(key: EncodedKey, change: () => Promise<T>, policy: ResolvedPolicy): Promise<T> {
    const { core } = this;
    core.counters.sets++;
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    try {
      const permit = core.remote && policy.redis ? await this.read(flight, policy, true) : undefined;
      let value: T;
      try {
        value = await change();
      } catch (error) {
        await this.evictQuietly(key);
        throw error;
      }
      const overtaken = core.flights.spoiled(flight);
      this.touch(key, flight);
      const known = !core.remote || !policy.redis || permit !== undefined;
      const storable = value !== undefined && (value !== null || policy.cacheNull) && !overtaken && known;
      const snapshot = storable ? takeSnapshot(core, key, value) : undefined;
      // A value that cannot be stored must not leave the old one behind.
      await (snapshot ? this.store(flight, snapshot, policy, permit, 'write') : this.evictQuietly(key));
      return value;
    } finally {
      core.flights.end(flight);
    }
  }

  async invalidate(target: ParsedTarget, change: MarkerChange): Promise<void> {
    const { core } = this;
    const start = performance.now();
    core.counters.invalidations++;
    try {
      switch (target.kind) {
        case 'keys':
          return await this.evictKeys(target.keys, change);
        case 'tags':
          return await this.change('tags', target.tags, target.tags.map(tagMarker), change);
        case 'prefix':
          if (core.prefixes.covers(target.prefix)) {
            return await this.change('prefix', [target.prefix], [prefixMarker(target.prefix)], change);
          }
          return await this.search('prefix', target.prefix, prefixPattern(target.prefix), change);
        case 'pattern':
          return await this.search('pattern', target.pattern, target.pattern, change);
      }
    } finally {
      core.counters.time('evict', start);
    }
  }

  /** Everything in this cache's namespace, in one step. */
  async clear(): Promise<void> {
    this.core.counters.invalidations++;
    this.core.memory?.clear();
    await this.change('all', [], [ALL], 'dead');
  }

  private async evictKeys(keys: readonly EncodedKey[], change: MarkerChange): Promise<void> {
    const { core } = this;
    if (keys.length === 0) return;
    this.tell('keys', keys, change);
    for (const key of keys) this.drop(key, change, true);
    if (!core.remote) return;
    try {
      await (change === 'dead' ? core.remote.evict(keys) : core.remote.expire(keys));
    } finally {
      // Again: a read sent before the eviction may have brought the old value into memory meanwhile.
      for (const key of keys) this.drop(key, change, false);
    }
  }

  private async change(
    kind: CacheEvents['evict']['target'],
    names: readonly string[],
    markers: readonly string[],
    change: MarkerChange,
  ): Promise<void> {
    this.tell(kind, names, change);
    const { epochs, flights, remote, watch } = this.core;
    flights.overrule(markers);
    if (watch) for (const marker of markers) watch.changed(marker);
    for (const marker of markers) epochs.change(marker, change);
    if (!remote) return;
    try {
      await remote.change(markers, change);
    } finally {
      for (const marker of markers) epochs.change(marker, change);
    }
  }

  /** What has no marker is looked for, in memory and in Redis. Holds are found too, so loads under way are refused. */
  private async search(kind: 'prefix' | 'pattern', name: string, pattern: string, change: MarkerChange): Promise<void> {
    const { core } = this;
    const matches = compilePattern(pattern);
    const dropMatching = (called: boolean): void => {
      core.flights.flagWhere(matches, { dead: change === 'dead', called });
      for (const key of [...(core.memory?.keys() ?? [])]) if (matches(key)) this.drop(key, change, called);
    };
    this.tell(kind, [name], change);
    dropMatching(true);
    if (!core.remote) return;
    try {
      for await (const keys of core.remote.scan(pattern)) {
        await (change === 'dead' ? core.remote.evict(keys) : core.remote.expire(keys));
      }
      // Others may have more in memory than Redis has.
      await core.remote.tell(pattern, change);
    } catch (error) {
      // Which keys it would have found is unknown: everything in Redis must go, as soon as it is back. Memory knows its own.
      await core.remote.change([ALL], change).catch(() => undefined);
      throw error;
    } finally {
      dropMatching(false);
    }
  }

  /** Markers, and with `token` the version under the key, before a put. `undefined`: Redis does not answer. */
  private async read(flight: Flight, policy: ResolvedPolicy, token: boolean): Promise<PutPermit | undefined> {
    const { core } = this;
    const remote = core.remote as RemoteTier;
    try {
      const life = markerLife(policy);
      if (!token) return { token: undefined, markers: await remote.mark(flight.markers, life, flight.key) };
      const version = core.versions.next();
      const [found, markers] = await Promise.all([
        remote.hold(flight.key, version, holdFor(policy)),
        remote.mark(flight.markers, life, flight.key),
      ]);
      return { token: found === null ? version : decodeEntry(found).version, markers };
    } catch (error) {
      report(core, 'put', error, flight.key);
      return undefined;
    }
  }

  /** Stores a put's value where it can. */
  private async store(
    flight: Flight,
    snapshot: Snapshot,
    policy: ResolvedPolicy,
    permit: PutPermit | undefined,
    source: 'set' | 'write',
  ): Promise<void> {
    const { core } = this;
    const { key } = flight;
    const value = newValue(core, flight, snapshot, policy, { ttl: policy.ttl, source }, permit !== undefined);
    // Another put or an invalidation was called while the markers were read: it has the last word, also in Redis.
    if (flight.overruled) return this.leaveNothing(flight);
    if (!core.remote || !policy.redis) {
      if (storeInMemory(core, flight, value, policy) !== 'stored') core.memory?.delete(key);
      return;
    }
    if (permit === undefined) return this.storeWhileAway(flight, policy, snapshot, source);
    try {
      const done = await put(core, flight, value, policy, permit);
      if (done === 'unstorable') return await this.leaveNothing(flight);
      this.touch(key, flight);
      // What memory has instead is older: the value was refused, or an invalidation came while it was under way.
      if (core.memory?.peek(key) !== value.entry) core.memory?.delete(key);
    } catch (error) {
      report(core, 'put', error, key);
      await this.storeWhileAway(flight, policy, snapshot, source);
    }
  }

  /** Memory serves the new value; Redis gets an eviction when it is back, so that no older value can return. */
  private async storeWhileAway(
    flight: Flight,
    policy: ResolvedPolicy,
    snapshot: Snapshot,
    source: 'set' | 'write',
  ): Promise<void> {
    const { core } = this;
    await core.remote?.evict([flight.key]).catch((error: unknown) => report(core, 'put', error, flight.key));
    // A read that began since the change may have found what was there before the eviction.
    this.touch(flight.key, flight);
    const value = newValue(core, flight, snapshot, policy, { ttl: policy.ttl, source }, false);
    if (storeInMemory(core, flight, value, policy) !== 'stored') core.memory?.delete(flight.key);
  }

  /** For callers who did not ask for an eviction: Redis gets it later if it is away now. */
  private async evictQuietly(key: EncodedKey): Promise<void> {
    await this.evictKeys([key], 'dead').catch((error: unknown) => report(this.core, 'evict', error, key));
  }

  /**
   * A put whose value is not to be stored, or no more: what was there before must be gone when it resolves. A put that was
   * called later sees to that. An invalidation may do so much later: its search may take long, and a script that Redis had
   * forgotten is sent again, after reads that were called later.
   */
  private async leaveNothing({ key, successor }: Flight): Promise<void> {
    await (successor ?? this.evictQuietly(key));
  }

  /** Takes a key out of memory, or makes it stale there, and flags what is under way for it. */
  private drop(key: EncodedKey, change: MarkerChange, called: boolean): void {
    const { flights, memory, watch } = this.core;
    flights.flag(key, { dead: change === 'dead', called });
    if (called) watch?.evicted(key);
    if (change === 'dead') {
      memory?.delete(key);
      return;
    }
    const entry = memory?.peek(key);
    entry?.expire();
  }

  /** Flags everything under way for a key but its own flight: what they read is older than what was just written. */
  private touch(key: EncodedKey, flight: Flight): void {
    this.core.flights.flag(key, { dead: true, called: false }, flight);
  }

  private tell(target: CacheEvents['evict']['target'], names: readonly string[], change: MarkerChange): void {
    const { events } = this.core;
    if (events.heard('evict')) events.emit('evict', { target, names, kept: change === 'expired' });
  }
}

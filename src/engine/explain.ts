import { type Core, report } from './core.js';
import type { Milliseconds } from './duration.js';
import { type Lookup, lookUp } from './lookup.js';

/** Where a key is and what would happen to a read now. */
export interface Explanation {
  /** The key in its text form. */
  key: string;
  /** What a `get` would do now, in a sentence. */
  verdict: string;
  memory: TierState;
  redis: TierState;
  /** Reads, loads or writes of the key are under way in this process. */
  inFlight: boolean;
  /** An eviction of the key (or of one of its markers) waits for Redis to come back. */
  undelivered: boolean;
  /** Which master of a cluster has it: `host:port`. */
  node?: string;
}

export interface TierState {
  /**
   * `none`: the cache has no such tier. `doubted`: it is fresh, but what others changed lately is not heard at the moment.
   * `hold`: somebody is about to store. `alien`: bytes this version cannot read.
   */
  state: 'none' | 'absent' | 'fresh' | 'doubted' | 'stale' | 'dead' | 'hold' | 'alien' | 'unreachable';
  age?: Milliseconds;
  /** Negative once it is over. */
  expiresIn?: Milliseconds;
  staleFor?: Milliseconds;
  tags?: readonly string[];
  /** What invalidated it: `tag sale`, `prefix product:`, `clear`. */
  killedBy?: string;
  /** Why a stale value is served. */
  trouble?: string;
}

export async function explain(core: Core, key: string): Promise<Explanation> {
  const memory = inMemory(core, key);
  const redis = await inRedis(core, key);
  const undelivered = core.remote?.refuses(key, core.prefixes.markersOf(key)) ?? false;
  const inFlight = core.flights.has(key);
  const node = core.remote?.nodeOf?.(key);
  const told = verdict(memory, redis, undelivered, inFlight);
  return { key, verdict: told, memory, redis, inFlight, undelivered, ...(node !== undefined && { node }) };
}

function inMemory(core: Core, key: string): TierState {
  if (!core.memory) return { state: 'none' };
  const entry = core.memory.peek(key);
  if (!entry) return { state: 'absent' };
  const now = core.clock.now();
  const judged = core.epochs.since(entry.epoch, entry.markers);
  const killedBy = core.epochs.culprit(entry);
  const fresh = judged === 'valid' && entry.servedUntil > now;
  const believed = core.trust.until > now || entry.believedUntil > now;
  return {
    state: fresh ? (believed ? 'fresh' : 'doubted') : judged === 'dead' || !entry.mayStandIn(now) ? 'dead' : 'stale',
    age: now - entry.createdAt,
    expiresIn: entry.expiresAt - now,
    staleFor: Math.max(0, entry.staleUntil - now),
    tags: tagsOf(entry.markers),
    ...(judged !== 'valid' && killedBy !== undefined && { killedBy: describe(killedBy) }),
    ...(entry.trouble !== undefined && { trouble: String(entry.trouble) }),
  };
}

async function inRedis(core: Core, key: string): Promise<TierState> {
  if (!core.remote) return { state: 'none' };
  const flight = core.flights.start(key, core.prefixes.markersOf(key));
  try {
    return describeLookup(core, await lookUp(core, flight));
  } catch (error) {
    report(core, 'explain', error, key);
    return { state: 'unreachable' };
  } finally {
    core.flights.end(flight);
  }
}

function describeLookup(core: Core, lookup: Lookup): TierState {
  if (lookup.alien) return { state: 'alien' };
  if (!lookup.found) return { state: lookup.token === undefined ? 'absent' : 'hold' };
  const { stored, verdict, culprit } = lookup.found;
  const age = Math.max(0, core.clock.now() - stored.createdAt);
  const unreadable = !lookup.fresh && verdict === 'valid' && age < stored.freshFor;
  return {
    state: lookup.fresh ? 'fresh' : unreadable ? 'alien' : lookup.stale && stored.staleFor > 0 ? 'stale' : 'dead',
    age,
    expiresIn: stored.freshFor - age,
    staleFor: Math.max(0, stored.freshFor + stored.staleFor - age),
    tags: tagsOf(stored.markers),
    ...(culprit !== undefined && { killedBy: describe(culprit) }),
  };
}

function verdict(memory: TierState, redis: TierState, undelivered: boolean, inFlight: boolean): string {
  if (memory.state === 'fresh') return 'Served from memory.';
  const again = inFlight ? ' It is being loaded or written.' : '';
  if (undelivered) return `A miss: an eviction waits for Redis, which is not believed until then.${again}`;
  if (redis.state === 'fresh') return 'Served from Redis.';
  const killer = redis.killedBy ?? memory.killedBy;
  if (killer) return `A miss: invalidated by ${killer}.${again}`;
  if (redis.state === 'unreachable') {
    const doubt = memory.state === 'doubted' ? ' Memory has it, but may not have heard of a change.' : '';
    return `A miss: Redis does not answer.${doubt}${again}`;
  }
  if (redis.state === 'stale' || memory.state === 'stale') {
    return `A miss: expired; the value stands in if the load fails.${again}`;
  }
  if (redis.state === 'alien') return `A miss: what is in Redis cannot be read by this version.${again}`;
  if (redis.state === 'hold') return 'A miss: somebody is about to store it.';
  return memory.state === 'dead' || redis.state === 'dead' ? `A miss: expired.${again}` : `A miss: not there.${again}`;
}

export function tagsOf(markers: readonly string[]): string[] {
  return markers.filter((name) => name.startsWith('t:')).map((name) => name.slice(2));
}

function describe(marker: string): string {
  if (marker.startsWith('t:')) return `tag ${marker.slice(2)}`;
  if (marker.startsWith('p:')) return `prefix ${marker.slice(2)}`;
  return 'clear';
}

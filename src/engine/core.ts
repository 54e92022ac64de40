import { CacheError, OverloadError } from '../cache.errors.js';
import type { MemoryStore, RemoteTier, Trust } from '../tiers/tier.js';
import type { Clock } from './clock.js';
import type { Codec } from './codec.js';
import type { Milliseconds } from './duration.js';
import { FOREVER } from './duration.js';
import { type EntryHeader, encodeEntry } from './entry-format.js';
import type { Epochs } from './epochs.js';
import type { EventHub, TierName } from './events.js';
import type { Flights } from './flights.js';
import type { Lanes } from './lanes/lanes.js';
import type { MemoryEntry } from './memory-entry.js';
import type { Policies, ResolvedPolicy } from './policy.js';
import type { Prefixes } from './prefixes.js';
import type { Counters, SourceReporter } from './stats.js';
import { freeze, measure, type Snapshot, tooLarge, type Values } from './value.js';
import type { VersionSource } from './version.js';
import type { Warming } from './warming.js';
import type { Watch } from './watch.js';

/** How values are handed out; see `CacheOptions.values`. */
export type ValueSharing = 'frozen' | 'cloned' | 'shared';

export interface Limits {
  /** Most bytes of one value: estimated in memory, and as encoded for Redis. */
  readonly maxValueBytes: number;
  /** Longest time the memory tier answers for a value that Redis has too. */
  readonly memoryTtl: Milliseconds;
  readonly values: ValueSharing;
  /** Whether the memory tier is bounded by bytes. */
  readonly countBytes: boolean;
}

/** The parts of one cache: what its read and write paths share. */
export interface Core {
  readonly clock: Clock;
  /** 0 up to 1, like `Math.random`. */
  readonly random: () => number;
  readonly memory: MemoryStore<MemoryEntry> | undefined;
  readonly remote: RemoteTier | undefined;
  /** How long memory may be believed: for ever where there are no others. */
  readonly trust: Trust;
  readonly epochs: Epochs;
  readonly flights: Flights;
  readonly prefixes: Prefixes;
  readonly policies: Policies;
  readonly lanes: Lanes;
  readonly values: Values;
  readonly codec: Codec;
  readonly versions: VersionSource;
  readonly events: EventHub;
  readonly counters: Counters;
  readonly limits: Limits;
  /** Work that goes on after its caller was answered. */
  readonly background: Background;
  /** How keys can be loaded again without a caller. */
  readonly warming: Warming;
  /** Who looks at what is asked for; set when the jobs start. */
  watch: Watch | undefined;
  /** Chains of sources that load values of this cache, by name. */
  readonly sources: Map<string, SourceReporter>;
}

/** Where nothing is heard from anybody: memory is believed as long as its entries live. */
export const ALONE: Trust = { until: Number.POSITIVE_INFINITY, bound: Number.POSITIVE_INFINITY };

/** Counts work that goes on after its caller was answered, for `idle()` and for shutdown. */
export class Background {
  private running = 0;
  private waiting: (() => void)[] = [];

  begin(): void {
    this.running++;
  }

  end(): void {
    if (--this.running > 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  idle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }
}

/** Longest time a policy's load may take, for holds: results of longer loads are not stored. */
const LONGEST_HOLD = 300_000;

/** How long a hold must stand: as long as its load may take. Nothing but storing the result depends on it. */
export function holdFor(policy: ResolvedPolicy): Milliseconds {
  return Math.min(Math.ceil(policy.hardTimeout) + 5_000, LONGEST_HOLD);
}

/** Life of an entry in Redis: its own, and that of a load which starts at its end and holds its version as a token. */
export function physicalLife(freshFor: Milliseconds, staleFor: Milliseconds, policy: ResolvedPolicy): Milliseconds {
  return Math.min(Math.ceil(freshFor + staleFor + holdFor(policy)), FOREVER);
}

/** Markers outlive every entry that carries them: an entry whose marker is gone is stale. */
export function markerLife(policy: ResolvedPolicy): Milliseconds {
  return Math.min(2 * physicalLife(policy.ttl, policy.grace, policy), FOREVER);
}

/** The life of a new value, shortened at random so that neighbours do not end together. */
export function jittered(core: Core, ttl: Milliseconds, policy: ResolvedPolicy): Milliseconds {
  if (policy.jitter === 0 || ttl === FOREVER) return ttl;
  return Math.max(1, Math.round(ttl * (1 - policy.jitter * core.random())));
}

/** Makes a stored value ready to be handed out. */
export function prepareValue(core: Core, value: unknown): unknown {
  return core.limits.values === 'frozen' ? freeze(value) : value;
}

/** Whether each reader needs a copy of its own. */
export function isCopied(core: Core, binary: boolean): boolean {
  return core.limits.values === 'cloned' || (binary && core.limits.values === 'frozen');
}

/** The value of an entry as one reader gets it. */
export function valueFor(core: Core, entry: MemoryEntry): unknown {
  if (entry.alone) return entry.value;
  if (entry.copied) return prepareValue(core, core.values.copy(entry.value));
  if (!entry.ready) {
    // Not when it was put into memory: most of what is written there is never read. Such a value was copied in the way
    // that is fastest if it stays unread.
    const cheap = entry.version === undefined && entry.source === 'set' && core.limits.values === 'frozen';
    entry.value = prepareValue(core, cheap ? core.values.copy(entry.value, true) : entry.value);
    entry.ready = true;
  }
  return entry.value;
}

/** Takes a private copy of what a caller or loader gave; `undefined` (and an event) if it cannot be stored. */
export function takeSnapshot(core: Core, key: string, value: unknown, readSoon = true): Snapshot | undefined {
  try {
    const shared = core.limits.values === 'shared' && !core.remote;
    const snapshot = shared
      ? measure(value, core.limits.countBytes)
      : core.values.snapshot(value, readSoon && core.limits.values === 'frozen');
    const { maxValueBytes } = core.limits;
    if (snapshot.bytes > maxValueBytes) throw tooLarge(snapshot.bytes, maxValueBytes);
    return core.limits.values === 'shared' ? { ...snapshot, value } : snapshot;
  } catch (error) {
    skipped(core, key, error);
    return undefined;
  }
}

/** The bytes for Redis; `undefined` (and an event) if they are over the limit or the serializer refuses. */
export function encodeFor(
  core: Core,
  key: string,
  snapshot: Snapshot,
  policy: ResolvedPolicy,
  facts: Pick<EntryHeader, 'version' | 'createdAt' | 'freshFor' | 'source' | 'markers' | 'markerValues'>,
): string | Buffer | undefined {
  try {
    const { payload, tagged, compressed } = core.codec.encode(snapshot);
    const bytes = sizeOf(payload, core.limits.maxValueBytes);
    if (bytes > core.limits.maxValueBytes) throw tooLarge(bytes, core.limits.maxValueBytes);
    return encodeEntry(
      {
        version: facts.version,
        expired: false,
        tagged,
        compressed,
        binary: snapshot.binary,
        remoteOnly: !inMemory(core, policy),
        createdAt: facts.createdAt,
        freshFor: facts.freshFor,
        staleFor: policy.grace,
        markers: facts.markers,
        markerValues: facts.markerValues,
        profile: core.codec.profile,
        source: facts.source,
      },
      payload,
    );
  } catch (error) {
    skipped(core, key, error);
    return undefined;
  }
}

/** The bytes of a payload. Counting those of a text takes time, which is saved when it cannot matter. */
function sizeOf(payload: string | Uint8Array, limit: number): number {
  return typeof payload === 'string' && payload.length * 3 > limit ? Buffer.byteLength(payload) : payload.length;
}

/** Whether the memory tier may answer for values of this policy. Without Redis it is all there is. */
export function inMemory(core: Core, policy: ResolvedPolicy): boolean {
  return core.memory !== undefined && policy.memory && !(policy.strong && core.remote !== undefined);
}

/** Whether every read asks Redis, and shares no load begun by another one. */
export function isStrong(core: Core, policy: ResolvedPolicy): boolean {
  return policy.strong && core.remote !== undefined;
}

/** Puts an entry into the memory tier. */
export function toMemory(core: Core, key: string, entry: MemoryEntry): void {
  if (core.remote !== undefined) {
    const longest = core.clock.now() + core.limits.memoryTtl;
    if (longest < entry.servedUntil) {
      const { freshUntil } = entry;
      entry.serveUntil(longest);
      entry.refreshAt(freshUntil);
    }
  }
  entry.observed = core.watch?.observe(key, entry);
  core.memory?.set(key, entry);
}

export function stored(core: Core, key: string, ...tiers: TierName[]): void {
  if (core.events.heard('store')) core.events.emit('store', { key, tiers });
}

export function report(core: Core, operation: string, error: unknown, key?: string): void {
  core.counters.errors++;
  core.events.emit('error', { operation, error, ...(key !== undefined && { key }) });
}

/** Tells of a load that did not run because its lane had no room. Other errors it leaves alone. */
export function tellOverload(core: Core, error: unknown, key?: string): void {
  if (!(error instanceof OverloadError)) return;
  const { lane, reason } = error;
  core.events.emit('overload', { lane, reason, ...(key !== undefined && { key }) });
}

function skipped(core: Core, key: string, error: unknown): void {
  core.counters.skipped++;
  // Errors of a serializer may quote the value, and reasons are logged.
  const reason = CacheError.is(error)
    ? error.message
    : `${error instanceof Error ? error.name : 'something'} was thrown`;
  core.events.emit('skipped', { key, reason });
}

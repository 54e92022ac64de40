import type { RemoteTier } from '../tiers/tier.js';
import {
  type Core,
  encodeFor,
  inMemory,
  isCopied,
  jittered,
  markerLife,
  physicalLife,
  stored,
  toMemory,
} from './core.js';
import type { Milliseconds } from './duration.js';
import type { MarkerValue } from './entry-format.js';
import { type Dated, tagMarker } from './epochs.js';
import type { Flight } from './flights.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import type { Snapshot } from './value.js';
import type { Version } from './version.js';

/** The right to store in Redis: the version found or placed under the key before the load, and the markers of that moment. */
export interface Permit {
  token: Version;
  /** Whether others wait for this load. */
  claimed: boolean;
  /** The claimed key has a value that may still serve. */
  kept: boolean;
  /** Of the flight's markers, in their order. */
  markers: readonly MarkerValue[];
}

/** The right to put; without a token it is put whatever is there. */
export interface PutPermit {
  token: Version | undefined;
  markers: readonly MarkerValue[];
}

/** A value on its way into the tiers: the entry for memory, and what its bytes for Redis are made of. */
export interface NewValue {
  entry: MemoryEntry;
  snapshot: Snapshot;
}

/** What is known of a value besides itself. */
export interface NewFacts {
  /** Fresh for this long, before jitter. */
  ttl: Milliseconds;
  /** Tags that only the result told. */
  lateTags?: readonly string[];
  source: string;
}

const NO_TAGS: readonly string[] = [];

/** How storing ended. `refused`: something newer came between, or the value cannot be stored at all. */
export type Stored = 'stored' | 'refused' | 'unstorable';

export function newValue(
  core: Core,
  { epoch, markers, begun }: Dated & Pick<Flight, 'begun'>,
  snapshot: Snapshot,
  policy: ResolvedPolicy,
  { ttl, lateTags = NO_TAGS, source }: NewFacts,
  inRedis: boolean,
): NewValue {
  const entry = new MemoryEntry(snapshot.value, {
    bytes: snapshot.bytes,
    copied: isCopied(core, snapshot.binary),
    createdAt: core.clock.now(),
    freshFor: jittered(core, ttl, policy),
    staleFor: policy.grace,
    epoch,
    markers: lateTags.length === 0 ? markers : [...new Set([...markers, ...lateTags.map(tagMarker)])],
    version: inRedis ? core.versions.next() : undefined,
    source,
    believedUntil: begun + core.trust.bound,
  });
  entry.refreshFrom(policy.refreshAhead);
  return { entry, snapshot };
}

/** Stores in memory only: in a cache without Redis, or while Redis is away. */
export function storeInMemory(core: Core, flight: Flight, { entry }: NewValue, policy: ResolvedPolicy): Stored {
  if (!inMemory(core, policy)) return 'unstorable';
  if (core.flights.keptOutOfMemory(flight, entry.markers)) return refuse(core, flight);
  // What Redis was not asked for is not tracked there: it is believed no longer than without Redis.
  if (core.trust.tracks && policy.redis) entry.serveUntil(Math.min(entry.freshUntil, entry.believedUntil));
  core.flights.outdate(flight);
  toMemory(core, flight.key, entry);
  stored(core, flight.key, 'memory');
  return 'stored';
}

/**
 * Stores the result of a load in Redis, if the key still has the token's version, and then in memory. Rejects when Redis
 * does not answer; then the value is nowhere.
 */
export async function fill(
  core: Core,
  flight: Flight,
  value: NewValue,
  policy: ResolvedPolicy,
  permit: Permit,
): Promise<Stored> {
  const remote = core.remote as RemoteTier;
  const markers = needsMarkers(value.entry, policy, permit.markers)
    ? await askMarkers(remote, flight.key, value.entry, policy, permit.markers)
    : permit.markers;
  if (!markers) return refuse(core, flight);
  const bytes = encode(core, flight, value, policy, markers);
  if (!bytes) return 'unstorable';
  const names = value.entry.markers;
  if (core.flights.spoiled(flight, names) || remote.refuses(flight.key, names)) return refuse(core, flight);
  const done = await remote.fill(flight.key, permit.token, bytes, lifeInRedis(value.entry, policy));
  return done ? finish(core, flight, value.entry, policy) : refuse(core, flight);
}

/**
 * Puts a written value: without a token in any case, else only over the token's version. When that fails, what is there
 * goes: two racing writes end in the last row or in nothing.
 */
export async function put(
  core: Core,
  flight: Flight,
  value: NewValue,
  policy: ResolvedPolicy,
  permit: PutPermit,
): Promise<Stored> {
  const remote = core.remote as RemoteTier;
  const bytes = encode(core, flight, value, policy, permit.markers);
  if (!bytes) return 'unstorable';
  const done = await remote.put(flight.key, permit.token, bytes, lifeInRedis(value.entry, policy));
  return done ? finish(core, flight, value.entry, policy) : refuse(core, flight);
}

function finish(core: Core, flight: Flight, entry: MemoryEntry, policy: ResolvedPolicy): Stored {
  if (inMemory(core, policy) && !core.flights.keptOutOfMemory(flight, entry.markers)) {
    toMemory(core, flight.key, entry);
    stored(core, flight.key, 'memory', 'redis');
  } else {
    stored(core, flight.key, 'redis');
  }
  return 'stored';
}

function refuse(core: Core, flight: Flight): Stored {
  core.counters.refused++;
  if (core.events.heard('refused')) core.events.emit('refused', { key: flight.key });
  return 'refused';
}

function lifeInRedis(entry: MemoryEntry, policy: ResolvedPolicy): Milliseconds {
  return physicalLife(entry.expiresAt - entry.createdAt, policy.grace, policy);
}

/** The entry's bytes, with what its markers were before the load. */
function encode(
  core: Core,
  flight: Flight,
  { entry, snapshot }: NewValue,
  policy: ResolvedPolicy,
  markerValues: readonly MarkerValue[],
): string | Buffer | undefined {
  return encodeFor(core, flight.key, snapshot, policy, {
    version: entry.version ?? core.versions.next(),
    createdAt: entry.createdAt,
    freshFor: entry.expiresAt - entry.createdAt,
    source: entry.source,
    markers: entry.markers,
    markerValues,
  });
}

/** Whether only the result told some tags, or a life longer than the policy's, which its markers must outlive. */
function needsMarkers(entry: MemoryEntry, policy: ResolvedPolicy, known: readonly MarkerValue[]): boolean {
  return entry.markers.length > known.length || entry.expiresAt - entry.createdAt > policy.ttl;
}

/**
 * Late tags have the values of now. So nobody may have changed them since the load began; whoever did so in this process has
 * begun a new epoch, and what others did has been heard once the bus has settled. `undefined`: it did not.
 */
async function askMarkers(
  remote: RemoteTier,
  key: string,
  entry: MemoryEntry,
  policy: ResolvedPolicy,
  known: readonly MarkerValue[],
): Promise<readonly MarkerValue[] | undefined> {
  const ttl = Math.max(policy.ttl, entry.expiresAt - entry.createdAt);
  const now = await remote.mark(entry.markers, markerLife({ ...policy, ttl }), key);
  const settled = entry.markers.length === known.length || (await remote.settle());
  if (!settled) return undefined;
  // What was known before the load counts: a marker that changed since makes the entry stale, as it should.
  return [...known, ...now.slice(known.length)];
}

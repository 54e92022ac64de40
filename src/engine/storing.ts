import type { RemoteTier } from '../tiers/tier.js';
import {
  type Core,
  encodeFor,
  holdFor,
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
import { tagMarker } from './epochs.js';
import type { Flight } from './flights.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import type { Snapshot } from './value.js';
import type { Version } from './version.js';

/** The right to store in Redis: the version found or placed under the key before the load, and the markers of that moment. */
export interface Permit {
  token: Version;
  markers: ReadonlyMap<string, MarkerValue>;
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

/** How storing ended. `refused`: something newer came between, or the value cannot be stored at all. */
export type Stored = 'stored' | 'refused' | 'unstorable';

export function newValue(
  core: Core,
  flight: Flight,
  snapshot: Snapshot,
  policy: ResolvedPolicy,
  { ttl, lateTags = [], source }: NewFacts,
  inRedis: boolean,
): NewValue {
  const now = core.clock.now();
  const expiresAt = now + jittered(core, ttl, policy);
  const entry = new MemoryEntry(snapshot.value, {
    bytes: snapshot.bytes,
    copied: isCopied(core, snapshot.binary),
    createdAt: now,
    expiresAt,
    staleUntil: expiresAt + policy.grace,
    epoch: flight.epoch,
    markers: lateTags.length === 0 ? flight.markers : [...new Set([...flight.markers, ...lateTags.map(tagMarker)])],
    version: inRedis ? core.versions.next() : undefined,
    source,
  });
  return { entry, snapshot };
}

/** Stores in memory only: in a cache without Redis, or while Redis is away. */
export function storeInMemory(core: Core, flight: Flight, { entry }: NewValue, policy: ResolvedPolicy): Stored {
  if (!inMemory(core, policy)) return 'unstorable';
  if (core.flights.spoiled(flight, entry.markers)) return refuse(core, flight);
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
  const bytes = await encode(core, flight, value, policy, permit.markers);
  if (!bytes) return 'unstorable';
  const { markers } = value.entry;
  if (core.flights.spoiled(flight, markers) || remote.refuses(flight.key, markers)) return refuse(core, flight);
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
  permit: { token: Version | undefined; markers: ReadonlyMap<string, MarkerValue> },
): Promise<Stored> {
  const remote = core.remote as RemoteTier;
  const bytes = await encode(core, flight, value, policy, permit.markers);
  if (!bytes) return 'unstorable';
  const done = await remote.put(flight.key, permit.token, bytes, lifeInRedis(value.entry, policy));
  return done ? finish(core, flight, value.entry, policy) : refuse(core, flight);
}

function finish(core: Core, flight: Flight, entry: MemoryEntry, policy: ResolvedPolicy): Stored {
  if (inMemory(core, policy) && !core.flights.spoiled(flight, entry.markers)) {
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

/** The entry's bytes, with what its markers were before the load; tags that only the result told are asked for now. */
async function encode(
  core: Core,
  flight: Flight,
  { entry, snapshot }: NewValue,
  policy: ResolvedPolicy,
  known: ReadonlyMap<string, MarkerValue>,
): Promise<Buffer | undefined> {
  const late = entry.markers.filter((name) => !known.has(name));
  const read = late.length > 0 ? await readMarkers(core, late, policy) : undefined;
  return encodeFor(core, flight.key, snapshot, policy, {
    version: entry.version ?? core.versions.next(),
    createdAt: entry.createdAt,
    freshFor: entry.expiresAt - entry.createdAt,
    source: entry.source,
    markers: entry.markers.map((name) => ({ name, value: known.get(name) ?? read?.get(name) ?? '' })),
  });
}

/** The markers as they are now in Redis; those that do not exist are made. */
export async function readMarkers(
  core: Core,
  names: readonly string[],
  policy: ResolvedPolicy,
): Promise<Map<string, MarkerValue>> {
  const remote = core.remote as RemoteTier;
  const { markers } = await remote.prepare(undefined, core.versions.next(), holdFor(policy), names, markerLife(policy));
  return new Map(names.map((name, i) => [name, markers[i] ?? '']));
}

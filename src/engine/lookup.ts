import type { RemoteRead } from '../tiers/tier.js';
import type { Core } from './core.js';
import { inMemory, isCopied, report, toMemory } from './core.js';
import { decodeEntry, type MarkerValue, type StoredValue } from './entry-format.js';
import type { Verdict } from './epochs.js';
import type { Flight } from './flights.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { VERSION_LENGTH, type Version } from './version.js';

/** What Redis says of a key. */
export interface Lookup {
  /** A value that may be served. */
  fresh?: MemoryEntry;
  /** A value that may stand in for a load that fails. Decoded only when that happens. */
  stale?: () => MemoryEntry | undefined;
  /** The version under the key: with it a load may store. `undefined`: nothing is there. */
  token?: Version;
  /** What is there, for `explain`. */
  found?: { stored: StoredValue; verdict: Verdict; culprit: string | undefined };
}

/** Asks Redis for a key and judges what it finds. Rejects with `CacheUnavailableError` when Redis does not answer. */
export async function lookUp(core: Core, flight: Flight): Promise<Lookup> {
  const remote = core.remote;
  if (!remote) return {};
  return judge(core, flight, await remote.read(flight.key, flight.markers));
}

/** Judges bytes and markers that were read for a flight. Asks for further markers that only the entry names. */
export async function judge(core: Core, flight: Flight, read: RemoteRead): Promise<Lookup> {
  if (read.entry === null) return {};
  const entry = decodeEntry(read.entry);
  if (entry.kind === 'alien') report(core, 'read', new Error(`Entry in Redis: ${entry.reason}.`), flight.key);
  if (entry.kind !== 'value') return { token: entry.version };

  const { verdict, culprit } = await judgeMarkers(core, flight, entry, read.markers);
  const age = Math.max(0, core.clock.now() - entry.createdAt);
  const found = {
    stored: entry,
    verdict: entry.expired && verdict === 'valid' ? 'expired' : verdict,
    culprit,
  } as const;
  if (found.verdict === 'valid' && age < entry.freshFor) {
    const fresh = toEntry(core, flight, entry, age);
    return { token: entry.version, found, ...(fresh && { fresh }) };
  }
  const usable = verdict !== 'dead' && age < entry.freshFor + entry.staleFor;
  return { token: entry.version, found, ...(usable && { stale: () => toEntry(core, flight, entry, age) }) };
}

/** Compares the markers an entry was stored with to the current ones. A marker that is gone is a dead one. */
async function judgeMarkers(
  core: Core,
  flight: Flight,
  entry: StoredValue,
  known: RemoteRead['markers'],
): Promise<{ verdict: Verdict; culprit: string | undefined }> {
  const current = new Map<string, MarkerValue | null>();
  flight.markers.forEach((name, i) => {
    current.set(name, known[i] ?? null);
  });
  const unknown = entry.markers.map((marker) => marker.name).filter((name) => !current.has(name));
  if (unknown.length > 0 && core.remote) {
    const { markers } = await core.remote.read(undefined, unknown);
    unknown.forEach((name, i) => {
      current.set(name, markers[i] ?? null);
    });
  }
  if (core.remote?.refuses(flight.key, [...current.keys()])) return { verdict: 'dead', culprit: undefined };
  let verdict: Verdict = 'valid';
  let culprit: string | undefined;
  for (const { name, value } of entry.markers) {
    const now = current.get(name);
    if (now === value) continue;
    culprit = name;
    if (now?.slice(0, VERSION_LENGTH) !== value.slice(0, VERSION_LENGTH)) return { verdict: 'dead', culprit };
    verdict = 'expired';
  }
  return { verdict, culprit };
}

function toEntry(core: Core, flight: Flight, stored: StoredValue, age: number): MemoryEntry | undefined {
  try {
    const now = core.clock.now();
    const expiresAt = now + stored.freshFor - age;
    const copied = isCopied(core, stored.binary);
    const value = core.codec.decode(stored);
    return new MemoryEntry(value, {
      bytes: 64 + 2 * stored.payload.length,
      copied,
      createdAt: stored.createdAt,
      expiresAt: stored.expired ? Math.min(now, expiresAt) : expiresAt,
      staleUntil: expiresAt + stored.staleFor,
      epoch: flight.epoch,
      markers: stored.markers.map((marker) => marker.name),
      version: stored.version,
      source: stored.source,
    });
  } catch (error) {
    report(core, 'read', error, flight.key);
    return undefined;
  }
}

/** Copies a value found in Redis into memory, unless its key or markers changed since the read began. */
export function promote(core: Core, flight: Flight, lookup: Lookup, policy: ResolvedPolicy): void {
  const { fresh, found } = lookup;
  if (!fresh || found?.stored.remoteOnly || !inMemory(core, policy)) return;
  if (!core.flights.spoiled(flight, fresh.markers)) toMemory(core, flight.key, fresh);
}

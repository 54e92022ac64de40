import { CacheEntryError } from '../cache.errors.js';
import type { RemoteRead } from '../tiers/tier.js';
import type { Core } from './core.js';
import { inMemory, isCopied, prepareValue, report, toMemory } from './core.js';
import { decodeEntry, type MarkerValue, type StoredValue } from './entry-format.js';
import type { Verdict } from './epochs.js';
import type { Flight } from './flights.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { VERSION_LENGTH, type Version } from './version.js';

/** What Redis says of a key. */
export interface Lookup {
  /** A value that may be served. */
  fresh?: MemoryEntry | undefined;
  /** A value that may stand in for a load that fails. Decoded only when that happens. */
  stale?: (() => MemoryEntry | undefined) | undefined;
  /** The version under the key: with it a load may store. `undefined`: nothing is there. */
  token?: Version;
  /** The process that made the token loads it for all others. */
  claimed?: boolean;
  /** It did, in vain, and nobody is to try again for a while. */
  failed?: boolean;
  /** What is there, for `explain`. */
  found?: Found;
  /** Something is there that this version cannot read. */
  alien?: boolean;
}

interface Found {
  stored: StoredValue;
  verdict: Verdict;
  /** The marker that changed. */
  culprit: string | undefined;
}

const NOTHING: Lookup = {};

/** Asks Redis for a key and judges what it finds. Rejects with `CacheUnavailableError` when Redis does not answer. */
export async function lookUp(core: Core, flight: Flight): Promise<Lookup> {
  if (!core.remote) return NOTHING;
  return judge(core, flight, await core.remote.read(flight.key, flight.markers));
}

/** Judges bytes and markers that were read for a flight. At once, unless markers are needed that only the entry names. */
export function judge(core: Core, flight: Flight, read: RemoteRead): Lookup | Promise<Lookup> {
  if (read.entry === null) return NOTHING;
  const stored = decodeEntry(read.entry);
  if (stored.kind === 'hold') return { token: stored.version, claimed: stored.claimed };
  if (stored.kind === 'alien') {
    report(
      core,
      'read',
      new CacheEntryError(`An entry in Redis cannot be read: ${stored.reason}.`, 'It is loaded again.'),
      flight.key,
    );
    // What is too short for a version is as good as nothing: a hold replaces it.
    return stored.version.length < VERSION_LENGTH ? { alien: true } : { token: stored.version, alien: true };
  }
  const unknown = stored.markers.filter((name) => !flight.markers.includes(name));
  if (unknown.length === 0 || !core.remote) {
    return conclude(core, flight, compareMarkers(core, flight, stored, flight.markers, read.markers));
  }
  return core.remote.read(undefined, unknown, flight.key).then((more) => {
    const names = [...flight.markers, ...unknown];
    return conclude(core, flight, compareMarkers(core, flight, stored, names, [...read.markers, ...more.markers]));
  });
}

/** Compares the markers an entry was stored with to the current ones. A marker that is gone is a dead one. */
function compareMarkers(
  core: Core,
  flight: Flight,
  stored: StoredValue,
  names: readonly string[],
  values: readonly (MarkerValue | null)[],
): Found {
  // An entry written before a prefix was declared would not hear of its invalidation.
  if (core.remote?.refuses(flight.key, names) || core.prefixes.missing(flight.key, stored.markers)) {
    return { stored, verdict: 'dead', culprit: undefined };
  }
  let verdict: Verdict = stored.expired ? 'expired' : 'valid';
  let culprit: string | undefined;
  for (let i = 0; i < stored.markers.length; i++) {
    const name = stored.markers[i] as string;
    const then = stored.markerValues[i] as MarkerValue;
    const now = values[names[i] === name ? i : names.indexOf(name)];
    if (now === then) continue;
    culprit = name;
    if (now?.slice(0, VERSION_LENGTH) !== then.slice(0, VERSION_LENGTH)) return { stored, verdict: 'dead', culprit };
    verdict = 'expired';
  }
  return { stored, verdict, culprit };
}

function conclude(core: Core, flight: Flight, found: Found): Lookup {
  const { stored, verdict } = found;
  const token = stored.version;
  const age = Math.max(0, core.clock.now() - stored.createdAt);
  if (verdict === 'valid' && age < stored.freshFor) {
    return { token, found, claimed: stored.claimed, fresh: toEntry(core, flight, stored, age), stale: undefined };
  }
  const usable = verdict !== 'dead' && age < stored.freshFor + stored.staleFor;
  const stale = usable ? () => toEntry(core, flight, stored, age) : undefined;
  return { token, found, claimed: stored.claimed, failed: stored.failed, fresh: undefined, stale };
}

function toEntry(core: Core, flight: Flight, stored: StoredValue, age: number): MemoryEntry | undefined {
  try {
    const entry = new MemoryEntry(core.codec.decode(stored), {
      bytes: 64 + 2 * stored.payload.length,
      copied: isCopied(core, stored.binary),
      // By this process' clock: a writer whose clock is ahead must not give the entry a longer life here.
      createdAt: core.clock.now() - age,
      freshFor: stored.expired ? Math.min(age, stored.freshFor) : stored.freshFor,
      staleFor: stored.expired ? stored.staleFor + Math.max(0, stored.freshFor - age) : stored.staleFor,
      epoch: flight.epoch,
      markers: stored.markers,
      version: stored.version,
      source: stored.source,
      believedUntil: 0,
    });
    if (flight.single) entry.alone = true;
    else makeReady(core, entry);
    return entry;
  } catch (error) {
    report(core, 'read', error, flight.key);
    return undefined;
  }
}

/** Here, where an error is a miss: bytes from outside may be nested too deeply to be copied or made read-only. */
function makeReady(core: Core, entry: MemoryEntry): void {
  if (entry.copied) core.values.copy(entry.value);
  else prepareValue(core, entry.value);
  entry.ready = true;
}

/** Copies a value found in Redis into memory, unless its key or markers changed since the read began. */
export function promote(core: Core, flight: Flight, lookup: Lookup, policy: ResolvedPolicy): void {
  const { fresh, found } = lookup;
  if (!fresh || found?.stored.remoteOnly || !inMemory(core, policy)) return;
  if (core.flights.outOfDate(flight, fresh)) return;
  fresh.refreshFrom(policy.refreshAhead);
  toMemory(core, flight.key, fresh);
}

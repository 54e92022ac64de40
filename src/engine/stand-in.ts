import { LoadBackOffError } from '../cache.errors.js';
import { type Core, inMemory, report, toMemory } from './core.js';
import type { Flight } from './flights.js';
import type { Lookup } from './lookup.js';
import type { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';

/** Client errors that tell of trouble, not of what was asked for: Request Timeout, Too Many Requests. */
const TROUBLE = [408, 429];

/** The default of `staleOn`: an error like Nest's `NotFoundException` is what the source has to say. */
export function isNoAnswer(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('getStatus' in error)) return true;
  const status: unknown = typeof error.getStatus === 'function' ? error.getStatus() : undefined;
  return !(typeof status === 'number' && status >= 400 && status < 500 && !TROUBLE.includes(status));
}

/** Whether a stale value may take the place of this error. */
export function hidesBehindStale(core: Core, key: string, policy: ResolvedPolicy, error: unknown): boolean {
  if (policy.grace === 0) return false;
  if (error instanceof LoadBackOffError) return true;
  try {
    return policy.staleOn(error);
  } catch (thrown) {
    report(core, 'staleOn', thrown, key);
    return true;
  }
}

/**
 * The value that may stand in for a load. When Redis answered, what it has counts: a copy in memory may have been evicted by
 * somebody else, unless it never was in Redis.
 */
export function standIn(
  core: Core,
  flight: Flight,
  policy: ResolvedPolicy,
  lookup: Lookup | undefined,
): MemoryEntry | undefined {
  if (policy.grace === 0 || flight.dead) return undefined;
  const now = core.clock.now();
  const { shown } = flight;
  if (shown && now < shown.expiresAt) return undefined;
  const own = core.memory?.peek(flight.key);
  const usable = own && (lookup === undefined || own.version === undefined) ? own : (lookup?.stale?.() ?? shown);
  if (!usable || core.epochs.since(usable.epoch, usable.markers) === 'dead') return undefined;
  return now < Math.min(usable.staleUntil, usable.expiresAt + policy.grace) ? usable : undefined;
}

/** Serves a stale value, and goes on doing so until the next try is due. */
export function serveStale(
  core: Core,
  flight: Flight,
  entry: MemoryEntry,
  policy: ResolvedPolicy,
  error: unknown,
): MemoryEntry {
  core.counters.stale++;
  core.events.emit('stale', { key: flight.key, error });
  keepStale(core, flight, entry, policy, error);
  return entry;
}

/** Keeps a stale value in memory until the next try is due. */
export function keepStale(
  core: Core,
  flight: Flight,
  entry: MemoryEntry,
  policy: ResolvedPolicy,
  error: unknown,
): void {
  if (!inMemory(core, policy) || flight.flagged || flight.touched) return;
  entry.trouble = error;
  entry.epoch = flight.epoch;
  const until = Math.min(entry.staleUntil, entry.expiresAt + policy.grace);
  toMemory(core, flight.key, entry);
  entry.serveUntil(Math.min(core.clock.now() + policy.graceBackoff, until));
  entry.believedUntil = entry.freshUntil; // stale is what grace allows
}

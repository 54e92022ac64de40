import { openTransaction } from '../transactions/transaction-context.js';
import { type Core, isStrong, report } from './core.js';
import type { Milliseconds } from './duration.js';
import type { Flight } from './flights.js';
import type { Loader, Loading } from './loading.js';
import { type Lookup, lookUp, promote } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';

/** A value that was served and is to be loaded anew, because its end is near. */
export interface Due {
  key: string;
  entry: MemoryEntry;
  policy: ResolvedPolicy;
}

/** For how many keys it is remembered that a refresh failed. */
const MAX_FAILED = 1_000;

/**
 * Early refresh: loads values anew before their end, while they are served. A refresh is a load whose token is the version of the
 * value shown, so whatever changes the key meanwhile wins. One at a time for each key, in this process by `running`, among
 * all processes by the claim in Redis.
 */
export class Refreshing {
  private readonly running = new Set<string>();
  /** When the next try is due, after one that failed. */
  private readonly notBefore = new Map<string, Milliseconds>();

  constructor(
    private readonly core: Core,
    private readonly loading: Loading,
  ) {}

  /** Refreshes in the background, if nobody does; resolves when that is over. Never rejects. */
  begin({ key, entry, policy }: Due, load: Loader): Promise<void> | undefined {
    const { core, running } = this;
    // A transaction may see rows that are not committed.
    if (running.has(key) || openTransaction() !== undefined || this.isPutOff(key)) return undefined;
    running.add(key);
    entry.refreshAt(entry.servedUntil); // meanwhile there is nothing to be done
    core.background.begin();
    return this.refresh(key, entry, load, policy)
      .catch((error: unknown) => {
        // The 'loaded' event has told why. Values that nobody had to wait for are no reason for an error of a caller.
        this.putOff(key, core.clock.now() + policy.graceBackoff);
        entry.refreshAt(core.clock.now() + policy.graceBackoff);
        return error;
      })
      .then(() => {
        running.delete(key);
        core.background.end();
      });
  }

  /**
   * Loads a key again, if what it has still came from the source `from`: a backup, whose primary may be back. Readers have that
   * value until the load has ended, and keep it when it fails. Resolves with the source of what is there then: with `from` also if
   * somebody else is loading it.
   */
  async replace(key: string, load: Loader, policy: ResolvedPolicy, from: string): Promise<string | undefined> {
    const { core, running } = this;
    if (running.has(key)) return from;
    running.add(key);
    core.background.begin();
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    flight.background = true;
    flight.replaces = true;
    let flying = false;
    try {
      const asks = core.remote !== undefined && policy.redis;
      const lookup = asks ? await this.lookQuietly(flight) : undefined;
      const there = lookup ? lookup.fresh : core.memory?.peek(key);
      if (there === undefined && asks && !lookup) return from; // Redis did not answer: it may be there still
      // What is gone, or is at its end, or came from elsewhere, is no business of this load any more.
      if (there === undefined || there.expiresAt <= core.clock.now()) return undefined;
      if (there.source !== from || lookup?.claimed) return there.source;
      if (core.epochs.since(there.epoch, there.markers) !== 'valid') return undefined;
      flight.shown = there;
      flying = true;
      core.counters.refreshes++;
      const outcome = await this.loading.load(flight, load, policy, lookup);
      return outcome instanceof MemoryEntry ? outcome.source : undefined;
    } finally {
      if (!flying) core.flights.end(flight);
      running.delete(key);
      core.background.end();
    }
  }

  private async refresh(key: string, entry: MemoryEntry, load: Loader, policy: ResolvedPolicy): Promise<void> {
    const { core } = this;
    const flight = core.flights.start(key, core.prefixes.markersOf(key, policy.tags));
    flight.shown = entry;
    flight.background = true;
    let lookup: Lookup | undefined;
    if (core.remote && policy.redis) {
      lookup = await this.look(flight, policy);
      if (!lookup) {
        core.flights.end(flight);
        this.lookAgain(entry);
        return;
      }
    }
    core.counters.refreshes++;
    const outcome = this.loading.load(flight, load, policy, lookup);
    if (!isStrong(core, policy)) flight.shared = outcome;
    await outcome;
    this.notBefore.delete(key);
    this.lookAgain(entry); // it may stay: the load brought nothing to store, or another process began one
  }

  /** What Redis has, if it is this process that is to load. */
  private async look(flight: Flight, policy: ResolvedPolicy): Promise<Lookup | undefined> {
    const { core } = this;
    const { key, markers } = flight;
    if (core.remote?.refuses(key, markers)) return undefined;
    const lookup = await this.lookQuietly(flight);
    if (!lookup) return undefined;
    const { fresh, claimed } = lookup;
    if (!fresh) {
      // It is not there any more: this is a load like any other, which others may share.
      flight.shown = undefined;
      return lookup;
    }
    if (!fresh.isDue(policy.refreshAhead, core.clock.now())) {
      // Another process was faster.
      promote(core, flight, lookup, policy);
      return undefined;
    }
    flight.shown = fresh;
    return claimed ? undefined : lookup;
  }

  private async lookQuietly(flight: Flight): Promise<Lookup | undefined> {
    try {
      return await lookUp(this.core, flight);
    } catch (error) {
      report(this.core, 'read', error, flight.key);
      return undefined;
    }
  }

  /** Somebody else refreshes it, or nobody can: time to look again when half of what is left has passed. */
  private lookAgain(entry: MemoryEntry): void {
    const now = this.core.clock.now();
    entry.refreshAt(now + Math.max(1, (entry.expiresAt - now) / 2));
  }

  private isPutOff(key: string): boolean {
    const until = this.notBefore.get(key);
    if (until === undefined) return false;
    if (until > this.core.clock.now()) return true;
    this.notBefore.delete(key);
    return false;
  }

  private putOff(key: string, until: Milliseconds): void {
    const { notBefore } = this;
    notBefore.delete(key);
    notBefore.set(key, until);
    if (notBefore.size > MAX_FAILED) notBefore.delete(notBefore.keys().next().value as string);
  }
}

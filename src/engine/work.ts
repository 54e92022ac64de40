import { LoadTimeoutError, OverloadError } from '../cache.errors.js';
import { type Core, isStrong } from './core.js';
import { FOREVER } from './duration.js';
import type { Flight } from './flights.js';
import type { LoadRecord } from './load-context.js';
import type { Lookup } from './lookup.js';
import { MemoryEntry } from './memory-entry.js';
import type { ResolvedPolicy } from './policy.js';
import { hidesBehindStale, keepStale, serveStale, standIn } from './stand-in.js';

/** A result that no store keeps, as the loader gave it. */
export interface Unstored {
  raw: unknown;
  /** Tags that the load told. */
  tags: readonly string[];
}

/** What the callers of a load get: an entry, of which each takes its value, or a result that was not storable. */
export type Outcome = MemoryEntry | Unstored;

const unheard = (): void => undefined;

/** One load, and what its callers get: its result, or after a while what may stand in for it. */
export class Work {
  readonly outcome: Promise<Outcome>;
  /** What the loader was given, once it runs. */
  record: LoadRecord | undefined;
  private resolve!: (outcome: Outcome) => void;
  private reject!: (error: unknown) => void;
  /** The stale value that its first callers got, because it took too long for them. */
  private meanwhile: MemoryEntry | undefined;
  private inBackground = false;
  /** Why its callers were answered before it ended: `hardTimeout` is over. */
  givenUp: Error | undefined;
  /** What `staleOn` said of an error: it is asked once. */
  private judged: { error: unknown; hidden: boolean } | undefined;

  constructor(
    private readonly core: Core,
    readonly flight: Flight,
    readonly policy: ResolvedPolicy,
    /** What Redis said; `undefined` if it was not asked. */
    readonly lookup: Lookup | undefined,
  ) {
    this.outcome = this.open();
  }

  /** Whether `softTimeout` may matter. */
  mayBeLate(): boolean {
    const { core, flight, lookup, policy } = this;
    if (policy.softTimeout === FOREVER || policy.grace === 0) return false;
    return lookup?.stale !== undefined || flight.shown !== undefined || core.memory?.peek(flight.key) !== undefined;
  }

  /** It takes longer than `softTimeout`: from now on callers get a stale value while it goes on, if one may stand in. */
  serveMeanwhile(): void {
    const { core, flight, policy, lookup } = this;
    if (flight.shown) {
      // Nobody waits for a refresh yet. Who comes after the end of the value shall not wait either.
      flight.standIn = () => this.stale(this.lateness());
      return;
    }
    const error = this.lateness();
    const entry = standIn(core, flight, policy, lookup);
    if (!entry) return;
    this.resolve(serveStale(core, flight, entry, policy, error));
    this.meanwhile = entry;
    this.goOn();
    const rest = this.open();
    rest.catch(unheard);
    if (isStrong(core, policy)) return;
    flight.shared = rest;
    flight.standIn = () => this.stale(error);
  }

  /** Nobody waits for it any more: it counts as background work. */
  goOn(): void {
    if (this.inBackground) return;
    this.inBackground = true;
    this.core.background.begin();
  }

  /** It has settled. */
  end(): void {
    if (this.inBackground) this.core.background.end();
    this.inBackground = false;
  }

  succeed(outcome: Outcome): void {
    // Another process has stored it: Redis has the new value.
    if (this.meanwhile && outcome instanceof MemoryEntry) this.forgetStale(outcome);
    this.resolve(outcome);
  }

  fail(error: unknown): void {
    const { core, flight, policy, lookup, meanwhile } = this;
    const entry = this.hides(error) ? standIn(core, flight, policy, lookup) : undefined;
    if (entry && meanwhile) {
      keepStale(core, flight, entry, policy, error);
      this.resolve(entry);
    } else if (entry) {
      this.resolve(serveStale(core, flight, entry, policy, error));
    } else {
      if (meanwhile) this.forgetStale();
      this.reject(error);
    }
  }

  /** Whether the next try is to be put off: a stale value stands in for the error. */
  isBackOff(error: unknown): boolean {
    const { core, flight, policy, lookup } = this;
    // Another process may have room for what this one has not.
    if (flight.claim === undefined || !flight.kept || error instanceof OverloadError) return false;
    // When what came from a backup is tried again is for its chain to say.
    if (flight.shown !== undefined) return !flight.replaces;
    return this.hides(error) && standIn(core, flight, policy, lookup) !== undefined;
  }

  private hides(error: unknown): boolean {
    if (this.judged === undefined || this.judged.error !== error) {
      this.judged = { error, hidden: hidesBehindStale(this.core, this.flight.key, this.policy, error) };
    }
    return this.judged.hidden;
  }

  private lateness(): LoadTimeoutError {
    return new LoadTimeoutError(this.flight.key, this.policy.softTimeout, 'softTimeout');
  }

  private stale(error: unknown): MemoryEntry | undefined {
    const { core, flight, policy, lookup } = this;
    const entry = standIn(core, flight, policy, lookup);
    return entry && serveStale(core, flight, entry, policy, error);
  }

  /** What stood in meanwhile is not served any longer. */
  private forgetStale(unless?: MemoryEntry): void {
    const { core, flight, meanwhile } = this;
    if (meanwhile !== unless && core.memory?.peek(flight.key) === meanwhile) meanwhile?.expire();
  }

  private open(): Promise<Outcome> {
    return new Promise<Outcome>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

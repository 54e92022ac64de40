import type { Clock } from './clock.js';
import type { Milliseconds } from './duration.js';
import type { Epochs } from './epochs.js';
import type { Submitted } from './lanes/lane.js';
import type { MemoryEntry } from './memory-entry.js';
import type { Version } from './version.js';

/**
 * Something under way that may end in a store: a read of Redis, a load, a put. Whatever invalidates its key meanwhile
 * flags it; a flagged flight answers its callers and stores nothing in this process.
 */
export class Flight {
  flagged = false;
  /**
   * Something was done to its key in Redis, it is not known what. If that was a change, Redis refuses what this flight would
   * store there, for its token is gone; memory and new callers have nobody to ask, and do without it.
   */
  touched = false;
  /** If all that flagged it was a put of another process: the version that put. A read that found it found nothing old. */
  overtakenBy: Version | undefined;
  /** What flagged it means to remove the old value, too: that must not stand in for a load that fails. */
  dead = false;
  /**
   * For puts: another put or an invalidation was *called* later and has the last word. Not the same as flagged: what was
   * called earlier flags a put too, when it ends later.
   */
  overruled = false;
  /** If another put did that: when it is done. Who was overruled is not done before. */
  successor: Promise<void> | undefined;
  /** Set for loads: others who want the key may share this. */
  shared: Promise<unknown> | undefined;
  /** The claim with which other processes are kept waiting for it. */
  claim: Version | undefined;
  /** Nobody waits for its load when it begins: a refresh, a warm-up. */
  background = false;
  /** A load that has a place in the lane waits for it: it takes none itself. */
  nested = false;
  /** Its load, where that waits for its turn or has had it. */
  queued: Submitted<unknown> | undefined;
  /** The claim keeps a value that may stand in. */
  kept = false;
  /** What its load refreshes before its end: until then nobody waits for the load. */
  shown: MemoryEntry | undefined;
  /** Set when the load took longer than `softTimeout`: new callers get the stale value, if it still may stand in. */
  standIn: (() => MemoryEntry | undefined) | undefined;
  /** Nobody can share it, and nothing of it is stored: what it reads belongs to its caller alone. */
  single = false;
  /** It only replaces what a backup gave: nobody can join it, and the primary alone is asked. */
  replaces = false;
  next: Flight | undefined;

  constructor(
    readonly key: string,
    readonly epoch: number,
    /** The markers known when it began. */
    readonly markers: readonly string[],
    /** When it began: what it brings is not older. */
    readonly begun: Milliseconds,
  ) {}
}

/** All flights of a cache, by key. */
export class Flights {
  private readonly heads = new Map<string, Flight>();
  count = 0;

  constructor(
    private readonly epochs: Epochs,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  start(key: string, markers: readonly string[]): Flight {
    const flight = new Flight(key, this.epochs.current, markers, this.clock.now());
    flight.next = this.heads.get(key);
    this.heads.set(key, flight);
    this.count++;
    return flight;
  }

  end(flight: Flight): void {
    // A map that was filled and emptied often leaves dead tables behind that still point to flights, and live long: they
    // must not keep the values too.
    flight.shared = undefined;
    flight.standIn = undefined;
    const head = this.heads.get(flight.key);
    if (head === flight) {
      if (flight.next) this.heads.set(flight.key, flight.next);
      else this.heads.delete(flight.key);
    } else {
      let before = head;
      while (before && before.next !== flight) before = before.next;
      if (!before) return;
      before.next = flight.next;
    }
    this.count--;
  }

  /** A load of this key that a new caller may share: nothing it is known to depend on was changed since it began. */
  joinable(key: string): Flight | undefined {
    let flight = this.heads.get(key);
    while (flight && (flight.shared === undefined || flight.touched || this.spoiled(flight))) flight = flight.next;
    return flight;
  }

  /** Something was done to a key in Redis. */
  touch(key: string): void {
    for (let flight = this.heads.get(key); flight; flight = flight.next) flight.touched = true;
  }

  /** True if what it brings must not be stored in memory. */
  keptOutOfMemory(flight: Flight, late: readonly string[]): boolean {
    return flight.touched || this.spoiled(flight, late);
  }

  /** True if what it brings must not be stored in this process. `late`: markers that only its result told. */
  spoiled(flight: Flight, late?: readonly string[], despiteFlag = false): boolean {
    if (flight.flagged && !despiteFlag) return true;
    if (flight.epoch === this.epochs.current) return false;
    return (
      this.epochs.since(flight.epoch, flight.markers) !== 'valid' ||
      (late !== undefined && this.epochs.since(flight.epoch, late) !== 'valid')
    );
  }

  /** Flags what is under way for a key. `called`: by an operation that is being called now, not one that ends now. */
  flag(key: string, how: { dead: boolean; called: boolean }, except?: Flight): void {
    for (let flight = this.heads.get(key); flight; flight = flight.next) {
      if (flight === except) continue;
      flight.flagged = true;
      flight.overtakenBy = undefined;
      if (how.dead) flight.dead = true;
      if (how.called) flight.overruled = true;
    }
  }

  /** A put is being called: it has the last word. Answers what to call when it is done, if somebody waits for that. */
  succeed(key: string): (() => void) | undefined {
    if (!this.heads.has(key)) return undefined;
    this.flag(key, { dead: true, called: true });
    let done = (): void => {};
    const successor = new Promise<void>((resolve) => {
      done = resolve;
    });
    for (let flight = this.heads.get(key); flight; flight = flight.next) flight.successor = successor;
    return done;
  }

  /** Another process put this version. */
  overtake(key: string, version: Version): void {
    for (let flight = this.heads.get(key); flight; flight = flight.next) {
      // The last put heard of is the last one made: what was there before it is old.
      if (!flight.flagged || flight.overtakenBy !== undefined) flight.overtakenBy = version;
      flight.flagged = true;
      flight.dead = true;
    }
  }

  /** True if a value that was found under the key must not be stored in this process. */
  outOfDate(flight: Flight, found: { version: Version | undefined; markers: readonly string[] }): boolean {
    if (flight.touched) return true;
    const latest = flight.overtakenBy !== undefined && flight.overtakenBy === found.version;
    return this.spoiled(flight, found.markers, latest);
  }

  flagWhere(matches: (key: string) => boolean, how: { dead: boolean; called: boolean }): void {
    for (const key of this.heads.keys()) if (matches(key)) this.flag(key, how);
  }

  /** A change of these markers is being called: puts under way that depend on them come before it. */
  overrule(markers: readonly string[]): void {
    for (const flight of this.all()) {
      if (flight.markers.some((name) => markers.includes(name))) flight.overruled = true;
    }
  }

  /** Something newer was stored: what began earlier for the key must not replace it. */
  outdate(flight: Flight): void {
    for (let older = flight.next; older; older = older.next) older.flagged = true;
  }

  *all(): Iterable<Flight> {
    for (const head of this.heads.values()) {
      for (let flight: Flight | undefined = head; flight; flight = flight.next) yield flight;
    }
  }

  has(key: string): boolean {
    return this.heads.has(key);
  }
}

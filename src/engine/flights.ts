import type { Epochs } from './epochs.js';

/**
 * Something under way that may end in a store: a read of Redis, a load, a put. Whatever invalidates its key meanwhile
 * flags it; a flagged flight answers its callers and stores nothing in this process.
 */
export class Flight {
  flagged = false;
  /** Set for loads: others who want the key may share this. */
  shared: Promise<unknown> | undefined;
  followers = 0;
  next: Flight | undefined;

  constructor(
    readonly key: string,
    readonly epoch: number,
    /** The markers known when it began. */
    readonly markers: readonly string[],
  ) {}
}

/** All flights of a cache, by key. */
export class Flights {
  private readonly heads = new Map<string, Flight>();
  count = 0;

  constructor(private readonly epochs: Epochs) {}

  start(key: string, markers: readonly string[]): Flight {
    const flight = new Flight(key, this.epochs.current, markers);
    flight.next = this.heads.get(key);
    this.heads.set(key, flight);
    this.count++;
    return flight;
  }

  end(flight: Flight): void {
    // A map that was filled and emptied often leaves dead tables behind that still point to flights, and live long: they
    // must not keep the values too.
    flight.shared = undefined;
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

  /** A load of this key that a new caller may share: nothing it depends on was changed since it began. */
  joinable(key: string): Flight | undefined {
    let flight = this.heads.get(key);
    while (flight && (flight.shared === undefined || this.spoiled(flight))) flight = flight.next;
    return flight;
  }

  /** True if what it brings must not be stored in this process. `late`: markers that only its result told. */
  spoiled(flight: Flight, late?: readonly string[]): boolean {
    if (flight.flagged) return true;
    if (flight.epoch === this.epochs.current) return false;
    return (
      this.epochs.since(flight.epoch, flight.markers) !== 'valid' ||
      (late !== undefined && this.epochs.since(flight.epoch, late) !== 'valid')
    );
  }

  flag(key: string, except?: Flight): void {
    for (let flight = this.heads.get(key); flight; flight = flight.next) if (flight !== except) flight.flagged = true;
  }

  flagWhere(matches: (key: string) => boolean): void {
    for (const key of this.heads.keys()) if (matches(key)) this.flag(key);
  }

  has(key: string): boolean {
    return this.heads.has(key);
  }
}

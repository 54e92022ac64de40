import type { Milliseconds } from '../../engine/duration.js';
import { BoundedStore } from '../../tiers/memory/bounded-store.js';
import type { KeyState } from '../write-buffer.js';

/** Most copies, of all shards. */
const MAX_COPIES = 10_000;
/** Life of holds: as long as a load may take. */
const HOLD = 30_000;

/** A copy of what the database has, or (`row` undefined) a hold: somebody is loading it. */
interface Copy {
  /** Not counted. */
  bytes: number;
  state: KeyState;
  row: string | null | undefined;
  until: Milliseconds;
}

/** Copies of rows, least recently used ones leaving first. The state of each is a new one whenever it is put in. */
export class RowCopies {
  private readonly copies = new BoundedStore<Copy>({
    maxEntries: MAX_COPIES,
    maxBytes: Number.POSITIVE_INFINITY,
    eviction: 'lru',
  });
  private made = 0;

  constructor(
    /** Life of copies; 0: none are kept, but holds are. */
    private readonly ttl: Milliseconds,
    private readonly now: () => Milliseconds,
  ) {}

  /** What is there, or else a new hold. */
  getOrHold(name: string): Readonly<Copy> {
    return this.live(this.copies.get(name)) ?? this.set(name, undefined, HOLD);
  }

  stateOf(name: string): KeyState | undefined {
    return this.live(this.copies.peek(name))?.state;
  }

  put(name: string, row: string | null): void {
    if (this.ttl > 0) this.set(name, row, this.ttl);
    else this.copies.delete(name);
  }

  /** Keeps a copy if nothing changed since the load of it began. */
  fill(name: string, state: KeyState, row: string | null): void {
    if (this.ttl > 0 && this.stateOf(name) === state) this.set(name, row, this.ttl);
  }

  delete(name: string): void {
    this.copies.delete(name);
  }

  private live(copy: Copy | undefined): Copy | undefined {
    return copy && copy.until > this.now() ? copy : undefined;
  }

  private set(name: string, row: string | null | undefined, life: Milliseconds): Copy {
    const copy = { bytes: 0, state: `c${++this.made}`, row, until: this.now() + life };
    this.copies.set(name, copy);
    return copy;
  }
}

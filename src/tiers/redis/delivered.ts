import type { Milliseconds } from '../../engine/duration.js';
import type { Version } from '../../engine/version.js';
import type { MarkerChange } from '../tier.js';

export interface Change {
  kind: 'keys' | 'markers';
  change: MarkerChange;
  names: readonly string[];
  /** Of puts: what the keys have now. */
  versions?: readonly Version[] | undefined;
}

interface Confirmed extends Change {
  at: Milliseconds;
}

/**
 * Changes that Redis confirmed but may still lose: a restart or a failover forgets its last writes. They are kept until an
 * echo proves that Redis still stood `lossWindow` later; if the connection breaks before, they are made again.
 */
export class Delivered {
  private list: Confirmed[] = [];
  private names = 0;
  private tooMany = false;

  constructor(
    private readonly lossWindow: Milliseconds,
    private readonly limit: number,
  ) {}

  get size(): number {
    return this.names;
  }

  add(change: Change, at: Milliseconds): void {
    if (this.lossWindow === 0 || change.names.length === 0) return;
    this.names += change.names.length;
    this.list.push({ ...change, at });
    if (this.names <= this.limit) return;
    this.tooMany = true;
    this.forget(Math.ceil(this.list.length / 2));
  }

  /** An echo of what was said at `sent` was heard. */
  safe(sent: Milliseconds): void {
    let count = 0;
    while (count < this.list.length && (this.list[count] as Confirmed).at + this.lossWindow <= sent) count++;
    if (count > 0) this.forget(count);
    if (this.list.length === 0) this.tooMany = false;
  }

  /** What has to be made again; `everything` if that were too much. */
  takeAll(): Change[] | 'everything' {
    const { list, tooMany } = this;
    this.list = [];
    this.names = 0;
    this.tooMany = false;
    return tooMany ? 'everything' : list;
  }

  private forget(count: number): void {
    for (const { names } of this.list.slice(0, count)) this.names -= names.length;
    this.list = this.list.slice(count);
  }
}

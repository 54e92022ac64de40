import type { Milliseconds } from '../../engine/duration.js';

/** What waits in a queue. */
export interface Waiting {
  due: Milliseconds;
  /** Of two that are due at the same time, the lower one is first. */
  readonly since: number;
  /** Its place in the queue: the queue's own business. */
  index: number;
}

/**
 * Ordered by when each is due: a binary heap whose items know their place. A change costs O(log n), and nothing stale stays
 * behind, however often one of them is moved.
 */
export class DueQueue<Item extends Waiting> {
  private readonly heap: Item[] = [];

  get first(): Item | undefined {
    return this.heap[0];
  }

  add(item: Item): void {
    this.put(this.heap.length, item);
    this.rise(item);
  }

  remove(item: Item): void {
    const last = this.heap.pop();
    if (last === undefined || last === item) return;
    this.put(item.index, last);
    this.settle(last);
  }

  move(item: Item, due: Milliseconds): void {
    item.due = due;
    this.settle(item);
  }

  /** The first ones due until then, in their order, while they are `wanted`. They stay in the queue. O(log n) for each. */
  upTo(until: Milliseconds, wanted: (item: Item) => boolean): Item[] {
    const found: Item[] = [];
    for (let item = this.first; item && item.due <= until && wanted(item); item = this.first) {
      this.remove(item);
      found.push(item);
    }
    for (const item of found) this.add(item);
    return found;
  }

  private settle(item: Item): void {
    this.rise(item);
    this.sink(item);
  }

  private rise(item: Item): void {
    while (item.index > 0) {
      const above = this.heap[(item.index - 1) >> 1] as Item;
      if (!isBefore(item, above)) return;
      this.swap(item, above);
    }
  }

  private sink(item: Item): void {
    for (;;) {
      const left = this.heap[2 * item.index + 1];
      const right = this.heap[2 * item.index + 2];
      const below = right && left && isBefore(right, left) ? right : left;
      if (!below || !isBefore(below, item)) return;
      this.swap(item, below);
    }
  }

  private swap(one: Item, other: Item): void {
    const { index } = one;
    this.put(other.index, one);
    this.put(index, other);
  }

  private put(index: number, item: Item): void {
    this.heap[index] = item;
    item.index = index;
  }
}

function isBefore(one: Waiting, other: Waiting): boolean {
  return one.due < other.due || (one.due === other.due && one.since < other.since);
}

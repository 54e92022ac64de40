import type { Eviction } from './eviction.js';
import { grown, LinkedSlots } from './linked-slots.js';

/** Uses are counted up to this. */
const MOST = 255;

/** After so many requests for each entry all counts are halved, so that what was popular once does not stay for ever. */
const REQUESTS_PER_AGE = 10;

/** The entry leaves that was used least often; of several, the one that was not used for longest. A list for each count. */
export class LeastFrequent implements Eviction {
  private readonly byCount = new LinkedSlots(MOST + 1);
  private counts = new Uint8Array(0);
  private size = 0;
  /** Uses and new entries since the last time. */
  private requests = 0;

  grow(capacity: number): void {
    this.byCount.grow(capacity);
    this.counts = grown(this.counts, capacity);
  }

  enter(slot: number): void {
    this.counts[slot] = 0;
    this.attach(slot);
    this.tick();
  }

  used(slot: number): void {
    const count = this.counts[slot] as number;
    this.byCount.remove(slot);
    this.counts[slot] = count < MOST ? count + 1 : MOST;
    this.byCount.append(this.counts[slot] as number, slot);
    this.tick();
  }

  resized(): void {}

  detach(slot: number): void {
    this.byCount.remove(slot);
    this.size--;
  }

  attach(slot: number): void {
    this.byCount.append(this.counts[slot] as number, slot);
    this.size++;
  }

  evict(): number {
    let count = 0;
    while (this.byCount.isEmpty(count)) count++;
    const slot = this.byCount.oldest(count);
    this.detach(slot);
    return slot;
  }

  /** Halving costs a fraction of a nanosecond for each request that led to it, a millisecond or so with a million entries. */
  private tick(): void {
    // The arrays stay as long as they once were: that counts, too.
    if (++this.requests < REQUESTS_PER_AGE * Math.max(this.size, this.counts.length >> 4)) return;
    this.requests = 0;
    const { counts } = this;
    for (let slot = 0; slot < counts.length; slot++) counts[slot] = (counts[slot] as number) >> 1;
    for (let count = 1; count <= MOST; count++) this.byCount.moveAll(count, count >> 1);
  }
}

import type { Eviction } from './eviction.js';
import { LinkedSlots } from './linked-slots.js';

const ALL = 0;

/** The entry leaves that was not used for longest. */
export class LeastRecent implements Eviction {
  private readonly order = new LinkedSlots(1);

  grow(capacity: number): void {
    this.order.grow(capacity);
  }

  enter(slot: number): void {
    this.order.append(ALL, slot);
  }

  used(slot: number): void {
    if (this.order.isYoungest(ALL, slot)) return;
    this.order.remove(slot);
    this.order.append(ALL, slot);
  }

  resized(): void {}

  detach(slot: number): void {
    this.order.remove(slot);
  }

  attach(slot: number): void {
    this.order.append(ALL, slot);
  }

  evict(): number {
    const slot = this.order.oldest(ALL);
    this.order.remove(slot);
    return slot;
  }
}

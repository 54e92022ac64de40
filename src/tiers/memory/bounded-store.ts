import type { MemoryStore, Sized } from '../tier.js';
import type { Eviction, EvictionName } from './eviction.js';
import { LeastFrequent } from './lfu.js';
import { LeastRecent } from './lru.js';
import { S3Fifo } from './s3-fifo.js';

export interface MemoryBounds {
  maxEntries: number;
  /** Bound on the sum of the entries' estimated bytes; `Infinity`: none. */
  maxBytes: number;
  eviction: EvictionName;
}

/** A `Map` takes no more. */
const MOST_ENTRIES = 2 ** 24;

const FIRST_CAPACITY = 64;

const EVICTION: Record<EvictionName, (bytesOf: (slot: number) => number) => Eviction> = {
  's3-fifo': (bytesOf) => new S3Fifo(bytesOf),
  lru: () => new LeastRecent(),
  lfu: () => new LeastFrequent(),
};

/**
 * The memory tier. Each entry has a slot: a number under which arrays keep its key, the entry itself, and what the eviction
 * policy notes. Room is made before an entry is put in, so the bounds hold at any moment.
 */
export class BoundedStore<Entry extends Sized> implements MemoryStore<Entry> {
  private readonly slots = new Map<string, number>();
  private keyOf: (string | undefined)[] = [];
  private entries: (Entry | undefined)[] = [];
  /** Slots below `used` that are empty. */
  private free: number[] = [];
  private used = 0;
  private capacity = 0;
  private order: Eviction;
  private readonly maxEntries: number;
  private readonly maxBytes: number;
  private readonly countsBytes: boolean;
  bytes = 0;
  evictions = 0;

  constructor(private readonly bounds: MemoryBounds) {
    this.maxEntries = Math.min(bounds.maxEntries, MOST_ENTRIES);
    this.maxBytes = bounds.maxBytes;
    this.countsBytes = bounds.maxBytes < Number.POSITIVE_INFINITY;
    this.order = this.startOrder();
  }

  get(key: string): Entry | undefined {
    const slot = this.slots.get(key);
    if (slot === undefined) return undefined;
    this.order.used(slot);
    return this.entries[slot];
  }

  peek(key: string): Entry | undefined {
    const slot = this.slots.get(key);
    return slot === undefined ? undefined : this.entries[slot];
  }

  set(key: string, entry: Entry): void {
    const slot = this.slots.get(key);
    if (this.countsBytes && entry.bytes > this.maxBytes) {
      if (slot !== undefined) this.remove(key, slot);
    } else if (slot === undefined) {
      this.insert(key, entry);
    } else {
      this.replace(slot, entry);
    }
  }

  delete(key: string): boolean {
    const slot = this.slots.get(key);
    if (slot === undefined) return false;
    this.remove(key, slot);
    return true;
  }

  clear(): void {
    this.slots.clear();
    this.keyOf = [];
    this.entries = [];
    this.free = [];
    this.used = 0;
    this.bytes = 0;
    this.order = this.startOrder();
  }

  keys(): IterableIterator<string> {
    return this.slots.keys();
  }

  get size(): number {
    return this.slots.size;
  }

  private insert(key: string, entry: Entry): void {
    const bytes = this.weigh(entry);
    if (this.slots.size >= this.maxEntries) this.evict(false);
    while (this.bytes + bytes > this.maxBytes) this.evict(true);
    const slot = this.free.pop() ?? this.nextSlot();
    this.slots.set(key, slot);
    this.keyOf[slot] = key;
    this.entries[slot] = entry;
    this.bytes += bytes;
    this.order.enter(slot, key);
  }

  private replace(slot: number, entry: Entry): void {
    const more = this.weigh(entry) - this.weigh(this.entries[slot] as Entry);
    this.order.used(slot);
    if (this.bytes + more > this.maxBytes) {
      // Not in the order meanwhile: it must not make room for itself.
      this.order.detach(slot);
      while (this.bytes + more > this.maxBytes) this.evict(true);
      this.entries[slot] = entry;
      this.order.attach(slot);
    } else {
      this.entries[slot] = entry;
      if (more !== 0) this.order.resized(slot, more);
    }
    this.bytes += more;
  }

  private remove(key: string, slot: number): void {
    this.order.detach(slot);
    this.drop(key, slot);
  }

  private evict(forBytes: boolean): void {
    const slot = this.order.evict(forBytes);
    this.drop(this.keyOf[slot] as string, slot);
    this.evictions++;
  }

  private drop(key: string, slot: number): void {
    this.bytes -= this.weigh(this.entries[slot] as Entry);
    this.slots.delete(key);
    this.keyOf[slot] = undefined;
    this.entries[slot] = undefined;
    this.free.push(slot);
  }

  private weigh(entry: Entry): number {
    return this.countsBytes ? entry.bytes : 0;
  }

  private nextSlot(): number {
    if (this.used === this.capacity) this.grow(Math.min(2 * this.capacity, this.maxEntries));
    return this.used++;
  }

  private startOrder(): Eviction {
    this.order = EVICTION[this.bounds.eviction]((slot) => this.weigh(this.entries[slot] as Entry));
    this.grow(Math.min(FIRST_CAPACITY, this.maxEntries));
    return this.order;
  }

  private grow(capacity: number): void {
    this.capacity = capacity;
    this.order.grow(capacity);
  }
}

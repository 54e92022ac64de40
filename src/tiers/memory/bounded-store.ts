import type { MemoryStore, Sized } from '../tier.js';
import type { Eviction, EvictionName } from './eviction.js';
import { KeyTable } from './key-table.js';
import { LeastFrequent } from './lfu.js';
import { LeastRecent } from './lru.js';
import { S3Fifo } from './s3-fifo.js';

export interface MemoryBounds {
  maxEntries: number;
  /** Bound on the sum of the entries' estimated bytes; `Infinity`: none. */
  maxBytes: number;
  eviction: EvictionName;
}

/** A `Map` takes no more, and it may happen that all keys are in one. */
const MOST_ENTRIES = 2 ** 24;

const FIRST_CAPACITY = 64;

const NONE = -1;

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
  private slots: KeyTable;
  /** Its key; the next free slot, or `NONE`, if it is free itself: a list of free slots that needs no room. */
  private keyOf: (string | number)[] = [];
  private entries: (Entry | undefined)[] = [];
  private firstFree = NONE;
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
    this.slots = new KeyTable(this.maxEntries);
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
    this.slots = new KeyTable(this.maxEntries);
    this.keyOf = [];
    this.entries = [];
    this.firstFree = NONE;
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
    const slot = this.takeSlot();
    this.slots.add(key, slot);
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
    this.slots.remove(key);
    this.entries[slot] = undefined;
    this.keyOf[slot] = this.firstFree;
    this.firstFree = slot;
  }

  private weigh(entry: Entry): number {
    return this.countsBytes ? entry.bytes : 0;
  }

  private takeSlot(): number {
    const slot = this.firstFree;
    if (slot !== NONE) {
      this.firstFree = this.keyOf[slot] as number;
      return slot;
    }
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
    // Made for so many at once: an array that grows by itself takes up to half as much again.
    this.keyOf = longer(this.keyOf, capacity);
    this.entries = longer(this.entries, capacity);
    this.order.grow(capacity);
  }
}

function longer<T>(old: readonly T[], length: number): T[] {
  const copy = new Array<T>(length);
  for (let i = 0; i < old.length; i++) copy[i] = old[i] as T;
  return copy;
}

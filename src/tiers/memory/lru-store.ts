import { LRUCache } from 'lru-cache';
import type { MemoryStore, Sized } from '../tier.js';

export interface MemoryBounds {
  maxEntries: number;
  /** Bound on the sum of the entries' estimated bytes; `Infinity`: none. */
  maxBytes: number;
}

/** Least recently used, by the library lru-cache. Life times are the engine's: its own are not used. */
export class LruStore<Entry extends Sized> implements MemoryStore<Entry> {
  private readonly cache: LRUCache<string, Entry>;
  evictions = 0;

  constructor(bounds: MemoryBounds) {
    this.cache = new LRUCache<string, Entry>({
      max: bounds.maxEntries,
      ...(bounds.maxBytes < Number.POSITIVE_INFINITY && {
        maxSize: bounds.maxBytes,
        sizeCalculation: (entry: Entry) => entry.bytes,
      }),
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') this.evictions++;
      },
    });
  }

  get(key: string): Entry | undefined {
    return this.cache.get(key);
  }

  peek(key: string): Entry | undefined {
    return this.cache.peek(key);
  }

  set(key: string, entry: Entry): void {
    this.cache.set(key, entry);
  }

  delete(key: string): boolean {
    return this.cache.delete(key);
  }

  clear(): void {
    this.cache.clear();
  }

  keys(): Iterable<string> {
    return this.cache.keys();
  }

  get size(): number {
    return this.cache.size;
  }

  get bytes(): number {
    return this.cache.calculatedSize;
  }
}

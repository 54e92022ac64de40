/** Which entry leaves when there is no room. See docs/memory.md. */
export const EVICTIONS = ['s3-fifo', 'lru', 'lfu'] as const;
export type EvictionName = (typeof EVICTIONS)[number];

/**
 * The order in which the entries of a store leave. It knows them by the numbers of their slots, which the store hands out
 * from 0 on and uses again. It keeps its notes in arrays of integers, so that an entry costs it a few bytes and no object.
 */
export interface Eviction {
  /** From now on slots below `capacity` may enter. */
  grow(capacity: number): void;
  /** A new entry. */
  enter(slot: number, key: string): void;
  /** It was read, or stored again. */
  used(slot: number): void;
  /** Its bytes changed by so many. */
  resized(slot: number, bytes: number): void;
  /** Takes it out of the order; what is known of its uses stays until another entry enters under its number. */
  detach(slot: number): void;
  /** Puts it back, as the youngest where it was. */
  attach(slot: number): void;
  /** Chooses who leaves and takes it out. `forBytes`: it is bytes that are short, not entries. Only when there is one. */
  evict(forBytes: boolean): number;
}

import type { Eviction } from './eviction.js';
import { Ghosts } from './ghosts.js';
import { hashKey } from './key-hash.js';
import { grown, LinkedSlots } from './linked-slots.js';

const SMALL = 0;
const MAIN = 1;

const NOBODY = -1;

/** Uses since the last look at an entry are counted up to this. */
const MOST_USES = 3;

/** Added to the uses of an entry of the main queue. */
const MAIN_NOTE = MOST_USES + 1;

/** The small queue's share of the room, to begin with and at its bounds. */
const SHARE = 0.1;
const LEAST_SHARE = 0.02;
const MOST_SHARE = 0.9;

/**
 * A key that comes back within so many evictions of its queue, as a share of the entries, would still be there if that queue were
 * slightly larger. What left the main queue had been used, and comes back later. Both were chosen on the
 * recorded and generated loads of `npm run bench -- eviction`.
 */
const SOON_SMALL = 0.15;
const SOON_MAIN = 0.2;

/** After so many looks at entries that were all used the next one has to go: one put must not walk through a million of them. */
const MOST_LOOKS = 4_096;

/**
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023). A new entry goes into a
 * small queue. At its end it moves to the main queue if it was used meanwhile, else it leaves: what is asked for once passes
 * through without touching the rest. At the end of the main queue an entry that was used goes round again. Keys that left the
 * small queue lately are remembered: one that comes back goes into the main queue at once.
 *
 * Unlike there the share of the small queue adapts, as in ARC (Megiddo, Modha, FAST 2003) but with narrow windows: keys that
 * come back just after they left the small queue make it larger, those that left the main queue make it smaller. Without that small
 * caches and loads with bursts lose much against LRU.
 *
 * A use is one increment: no list changes.
 */
export class S3Fifo implements Eviction {
  private readonly queues = new LinkedSlots(2);
  private readonly leftSmall = new Ghosts();
  private readonly leftMain = new Ghosts();
  /** By slot: its uses, plus `MAIN_NOTE` if it is in the main queue. */
  private notes = new Uint8Array(0);
  private hashes = new Int32Array(0);
  private share = SHARE;
  private inSmall = 0;
  private inMain = 0;
  private bytesInSmall = 0;
  private bytesInMain = 0;

  constructor(private readonly bytesOf: (slot: number) => number) {}

  grow(capacity: number): void {
    this.queues.grow(capacity);
    this.notes = grown(this.notes, capacity);
    this.hashes = grown(this.hashes, capacity);
    this.leftSmall.grow(capacity);
    this.leftMain.grow(Math.ceil(capacity * SOON_MAIN));
  }

  enter(slot: number, key: string): void {
    const hash = hashKey(key);
    this.hashes[slot] = hash;
    this.notes[slot] = this.returns(hash) ? MAIN_NOTE : 0;
    this.attach(slot);
  }

  used(slot: number): void {
    const notes = this.notes[slot] as number;
    if ((notes & MOST_USES) < MOST_USES) this.notes[slot] = notes + 1;
  }

  resized(slot: number, bytes: number): void {
    if (this.isInMain(slot)) this.bytesInMain += bytes;
    else this.bytesInSmall += bytes;
  }

  detach(slot: number): void {
    this.queues.remove(slot);
    this.count(slot, -1, -this.bytesOf(slot));
  }

  attach(slot: number): void {
    this.queues.append(this.isInMain(slot) ? MAIN : SMALL, slot);
    this.count(slot, 1, this.bytesOf(slot));
  }

  evict(forBytes: boolean): number {
    const small = forBytes ? this.bytesInSmall : this.inSmall;
    const main = forBytes ? this.bytesInMain : this.inMain;
    if (this.inMain === 0 || small >= this.share * (small + main)) {
      const slot = this.evictSmall();
      if (slot !== NOBODY) return slot;
    }
    return this.evictMain();
  }

  /** `NOBODY` if all that it looked at were used: they have moved to the main queue then. */
  private evictSmall(): number {
    for (let looks = 0; looks < MOST_LOOKS && this.inSmall > 0; looks++) {
      const slot = this.queues.oldest(SMALL);
      this.detach(slot);
      if (this.notes[slot] === 0) {
        this.leftSmall.add(this.hashes[slot] as number);
        return slot;
      }
      this.notes[slot] = MAIN_NOTE;
      this.attach(slot);
    }
    return NOBODY;
  }

  private evictMain(): number {
    const { notes, queues } = this;
    let slot = queues.oldest(MAIN);
    for (let looks = 0; looks < MOST_LOOKS && notes[slot] !== MAIN_NOTE; looks++) {
      notes[slot] = (notes[slot] as number) - 1;
      slot = queues.after(MAIN, slot);
    }
    // Those that go round, all at once.
    queues.rotate(MAIN, slot);
    this.detach(slot);
    this.leftMain.add(this.hashes[slot] as number);
    return slot;
  }

  /** Whether a key left lately, so that it belongs into the main queue. What it would have taken to keep it adapts the share. */
  private returns(hash: number): boolean {
    const size = this.inSmall + this.inMain;
    const sinceSmall = this.leftSmall.take(hash);
    if (sinceSmall <= size) {
      if (sinceSmall <= SOON_SMALL * size) this.share = Math.min(MOST_SHARE, this.share + 1 / size);
      return true;
    }
    if (this.leftMain.take(hash) > SOON_MAIN * size) return false;
    this.share = Math.max(LEAST_SHARE, this.share - 1 / size);
    return true;
  }

  private isInMain(slot: number): boolean {
    return (this.notes[slot] as number) >= MAIN_NOTE;
  }

  private count(slot: number, entries: 1 | -1, bytes: number): void {
    if (this.isInMain(slot)) {
      this.inMain += entries;
      this.bytesInMain += bytes;
    } else {
      this.inSmall += entries;
      this.bytesInSmall += bytes;
    }
  }
}

import { hashKey } from '../../src/tiers/memory/key-hash.js';

/** What a model of a policy must say: who leaves next. Written to be read, not to be fast. */
export interface EvictionModel {
  enter(key: string): void;
  used(key: string): void;
  removed(key: string): void;
  /** Takes it out while room is made for what replaces it; the answer puts it back, as the youngest where it was. */
  aside(key: string): () => void;
  /** @param bytesOf bytes of those that are there @param forBytes bytes are short, not entries */
  victim(bytesOf: (key: string) => number, forBytes: boolean): string;
}

export class LruModel implements EvictionModel {
  private order: string[] = [];
  enter(key: string): void {
    this.order.push(key);
  }
  used(key: string): void {
    this.aside(key)();
  }
  removed(key: string): void {
    this.order = this.order.filter((other) => other !== key);
  }
  aside(key: string): () => void {
    this.removed(key);
    return () => this.enter(key);
  }
  victim(): string {
    return this.order[0] as string;
  }
}

export class LfuModel implements EvictionModel {
  /** Sorted by count, then by last use. */
  private entries: { key: string; count: number }[] = [];
  private requests = 0;
  enter(key: string): void {
    this.put(key, 0);
    this.tick();
  }
  used(key: string): void {
    const count = this.count(key);
    this.removed(key);
    this.put(key, Math.min(255, count + 1));
    this.tick();
  }
  removed(key: string): void {
    this.entries = this.entries.filter((entry) => entry.key !== key);
  }
  aside(key: string): () => void {
    const count = this.count(key);
    this.removed(key);
    return () => this.put(key, count);
  }
  victim(): string {
    return this.entries[0]?.key as string;
  }
  private tick(): void {
    if (++this.requests < 10 * this.entries.length) return;
    this.requests = 0;
    for (const entry of this.entries) entry.count = Math.floor(entry.count / 2);
  }
  private count(key: string): number {
    return this.entries.find((entry) => entry.key === key)?.count as number;
  }
  private put(key: string, count: number): void {
    this.entries = [...this.entries, { key, count }].sort((a, b) => a.count - b.count);
  }
}

/** S3-FIFO with the share of the small queue that adapts. The ghosts of so few keys never overflow their table. */
export class S3FifoModel implements EvictionModel {
  private small: string[] = [];
  private main: string[] = [];
  private uses = new Map<string, number>();
  /** Of all that ever left each queue, the last ones at the end. */
  private leftSmall: (string | undefined)[] = [];
  private leftMain: (string | undefined)[] = [];
  private share = 0.1;

  enter(key: string): void {
    this.uses.set(key, 0);
    const size = this.small.length + this.main.length;
    const step = 1 / Math.max(1, size);
    const sinceSmall = take(this.leftSmall, key);
    if (sinceSmall <= size) {
      if (sinceSmall <= 0.15 * size) this.share = Math.min(0.9, this.share + step);
      this.main.push(key);
    } else if (take(this.leftMain, key) <= 0.2 * size) {
      this.share = Math.max(0.02, this.share - step);
      this.main.push(key);
    } else {
      this.small.push(key);
    }
  }
  used(key: string): void {
    this.uses.set(key, Math.min(3, (this.uses.get(key) as number) + 1));
  }
  removed(key: string): void {
    this.small = this.small.filter((other) => other !== key);
    this.main = this.main.filter((other) => other !== key);
  }
  aside(key: string): () => void {
    const queue = this.small.includes(key) ? 'small' : 'main';
    this.removed(key);
    return () => this[queue].push(key);
  }
  victim(bytesOf: (key: string) => number, forBytes: boolean): string {
    const weight = (keys: string[]) => (forBytes ? keys.reduce((sum, key) => sum + bytesOf(key), 0) : keys.length);
    const [small, main] = [weight(this.small), weight(this.main)];
    if (this.small.length > 0 && (this.main.length === 0 || small >= this.share * (small + main))) {
      while (this.small.length > 0) {
        const key = this.small.shift() as string;
        if (this.uses.get(key) === 0) {
          this.leftSmall.push(key);
          return key;
        }
        this.uses.set(key, 0);
        this.main.push(key);
      }
    }
    for (;;) {
      const key = this.main.shift() as string;
      const uses = this.uses.get(key) as number;
      if (uses === 0) {
        this.leftMain.push(key);
        return key;
      }
      this.uses.set(key, uses - 1);
      this.main.push(key);
    }
  }
}

/** How many left after it; forgets it. */
function take(left: (string | undefined)[], key: string): number {
  const at = left.findLastIndex((other) => other !== undefined && hashKey(other) === hashKey(key));
  if (at < 0) return Number.POSITIVE_INFINITY;
  left[at] = undefined;
  return left.length - 1 - at;
}

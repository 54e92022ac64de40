import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import { WriteBehindDeadLetterError } from './write-behind.errors.js';
import type { WriteBuffer, WriteVersion } from './write-buffer.js';

interface Waiting {
  key: string;
  /** Whether what is dirty now (`undefined`: nothing) is what was waited for. */
  settled(version: WriteVersion | undefined): boolean;
  resolve(): void;
  reject(error: unknown): void;
}

const FIRST_LOOK: Milliseconds = 5;
const LONGEST_LOOK: Milliseconds = 100;
const MAX_KEYS = 500;

/** Waits until writes have left the buffer. All who wait for one shard share one look at it. */
export class Settling {
  private readonly waiting = new Map<number, Set<Waiting>>();

  constructor(
    private readonly buffer: WriteBuffer,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the key no longer has this version: it was written, refused, or replaced by a newer one. */
  changed(shard: number, key: string, version: WriteVersion, timeout: Milliseconds, late: () => Error): Promise<void> {
    return this.wait(shard, key, (now) => now !== version, timeout, late);
  }

  /** Resolves when the database has this version or a later one; rejects if it became a dead letter. */
  async persisted(
    shard: number,
    key: string,
    version: WriteVersion,
    timeout: Milliseconds,
    late: () => Error,
    entity: string,
  ): Promise<void> {
    await this.wait(shard, key, (now) => now === undefined, timeout, late);
    const [letter] = await this.buffer.letters(shard, [key]);
    if (letter && BigInt(letter.version) >= BigInt(version)) throw new WriteBehindDeadLetterError(entity, letter.error);
  }

  private wait(
    shard: number,
    key: string,
    settled: Waiting['settled'],
    timeout: Milliseconds,
    late: () => Error,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const known = this.waiting.get(shard);
      const all = known ?? new Set<Waiting>();
      const finish = (then: () => void): void => {
        cancel();
        all.delete(entry);
        then();
      };
      const entry: Waiting = {
        key,
        settled,
        resolve: () => finish(resolve),
        reject: (error) => finish(() => reject(error)),
      };
      const cancel = this.clock.after(timeout, () => finish(() => reject(late())));
      all.add(entry);
      if (known) return; // somebody looks already
      this.waiting.set(shard, all);
      this.look(shard, all, FIRST_LOOK);
    });
  }

  private look(shard: number, all: Set<Waiting>, delay: Milliseconds): void {
    this.clock.after(delay, async () => {
      if (all.size > 0) await this.check(shard, all);
      if (all.size === 0) this.waiting.delete(shard);
      else this.look(shard, all, Math.min(delay * 1.5, LONGEST_LOOK));
    });
  }

  private async check(shard: number, all: Set<Waiting>): Promise<void> {
    const entries = [...all];
    try {
      for (let from = 0; from < entries.length; from += MAX_KEYS) {
        const part = entries.slice(from, from + MAX_KEYS);
        const keys = [...new Set(part.map(({ key }) => key))];
        const dirty = await this.buffer.dirty(shard, keys);
        for (const entry of part) if (entry.settled(dirty.get(entry.key))) entry.resolve();
      }
    } catch (error) {
      for (const entry of entries) entry.reject(error);
    }
  }
}

import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { Marked, Write, WriteBuffer } from './write-buffer.js';

interface Waiting {
  write: Write;
  resolve(marked: Marked): void;
  reject(error: unknown): void;
  cancel(): void;
  /** What to reject with: its time was over while it was being tried. */
  late?: Error;
}

/** How often a full shard is tried again. */
const PAUSE: Milliseconds = 20;
/** How many waiting writes try at once. */
const TRIES = 64;

/** Writers that wait for room in one shard, in the order in which they came. One timer for all of them. */
export class Backlog {
  private readonly waiting: Waiting[] = [];
  private trying = false;

  constructor(
    private readonly buffer: WriteBuffer,
    private readonly shard: number,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.waiting.length;
  }

  /** Whether a write to this key waits: a later one must not overtake it. */
  has(key: string): boolean {
    return this.waiting.some(({ write }) => write.key === key);
  }

  /** Waits for room; rejects with what `late` makes when there is none in time. */
  add(write: Write, timeout: Milliseconds, late: () => Error): Promise<Marked> {
    return new Promise((resolve, reject) => {
      const entry: Waiting = { write, resolve, reject, cancel: () => undefined };
      entry.cancel = this.clock.after(timeout, () => {
        const at = this.waiting.indexOf(entry);
        if (at < 0) {
          // It is being tried at this moment: if it is taken, that counts.
          entry.late = late();
          return;
        }
        this.waiting.splice(at, 1);
        reject(late());
      });
      this.waiting.push(entry);
      this.tryLater();
    });
  }

  /** Rejects all who wait. */
  close(error: () => Error): void {
    for (const { cancel, reject } of this.waiting.splice(0)) {
      cancel();
      reject(error());
    }
  }

  private tryLater(): void {
    if (this.trying || this.waiting.length === 0) return;
    this.trying = true;
    this.clock.after(PAUSE, () => void this.tryNow());
  }

  private async tryNow(): Promise<void> {
    const first = this.waiting.splice(0, TRIES);
    try {
      const answers = await this.buffer.write(
        this.shard,
        first.map(({ write }) => write),
      );
      const left: Waiting[] = [];
      first.forEach((entry, i) => {
        const answer = answers[i] as Marked;
        if (answer.status === 'full') {
          if (entry.late) entry.reject(entry.late);
          else left.push(entry);
          return;
        }
        entry.cancel();
        entry.resolve(answer);
      });
      this.waiting.unshift(...left);
    } catch (error) {
      for (const { cancel, reject } of first) {
        cancel();
        reject(error);
      }
    }
    this.trying = false;
    this.tryLater();
  }
}

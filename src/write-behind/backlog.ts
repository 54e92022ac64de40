import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { Marked, Write, WriteBuffer } from './write-buffer.js';

interface Waiting {
  write: Write;
  resolve(marked: Marked): void;
  reject(error: unknown): void;
  cancel(): void;
  /** It is being tried at this moment: if it is taken, that counts. */
  trying: boolean;
  /** What to reject with if it is not taken: its time was over while it was being tried. */
  late?: Error;
}

/** How often a full shard is tried again. */
const PAUSE: Milliseconds = 20;
/** How many waiting writes try at once, at most: one to find out whether there is room, then more and more. */
const TRIES = 64;

/** Writers that wait for room in one shard, in the order in which they came. One timer for all of them. */
export class Backlog {
  /** Also those that are being tried: they keep their places until it is known what became of them. */
  private readonly waiting = new Set<Waiting>();
  private trying = false;
  private tries = 1;
  private closed: (() => Error) | undefined;

  constructor(
    private readonly buffer: Pick<WriteBuffer, 'write'>,
    private readonly shard: number,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  /** Whether a write to this key waits: a later one must not overtake it. */
  has(key: string): boolean {
    for (const { write } of this.waiting) if (write.key === key) return true;
    return false;
  }

  /** Waits for room; rejects with what `late` makes when there is none in time. */
  add(write: Write, timeout: Milliseconds, late: () => Error): Promise<Marked> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(this.closed());
        return;
      }
      const entry: Waiting = { write, resolve, reject, cancel: () => undefined, trying: false };
      entry.cancel = this.clock.after(timeout, () => this.giveUp(entry, late()));
      this.waiting.add(entry);
      this.tryLater();
    });
  }

  /** Rejects all who wait, and who come later. */
  close(error: () => Error): void {
    this.closed = error;
    for (const entry of this.waiting) this.giveUp(entry, error());
  }

  private giveUp(entry: Waiting, error: Error): void {
    if (entry.trying) entry.late = error;
    else this.end(entry, () => entry.reject(error));
  }

  private end(entry: Waiting, settle: () => void): void {
    entry.cancel();
    this.waiting.delete(entry);
    settle();
  }

  private tryLater(): void {
    if (this.trying || this.waiting.size === 0) return;
    this.trying = true;
    this.clock.after(PAUSE, () => void this.tryNow());
  }

  private async tryNow(): Promise<void> {
    const first = this.first();
    if (first.length > 0) await this.try(first);
    this.trying = false;
    this.tryLater();
  }

  /** One of each key: of two together the later one could be taken without the first. */
  private first(): Waiting[] {
    const first = new Map<string, Waiting>();
    for (const entry of this.waiting) {
      if (first.size === this.tries) break;
      if (!first.has(entry.write.key)) first.set(entry.write.key, entry);
    }
    return [...first.values()];
  }

  private async try(entries: readonly Waiting[]): Promise<void> {
    for (const entry of entries) entry.trying = true;
    try {
      const writes = entries.map(({ write }) => write);
      const answers = await this.buffer.write(this.shard, writes);
      this.tries = answers.some(({ status }) => status === 'full') ? 1 : Math.min(2 * this.tries, TRIES);
      entries.forEach((entry, i) => {
        const answer = answers[i] as Marked;
        entry.trying = false;
        if (answer.status !== 'full') this.end(entry, () => entry.resolve(answer));
        else if (entry.late) this.end(entry, () => entry.reject(entry.late));
      });
    } catch (error) {
      for (const entry of entries) this.end(entry, () => entry.reject(error));
    }
  }
}

import { type Clock, elapsed } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import { withVersion } from '../row-version.js';
import type {
  BufferedLetter,
  BufferOptions,
  Claim,
  ClaimOptions,
  Failed,
  Failure,
  KeyReading,
  Marked,
  PendingWrite,
  ShardStats,
  Wake,
  Write,
} from '../write-buffer.js';
import { type Dirty, DirtyKeys, pending, sizeOf } from './dirty-keys.js';
import type { RowCopies } from './row-copies.js';
import { ShardLease } from './shard-lease.js';
import { ShardLetters } from './shard-letters.js';

// The same numbers as of the buffer in Redis, where their comments are.
const MAX_CLAIM = 8 * 1024 * 1024;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;

const NEVER = Number.NEGATIVE_INFINITY;

/** One shard in memory: redis/scripts.ts, step by step, on a clock that is not set back. */
export class MemoryShard {
  private readonly waiting = new DirtyKeys();
  private readonly dead = new ShardLetters();
  private readonly lease = new ShardLease();
  private last = 0;
  private marked = 0;
  private flushed = 0;
  /** Until when somebody was told to come; once that is over, the wake-up is taken for lost. */
  private armed = NEVER;

  constructor(
    private readonly number: number,
    private readonly options: BufferOptions,
    private readonly copies: RowCopies,
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  write(writes: readonly Write[]): Marked[] {
    const now = this.now();
    const before = this.waiting.size;
    const answers = writes.map((write) => this.mark(write, now));
    const urgent = writes.some((write, i) => write.urgent && answers[i]?.status === 'marked');
    const { batchSize } = this.options;
    const first = answers.find((answer) => answer.status === 'marked');
    // One of them wakes for all.
    if (first) first.wake = this.wake(now, urgent || (before < batchSize && this.waiting.size >= batchSize));
    return answers;
  }

  read(key: string): KeyReading {
    const entry = this.waiting.get(key);
    if (entry) return { kind: 'pending', state: `v${entry.version}`, write: pending(entry) };
    const { state, row } = this.copies.getOrHold(this.copyOf(key));
    return row === undefined ? { kind: 'absent', state } : { kind: 'cached', state, payload: row };
  }

  /** Where the cached row of a key is. */
  copyOf(key: string): string {
    return `${this.number}:${key}`;
  }

  dirty(keys?: readonly string[]): Map<string, string> {
    return new Map(this.waiting.of(keys).map(({ key, version }) => [key, String(version)]));
  }

  hasten(keys?: readonly string[]): void {
    const now = this.now();
    for (const entry of this.waiting.of(keys)) {
      if (entry.due > now && entry.attempts === 0) this.waiting.move(entry, now);
    }
  }

  claim(options: ClaimOptions): Claim {
    const now = this.now();
    const epoch = this.lease.take(now, options, this.micros());
    if (epoch === undefined) return { status: 'refused' };
    let count = 0;
    let bytes = 0;
    const writes = this.waiting.upTo(now + options.ahead, (entry) => {
      bytes += entry.bytes;
      return count++ < options.limit && (count === 1 || bytes <= MAX_CLAIM);
    });
    // Coming sooner would only use up the attempts of those that wait after a refusal.
    const ready = writes.filter((entry) => entry.due <= now || entry.attempts === 0);
    return { status: 'claimed', epoch, writes: ready.map(pending) };
  }

  ack(writes: readonly Pick<PendingWrite, 'key' | 'version'>[]): void {
    const due = this.now() + this.options.flushDelay;
    for (const { key, version } of writes) {
      this.dead.removeUntil(key, version);
      const entry = this.waiting.get(key);
      if (entry && String(entry.version) === version) this.waiting.remove(entry);
      else if (entry) this.waiting.move(entry, due);
    }
    this.flushed += writes.length;
  }

  fail(failures: readonly Failure[]): Failed[] {
    const now = this.now();
    const share = 1 - this.random() / 2;
    return failures.map(({ key, version, kind, error }) => {
      const entry = this.waiting.find(key, version);
      if (!entry) return { result: 'gone', attempts: 0 };
      const attempts = ++entry.attempts;
      if (this.isOver(entry, kind, now)) {
        this.bury(entry, error);
        return { result: 'dead', attempts };
      }
      const pause = Math.min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE);
      this.waiting.move(entry, Math.ceil(now + pause * share));
      return { result: 'retry', attempts };
    });
  }

  release(owner: string, after: Milliseconds): Milliseconds | undefined {
    const now = this.now();
    this.lease.giveBack(owner);
    const { first } = this.waiting;
    const wait = first && Math.max(0, first.due - now, after);
    this.armed = wait === undefined ? NEVER : now + wait + this.options.grace;
    return wait;
  }

  dueIn(): Milliseconds | undefined {
    const { first } = this.waiting;
    return first && first.due - this.now();
  }

  letters(keys?: readonly string[]): BufferedLetter[] {
    return this.dead.of(keys);
  }

  replay(keys?: readonly string[]): number {
    const now = this.now();
    let count = 0;
    for (const letter of this.dead.of(keys)) {
      this.dead.remove(letter.key);
      if (this.waiting.get(letter.key)) continue;
      this.waiting.add(letter, this.nextVersion(), now);
      this.copies.delete(this.copyOf(letter.key));
      count++;
    }
    return count;
  }

  discard(keys: readonly string[]): number {
    return keys.filter((key) => this.dead.remove(key)).length;
  }

  stats(): ShardStats {
    const { marked, flushed, dead, waiting } = this;
    const lag = Math.max(0, -(this.dueIn() ?? 0));
    return { dirty: waiting.size, deadLetters: dead.size, bytes: waiting.bytes + dead.bytes, lag, marked, flushed };
  }

  private mark(write: Write, now: Milliseconds): Marked {
    const { key, operation, payload, label, expected, urgent } = write;
    const entry = this.waiting.get(key);
    if (expected && expected !== (entry ? `v${entry.version}` : this.copies.stateOf(this.copyOf(key)))) {
      return { status: 'conflict' };
    }
    if (!entry && this.isFull(sizeOf(key, payload))) return { status: 'full' };
    const due = urgent ? now : now + this.options.flushDelay;
    if (entry) {
      // A hot key cannot postpone its own flush; one that waited after failures is tried again like a new one.
      if (urgent) this.waiting.move(entry, Math.min(entry.due, due));
      else if (entry.attempts > 0) this.waiting.move(entry, due);
      this.waiting.rewrite(entry, write, this.nextVersion());
    } else {
      this.waiting.add(write, this.nextVersion(), due);
    }
    const version = String(this.last);
    this.copies.put(this.copyOf(key), operation === 'upsert' ? withVersion(payload, label, version) : null);
    this.marked++;
    return { status: 'marked', version, wake: 'no' };
  }

  /** Whether somebody was told already to come as soon as this write needs it. */
  private wake(now: Milliseconds, hurry: boolean): Wake {
    const { flushDelay, grace } = this.options;
    if (!hurry && this.armed >= now && this.armed <= now + flushDelay + grace) return 'no';
    this.armed = now + (hurry ? 0 : flushDelay) + grace;
    return hurry ? 'now' : 'later';
  }

  private isFull(more: number): boolean {
    const { waiting, dead } = this;
    const { maxEntries, maxBytes } = this.options;
    return waiting.size + dead.size >= maxEntries || waiting.bytes + dead.bytes + more > maxBytes;
  }

  private isOver(entry: Dirty, kind: Failure['kind'], now: Milliseconds): boolean {
    if (kind === 'data') return entry.attempts >= this.options.rowAttempts;
    // While nobody could try it, for example because the database was away, nobody could write the other row either.
    if (entry.waitsSince === undefined) entry.waitsSince = now;
    else entry.waitsSince += Math.max(0, now - entry.due);
    return now - entry.waitsSince >= this.options.constraintRetry;
  }

  private nextVersion(): number {
    this.last = Math.max(this.last + 1, this.micros());
    return this.last;
  }

  private micros(): number {
    return Math.floor(this.clock.now() * 1_000);
  }

  private bury(entry: Dirty, error: string): void {
    this.waiting.remove(entry);
    this.dead.add({ ...pending(entry), error, attempts: entry.attempts, at: this.clock.now() }, entry.bytes);
    if (!this.options.keepDeadValues) this.copies.delete(this.copyOf(entry.key));
  }

  /** Whole milliseconds, as in Redis. */
  private now(): Milliseconds {
    return Math.floor(elapsed(this.clock));
  }
}

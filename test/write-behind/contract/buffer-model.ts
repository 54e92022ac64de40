import type { BufferOptions, Write } from '../../../src/write-behind/write-buffer.js';

/** A write as the model knows it. The object itself stands for the version. */
export interface ModelWrite {
  key: string;
  operation: Write['operation'];
  payload: string;
}

interface ModelDirty {
  write: ModelWrite;
  due: number;
  attempts: number;
  waitsSince: number | undefined;
}

/** A copy or (no row) a hold. The object itself stands for the state. */
interface ModelCopy {
  row?: string | null;
  until: number;
}

/** What a reader saw. */
export type ModelState = ModelWrite | ModelCopy | undefined;

export interface ModelLetter {
  write: ModelWrite;
  error: string;
  attempts: number;
}

const HOLD = 30_000;

/** What a shard of a buffer is meant to do, in the plainest way. */
export class BufferModel {
  now = 0;
  readonly dirty = new Map<string, ModelDirty>();
  readonly letters = new Map<string, ModelLetter>();
  readonly copies = new Map<string, ModelCopy>();
  /** Writes in the order of their versions. */
  readonly history: ModelWrite[] = [];
  marked = 0;
  flushed = 0;
  epoch = 0;
  private armed = Number.NEGATIVE_INFINITY;
  private lease: { owner: string; until: number } | undefined;

  constructor(private readonly options: BufferOptions) {}

  state(key: string): ModelState {
    const copy = this.copies.get(key);
    return this.dirty.get(key)?.write ?? (copy && copy.until > this.now ? copy : undefined);
  }

  /** Like `state`, leaving a hold where nothing is. */
  read(key: string): ModelWrite | ModelCopy {
    const state = this.state(key) ?? { until: this.now + HOLD };
    if ('until' in state) this.copies.set(key, state);
    return state;
  }

  /** Answers what becomes of each write, and who is to wake. */
  write(writes: readonly { write: ModelWrite; expected?: { state: ModelState }; urgent: boolean }[]) {
    const { maxEntries, batchSize, flushDelay, grace } = this.options;
    const before = this.dirty.size;
    let hurry = false;
    const answers = writes.map(({ write, expected, urgent }) => {
      if (expected && (expected.state === undefined || this.state(write.key) !== expected.state)) return 'conflict';
      const old = this.dirty.get(write.key);
      if (!old && this.dirty.size + this.letters.size >= maxEntries) return 'full';
      const usual = old && old.attempts === 0 ? old.due : this.now + flushDelay;
      const due = urgent ? Math.min(old?.due ?? this.now, this.now) : usual;
      this.add(write, due);
      this.copies.set(write.key, this.copyOf(write.operation === 'upsert' ? write.payload : null));
      this.marked++;
      hurry ||= urgent;
      return 'marked';
    });
    let wake = 'no';
    if (!answers.includes('marked')) return { answers, wake };
    if (hurry || (before < batchSize && this.dirty.size >= batchSize)) {
      wake = 'now';
      this.armed = this.now + grace;
    } else if (this.armed < this.now || this.armed > this.now + flushDelay + grace) {
      wake = 'later';
      this.armed = this.now + flushDelay + grace;
    }
    return { answers, wake };
  }

  fill(key: string, state: ModelState, row: string | null): void {
    if (this.options.cacheTtl === 0 || !state || 'key' in state || this.state(key) !== state) return;
    this.copies.set(key, this.copyOf(row));
  }

  hasten(keys: Iterable<string>): void {
    for (const key of keys) {
      const entry = this.dirty.get(key);
      if (entry && entry.attempts === 0) entry.due = Math.min(entry.due, this.now);
    }
  }

  /** Answers the least epoch and whether it may be a higher one, or `undefined`: refused. */
  claim(
    owner: string,
    limit: number,
    lease: number,
    epochAtLeast: number,
  ): { least: number; isNew: boolean } | undefined {
    if (limit === 0 && this.lease?.owner !== owner) return undefined;
    const isNew = !this.lease || this.lease.until <= this.now;
    if (!isNew && this.lease?.owner !== owner) return undefined;
    this.lease = { owner, until: this.now + lease };
    return { least: Math.max(this.epoch + (isNew ? 1 : 0), epochAtLeast), isNew };
  }

  ack(write: ModelWrite): void {
    this.flushed++;
    const letter = this.letters.get(write.key);
    if (letter && this.history.indexOf(letter.write) <= this.history.indexOf(write)) this.letters.delete(write.key);
    const entry = this.dirty.get(write.key);
    if (entry?.write === write) this.dirty.delete(write.key);
    else if (entry) entry.due = this.now + this.options.flushDelay;
  }

  /** With a random share of 0. */
  fail(write: ModelWrite, kind: 'data' | 'order', error: string) {
    const entry = this.dirty.get(write.key);
    if (entry?.write !== write) return { result: 'gone', attempts: 0 };
    const attempts = ++entry.attempts;
    if (kind === 'order') {
      entry.waitsSince =
        entry.waitsSince === undefined ? this.now : entry.waitsSince + Math.max(0, this.now - entry.due);
    }
    const waited = this.now - (entry.waitsSince ?? this.now);
    const over = kind === 'data' ? attempts >= this.options.rowAttempts : waited >= this.options.constraintRetry;
    if (!over) {
      entry.due = this.now + Math.min(250 * 2 ** (attempts - 1), 30_000);
      return { result: 'retry', attempts };
    }
    this.dirty.delete(write.key);
    this.letters.set(write.key, { write, error, attempts });
    if (!this.options.keepDeadValues) this.copies.delete(write.key);
    return { result: 'dead', attempts };
  }

  release(owner: string, after: number): number | undefined {
    if (this.lease?.owner === owner) this.lease = undefined;
    const first = this.dueIn();
    const wait = first === undefined ? undefined : Math.max(0, first, after);
    this.armed = wait === undefined ? Number.NEGATIVE_INFINITY : this.now + wait + this.options.grace;
    return wait;
  }

  dueIn(): number | undefined {
    return this.dirty.size === 0 ? undefined : Math.min(...[...this.dirty.values()].map(({ due }) => due)) - this.now;
  }

  replay(keys: readonly string[]): number {
    let count = 0;
    for (const key of keys) {
      const letter = this.letters.get(key);
      this.letters.delete(key);
      if (!letter || this.dirty.has(key)) continue;
      this.add({ ...letter.write }, this.now);
      this.copies.delete(key);
      count++;
    }
    return count;
  }

  private add(write: ModelWrite, due: number): void {
    this.history.push(write);
    this.dirty.set(write.key, { write, due, attempts: 0, waitsSince: undefined });
  }

  private copyOf(row: string | null): ModelCopy {
    return { row, until: this.options.cacheTtl > 0 ? this.now + this.options.cacheTtl : Number.NEGATIVE_INFINITY };
  }
}

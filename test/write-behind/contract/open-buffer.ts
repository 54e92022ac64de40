import { expect } from '@jest/globals';
import type { Clock } from '../../../src/engine/clock.js';
import type {
  BufferOptions,
  ClaimOptions,
  KeyState,
  Marked,
  PendingWrite,
  WriteBuffer,
  WriteVersion,
} from '../../../src/write-behind/write-buffer.js';

/** A buffer, and what a test needs beside it. */
export interface OpenBuffer {
  readonly buffer: WriteBuffer;
  /** That of a process; it goes as fast as the buffer's own time. */
  readonly clock: Clock;
  /** What the buffer's random source answers. */
  readonly dice: { share: number };
  /** Lets at least so much of the buffer's own time go by. */
  pass(ms: number): Promise<void>;
  /** Fails if what stands inside of a shard does not fit together. */
  check(shard: number): Promise<void>;
}

export type Open = (options?: Partial<BufferOptions>) => Promise<OpenBuffer>;

/** Long times: nothing is due, and nothing ends, unless a test says so. */
export const MINUTE = 60_000;

export const usual: BufferOptions = {
  shards: 4,
  flushDelay: MINUTE,
  grace: MINUTE,
  batchSize: 100,
  maxEntries: 1_000,
  maxBytes: 1_000_000,
  rowAttempts: 3,
  constraintRetry: MINUTE,
  cacheTtl: MINUTE,
  keepDeadValues: false,
};

/** Verbs for one shard, so that a test says what happens and nothing else. */
export class Shard {
  constructor(
    readonly buffer: WriteBuffer,
    readonly number = 0,
  ) {}

  mark(key: string, payload: string | null, more: { expected?: KeyState | undefined; urgent?: boolean } = {}) {
    return this.buffer.write(this.number, [write(key, payload, more)]).then(([marked]) => marked as Marked);
  }

  /** Writes, expects that it is taken, and answers the version. */
  async put(key: string, payload: string | null, more: { urgent?: boolean } = {}): Promise<WriteVersion> {
    return versionOf(await this.mark(key, payload, more));
  }

  async read(key: string) {
    const [reading] = await this.buffer.read(this.number, [key]);
    if (!reading) throw new Error('The buffer answered nothing.');
    return reading;
  }

  /** What a reader gets without the database: a row, `null`, or `undefined` (it must ask the database). */
  async row(key: string): Promise<string | null | undefined> {
    const reading = await this.read(key);
    if (reading.kind === 'absent') return undefined;
    if (reading.kind === 'cached') return reading.payload;
    return reading.write.operation === 'upsert' ? reading.write.payload : null;
  }

  /** Loads a row as a reader does after a miss. */
  async load(key: string, payload: string | null): Promise<void> {
    const { state = '' } = await this.read(key);
    await this.buffer.fill(this.number, [{ key, state, payload }]);
  }

  claim(options: Partial<ClaimOptions> = {}) {
    const claim = { owner: 'a', lease: MINUTE, limit: 100, ahead: 0, ...options };
    return this.buffer.claim(this.number, claim);
  }

  /** Claims, expects to get it, and answers the writes by key. */
  async take(options: Partial<ClaimOptions> = {}): Promise<PendingWrite[]> {
    const claim = await this.claim(options);
    if (claim.status === 'refused') throw new Error('The claim was refused.');
    return claim.writes.sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** All that is dirty, due or not. */
  takeAll(options: Partial<ClaimOptions> = {}): Promise<PendingWrite[]> {
    return this.take({ ahead: 2 * MINUTE, ...options });
  }

  ack(...writes: Pick<PendingWrite, 'key' | 'version'>[]): Promise<void> {
    return this.buffer.ack(this.number, writes);
  }

  /** The database gets all that is dirty. */
  async flush(): Promise<void> {
    await this.ack(...(await this.takeAll()));
  }

  async fail(key: string, version: WriteVersion, error = 'no', kind: 'data' | 'order' = 'data') {
    const [failed] = await this.buffer.fail(this.number, [{ key, version, kind, error }]);
    return failed;
  }

  /** Lets a write become a dead letter, whatever it takes. Answers after how many attempts. */
  async bury(key: string, version: WriteVersion, error = 'no'): Promise<number> {
    for (let attempts = 1; attempts < 100; attempts++) {
      if ((await this.fail(key, version, error))?.result === 'dead') return attempts;
    }
    throw new Error('It does not become a dead letter.');
  }

  async letter(key: string) {
    const [letter] = await this.buffer.letters(this.number, [key]);
    return letter;
  }

  dueIn(): Promise<number | undefined> {
    return this.buffer.dueIn(this.number);
  }

  stats() {
    return this.buffer.stats(this.number);
  }

  async dirtyKeys(): Promise<string[]> {
    return [...(await this.buffer.dirty(this.number)).keys()].sort();
  }

  /** Nothing is dirty and no byte is counted. */
  async expectEmpty(): Promise<void> {
    expect(await this.stats()).toMatchObject({ dirty: 0, deadLetters: 0, bytes: 0, lag: 0 });
    expect([await this.dirtyKeys(), await this.takeAll(), await this.dueIn()]).toEqual([[], [], undefined]);
  }
}

export function write(
  key: string,
  payload: string | null,
  more: { expected?: KeyState | undefined; urgent?: boolean } = {},
) {
  // A delete has the columns of the id.
  return payload === null
    ? { key, operation: 'delete' as const, payload: `{"id":"${key}"}`, ...more }
    : { key, operation: 'upsert' as const, payload, ...more };
}

export function versionOf(marked: Marked | undefined): WriteVersion {
  if (marked?.status !== 'marked') throw new Error(`The write was not taken: ${marked?.status}`);
  return marked.version;
}

/** Who has to wake because of these writes, as far as they were taken. */
export function wakeOf(answers: readonly Marked[]): string {
  const wakes = answers.map((answer) => (answer.status === 'marked' ? answer.wake : 'no'));
  return wakes.find((wake) => wake === 'now') ?? wakes.find((wake) => wake === 'later') ?? 'no';
}

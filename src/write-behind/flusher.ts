import type { Milliseconds } from '../engine/duration.js';
import type { DatabaseGate } from './database-gate.js';
import { type ErrorClass, FencedError, type Table } from './table.js';
import type { Failure, PendingWrite, WriteBuffer } from './write-buffer.js';

export interface FlusherOptions {
  entity: string;
  batchSize: number;
  flushDelay: Milliseconds;
  lease: Milliseconds;
}

/** What a flusher tells: for the log and for figures. */
export interface FlushReport {
  batch(rows: number, took: Milliseconds): void;
  retry(kind: ErrorClass, error: unknown): void;
  letter(write: PendingWrite, reason: string): void;
}

/** How the errors of the database are read; see prisma/classify.ts. */
export interface DatabaseErrors {
  classify(error: unknown): ErrorClass;
  messageOf(error: unknown): string;
}

/** After so much time a flush makes room for other shards. */
const BUDGET: Milliseconds = 2_000;

/** Pauses of a shard after trouble that is not its rows' fault. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 30_000;

/** The database did not take a batch for reasons of its own. */
class Trouble extends Error {
  constructor(
    readonly kind: ErrorClass,
    cause: unknown,
  ) {
    super('The database did not take a batch.', { cause });
  }
}

/** Somebody else owns the shard now: whatever is left is theirs. */
class Lost extends Error {}

/** A run over one shard: one owner, one epoch as long as its lease lasts. */
interface Run {
  shard: number;
  owner: string;
  epoch: number;
}

/** Moves pending writes of one entity into the database: claim, write, acknowledge. Any number of processes may. */
export class Flusher {
  /** Why nothing is flushed: the table is not what it was. */
  paused: string | undefined;
  private readonly running = new Map<number, Promise<Milliseconds | undefined>>();
  private readonly troubles = new Map<number, number>();
  private runs = 0;

  constructor(
    private readonly buffer: WriteBuffer,
    private readonly table: Table,
    private readonly gate: DatabaseGate,
    private readonly errors: DatabaseErrors,
    private readonly report: FlushReport,
    private readonly options: FlusherOptions,
    /** Of this process: no other one may have it. */
    private readonly id: string,
    private readonly random: () => number,
  ) {}

  /**
   * Flushes what is due. Answers when the shard should be looked at again; `undefined`: nothing is left, or others do it. `force`: also
   * while the shard is left alone after trouble. Rejects only if the buffer cannot be asked.
   */
  flush(shard: number, force = false): Promise<Milliseconds | undefined> {
    const running = this.running.get(shard);
    if (running) return running;
    const run = this.run(shard, force).finally(() => this.running.delete(shard));
    this.running.set(shard, run);
    return run;
  }

  /** Waits for the runs that are under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.running.values());
  }

  private async run(shard: number, force: boolean): Promise<Milliseconds | undefined> {
    if (!this.gate.open) return this.gate.retryIn;
    if (this.paused !== undefined) return LONGEST_PAUSE;
    const { batchSize, flushDelay, lease } = this.options;
    // An owner of its own for each run: two runs of one process must not take each other's claim for theirs.
    const owner = `${this.id}:${++this.runs}`;
    const begin = performance.now();
    const claim = { owner, lease, limit: batchSize, ahead: flushDelay, force };
    let pause: Milliseconds = 0;
    try {
      let claimed = await this.buffer.claim(shard, claim);
      // Whoever has it flushes it; if he died, the sweep comes when his lease is over. But if it rests after trouble, this may
      // be the wake-up that the one for the end of its rest was merged with.
      if (claimed.status === 'refused') return this.troubles.has(shard) ? claimed.retryIn : undefined;
      while (claimed.status === 'claimed' && claimed.writes.length > 0) {
        await this.write({ shard, owner, epoch: claimed.epoch }, claimed.writes);
        this.troubles.delete(shard);
        if (performance.now() - begin > BUDGET) break;
        claimed = await this.buffer.claim(shard, { ...claim, ahead: 0 });
      }
    } catch (error) {
      if (!(error instanceof Trouble || error instanceof Lost)) throw error;
      if (error instanceof Trouble) pause = this.after(shard, error);
    }
    return this.buffer.release(shard, owner, pause);
  }

  /** Writes a batch. Where the rows are at fault it is halved until the bad ones are alone: their neighbours are written. */
  private async write(run: Run, writes: readonly PendingWrite[]): Promise<void> {
    const begin = performance.now();
    try {
      await this.attempt(run, writes);
    } catch (error) {
      if (error instanceof Lost) throw error;
      const kind = this.errors.classify(error);
      if (kind !== 'data' && kind !== 'order') throw new Trouble(kind, error);
      if (writes.length === 1) return this.refused(run.shard, writes[0] as PendingWrite, kind, error);
      const middle = Math.ceil(writes.length / 2);
      for (const half of [writes.slice(0, middle), writes.slice(middle)]) {
        await this.renew(run);
        await this.write(run, half);
      }
      return;
    }
    await this.buffer.ack(run.shard, writes);
    this.report.batch(writes.length, performance.now() - begin);
  }

  private async attempt(run: Run, writes: readonly PendingWrite[]): Promise<void> {
    try {
      await this.table.write(run.shard, run.epoch, writes);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      // Somebody newer wrote; or Redis lost its memory of epochs, and we are the newest all the same: as long as the claim
      // still is ours, it may take a higher one. A second refusal ends the run.
      await this.renew(run, error.epoch + 1);
      await this.table.write(run.shard, run.epoch, writes).catch((again: unknown) => {
        throw again instanceof FencedError ? new Lost() : again;
      });
    }
  }

  private async renew(run: Run, epochAtLeast = 0): Promise<void> {
    const { owner, shard } = run;
    const claim = { owner, lease: this.options.lease, limit: 0, ahead: 0, epochAtLeast, force: true };
    const renewed = await this.buffer.claim(shard, claim);
    // Refused if anybody else had the shard since: what we hold may be older than what they wrote.
    if (renewed.status === 'refused') throw new Lost();
    run.epoch = renewed.epoch;
  }

  private async refused(shard: number, write: PendingWrite, kind: Failure['kind'], error: unknown): Promise<void> {
    const reason = this.errors.messageOf(error);
    const { key, version } = write;
    const [failed] = await this.buffer.fail(shard, [{ key, version, kind, error: reason }]);
    if (failed?.result === 'dead') this.report.letter(write, reason);
    else if (failed?.result === 'retry') this.report.retry(kind, error);
  }

  /** How long the shard is left alone. */
  private after(shard: number, { kind, cause }: Trouble): Milliseconds {
    this.report.retry(kind, cause);
    if (kind === 'outage') {
      this.gate.shut();
      return 0;
    }
    if (kind === 'schema') this.paused = this.errors.messageOf(cause);
    const troubles = (this.troubles.get(shard) ?? 0) + 1;
    this.troubles.set(shard, troubles);
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(troubles - 1, 20), LONGEST_PAUSE);
    return Math.ceil(pause * (1 - this.random() / 2));
  }
}

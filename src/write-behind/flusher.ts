import { type Clock, elapsed } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { DatabaseGate } from './database-gate.js';
import type { Parents } from './parents.js';
import { type ErrorClass, FencedError, type Table } from './table.js';
import type { Claim, Failure, PendingWrite, WriteBuffer } from './write-buffer.js';

export interface FlusherOptions {
  batchSize: number;
  flushDelay: Milliseconds;
  lease: Milliseconds;
  /** Of this process: no other one may have it. */
  id: string;
  clock: Clock;
  random: () => number;
  /** What rows of this entity refer to. */
  parents?: Pick<Parents, 'written'> | undefined;
}

/** What a flusher tells: for the log and for figures. */
export interface FlushReport {
  batch(rows: number, took: Milliseconds): void;
  /** So many writes came too late: the database has rows with a higher version. */
  outdated(rows: number): void;
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

/** How long this process leaves a shard alone after trouble that is not its rows' fault. */
const FIRST_REST = 50;
const LONGEST_REST = 30_000;

/** A process that rests hands a wake-up on after at most this: others may have no trouble. */
const HAND_OVER = 500;

/** The database did not take a batch for reasons of its own. */
class NotWritten extends Error {
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
  /** When the halving of a batch has to make room for other shards. */
  end: Milliseconds;
}

/** What trouble has left behind in this process, until batches of the shard succeed again. */
interface Trouble {
  times: number;
  restUntil: Milliseconds;
  /** Most rows of a batch: one that takes too long is halved. */
  limit: number;
}

/** Moves pending writes of one entity into the database: claim, write, acknowledge. Any number of processes may. */
export class Flusher {
  /** Why nothing is flushed: the table is not what it was. */
  paused: string | undefined;
  private readonly running = new Map<number, Promise<Milliseconds | undefined>>();
  private readonly next = new Map<number, Promise<Milliseconds | undefined>>();
  private readonly troubles = new Map<number, Trouble>();
  private runs = 0;

  constructor(
    private readonly buffer: WriteBuffer,
    private readonly table: Table,
    private readonly gate: DatabaseGate,
    private readonly errors: DatabaseErrors,
    private readonly report: FlushReport,
    private readonly options: FlusherOptions,
  ) {}

  /**
   * Flushes what is due. Answers when the shard should be looked at again; `undefined`: nothing is left, or others do it.
   * `force`: all that is due when it is called, also while this process rests after trouble. Rejects only if the buffer
   * cannot be asked.
   */
  flush(shard: number, force = false): Promise<Milliseconds | undefined> {
    const running = this.running.get(shard);
    if (running) return force ? this.after(shard, running) : running;
    const run = this.run(shard, force).finally(() => this.running.delete(shard));
    this.running.set(shard, run);
    return run;
  }

  /** What is due now may have become so after the run under way had claimed: one more for all who ask meanwhile. */
  private after(shard: number, running: Promise<unknown>): Promise<Milliseconds | undefined> {
    const known = this.next.get(shard);
    if (known) return known;
    const again = (): Promise<Milliseconds | undefined> => {
      this.next.delete(shard);
      return this.flush(shard, true);
    };
    const next = running.then(again, again);
    this.next.set(shard, next);
    return next;
  }

  private async run(shard: number, force: boolean): Promise<Milliseconds | undefined> {
    if (!this.gate.open) return this.gate.retryIn;
    if (this.paused !== undefined) return undefined; // the sweep looks whether the table fits again
    const { flushDelay, lease, id } = this.options;
    const begin = this.now();
    const rest = (this.troubles.get(shard)?.restUntil ?? begin) - begin;
    if (rest > 0 && !force) return Math.min(rest, HAND_OVER);
    // An owner of its own for each run: two runs of one process must not take each other's claim for theirs.
    const owner = `${id}:${++this.runs}`;
    const claim = (ahead: Milliseconds): Promise<Claim> =>
      this.buffer.claim(shard, { owner, lease, limit: this.limitOf(shard), ahead });
    let pause: Milliseconds = 0;
    try {
      let claimed = await claim(flushDelay);
      // Whoever has it flushes it; if he died, the sweep comes when his lease is over.
      if (claimed.status === 'refused') return undefined;
      const run: Run = { shard, owner, epoch: claimed.epoch, end: begin + BUDGET };
      while (claimed.status === 'claimed' && claimed.writes.length > 0) {
        run.epoch = claimed.epoch;
        await this.letParentsGoFirst(run, claimed.writes);
        await this.write(run, claimed.writes);
        this.recovered(shard);
        if (this.now() > begin + BUDGET) break;
        claimed = await claim(0);
      }
    } catch (error) {
      if (!(error instanceof NotWritten || error instanceof Lost)) throw error;
      if (error instanceof NotWritten) pause = this.troubled(shard, error);
    }
    return this.buffer.release(shard, owner, Math.min(pause, HAND_OVER));
  }

  private async letParentsGoFirst(run: Run, writes: readonly PendingWrite[]): Promise<void> {
    const { parents } = this.options;
    // Deletes refer to nothing.
    if (!parents || writes.every(({ operation }) => operation === 'delete')) return;
    // The order is a favour: where a parent cannot be asked, constraints are tried again as they are without it.
    if (!(await parents.written().catch(() => true))) return;
    // The time of waiting is not that of the statement, nor that of finding a bad row.
    await this.renew(run);
    run.end = this.now() + BUDGET;
  }

  /** Writes a batch. Where the rows are at fault it is halved until the bad ones are alone: their neighbours are written. */
  private async write(run: Run, writes: readonly PendingWrite[]): Promise<void> {
    const begin = performance.now();
    let outdated: readonly string[];
    try {
      outdated = await this.attempt(run, writes);
    } catch (error) {
      if (error instanceof Lost) throw error;
      const kind = this.errors.classify(error);
      if (kind !== 'data' && kind !== 'order') throw new NotWritten(kind, error);
      if (writes.length === 1) return this.refused(run.shard, writes[0] as PendingWrite, kind, error);
      const middle = Math.ceil(writes.length / 2);
      await this.renew(run);
      await this.write(run, writes.slice(0, middle));
      if (this.now() > run.end) return; // the other half stays due
      await this.renew(run);
      await this.write(run, writes.slice(middle));
      return;
    }
    // Before ACK: once a write is not pending any more, its copy would show readers a row that the database does not have.
    if (outdated.length > 0) await this.buffer.forget(run.shard, outdated);
    await this.buffer.ack(run.shard, writes);
    this.report.batch(writes.length - outdated.length, performance.now() - begin);
    if (outdated.length > 0) this.report.outdated(outdated.length);
  }

  /** Answers the keys whose rows stay as they are, see `Table.write`. */
  private async attempt(run: Run, writes: readonly PendingWrite[]): Promise<readonly string[]> {
    try {
      return await this.table.write(run.shard, run.epoch, writes, this.troubles.has(run.shard));
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      // Somebody newer wrote; or the clock of Redis went back after it lost its memory, and we are the newest all the same: as
      // long as the claim still is ours, it may take a higher epoch. A second refusal ends the run.
      await this.renew(run, error.epoch + 1);
      return this.table.write(run.shard, run.epoch, writes, true).catch((again: unknown) => {
        throw again instanceof FencedError ? new Lost() : again;
      });
    }
  }

  private async renew(run: Run, epochAtLeast = 0): Promise<void> {
    const { owner, shard } = run;
    const claim = { owner, lease: this.options.lease, limit: 0, ahead: 0, epochAtLeast };
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

  /** How long this process leaves the shard alone. */
  private troubled(shard: number, { kind, cause }: NotWritten): Milliseconds {
    this.report.retry(kind, cause);
    if (kind === 'schema') {
      this.paused = this.errors.messageOf(cause);
      return 0;
    }
    if (kind === 'outage') this.gate.shut();
    const times = (this.troubles.get(shard)?.times ?? 0) + 1;
    const longest = Math.min(FIRST_REST * 2 ** Math.min(times - 1, 20), LONGEST_REST);
    const rest = Math.ceil(longest * (1 - this.options.random() / 2));
    const limit = Math.max(1, Math.floor(this.limitOf(shard) / 2));
    this.troubles.set(shard, { times, restUntil: this.now() + rest, limit });
    return rest;
  }

  private recovered(shard: number): void {
    this.gate.worked();
    const trouble = this.troubles.get(shard);
    if (!trouble) return;
    const limit = trouble.limit + Math.ceil(trouble.limit / 8);
    if (limit >= this.options.batchSize) this.troubles.delete(shard);
    else this.troubles.set(shard, { times: 0, restUntil: 0, limit });
  }

  private limitOf(shard: number): number {
    return this.troubles.get(shard)?.limit ?? this.options.batchSize;
  }

  private now(): Milliseconds {
    return elapsed(this.options.clock);
  }
}

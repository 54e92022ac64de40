import type { Milliseconds } from '../engine/duration.js';
import type { FlushReport } from './flusher.js';
import type { ErrorClass } from './table.js';
import type { WriteBehindLog } from './write-behind.port.js';

const MEANING: Record<ErrorClass, string> = {
  transient: 'it is tried again',
  outage: 'the database does not answer; writes are kept',
  data: 'the row is tried again, then it becomes a dead letter',
  order: 'the row waits for another one',
  schema: 'the table is not what it was; writes are kept',
};

/** What one process knows of the flushes of an entity, and what it tells the log. */
export class FlushFigures implements FlushReport {
  private batches = 0;
  private rows = 0;
  private retries = 0;
  private late = 0;
  /** Time in which at least one batch was under way; batches of several shards overlap. */
  private busy: Milliseconds = 0;
  private lastEnd: Milliseconds = 0;

  constructor(
    private readonly entity: string,
    private readonly log: WriteBehindLog,
  ) {}

  batch(rows: number, took: Milliseconds): void {
    this.batches++;
    this.rows += rows;
    const end = performance.now();
    this.busy += end - Math.max(this.lastEnd, end - took);
    this.lastEnd = end;
  }

  outdated(rows: number): void {
    this.late += rows;
    this.log.warn(
      `${this.entity} outdated`,
      `${rows} ${rows === 1 ? 'write' : 'writes'} of ${this.entity} came too late: Postgres has rows with a higher version, and keeps them.`,
    );
  }

  retry(kind: ErrorClass, error: unknown): void {
    this.retries++;
    const code = codeOf(error);
    const say = kind === 'schema' ? this.log.alarm : this.log.warn;
    say.call(
      this.log,
      `${this.entity} ${kind}`,
      `A batch of ${this.entity} was not written (${code}): ${MEANING[kind]}.`,
    );
  }

  letter(): void {
    // The database's message may quote values: it is in the dead letter, not in the log.
    const remedy = 'Look at deadLetters.list(), correct the cause, replay() or discard().';
    this.log.alarm(`${this.entity} letter`, `A row of ${this.entity} became a dead letter. ${remedy}`);
  }

  read(): { batches: number; rowsPerSecond: number; retries: number; outdated: number } {
    const { batches, retries, late: outdated } = this;
    return {
      batches,
      retries,
      outdated,
      rowsPerSecond: this.busy === 0 ? 0 : Math.round((this.rows * 1_000) / this.busy),
    };
  }
}

function codeOf(error: unknown): string {
  const { code, name } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown;
    name?: unknown;
  };
  return typeof code === 'string' ? code : String(name ?? typeof error);
}

import { CacheError, type OptionProblem } from '../cache.errors.js';

/** The buffer is full, and the database did not make room in time. The write was not taken. */
export class WriteBehindOverflowError extends CacheError {
  constructor(
    readonly entity: string,
    waited: number,
  ) {
    const after = waited > 0 ? `, also after ${waited} ms` : '';
    super(
      'WRITE_BEHIND_OVERFLOW',
      `The write-behind buffer of ${entity} has no room for another key${after}: the database takes rows more slowly than they come, or not at all.`,
      'The write was not taken: try later. Look at stats() and deadLetters; raise maxEntries or maxBytes; or use overflow: "sync".',
    );
  }
}

/** The buffer did not answer: it is unknown whether the write was taken. */
export class WriteBehindUnavailableError extends CacheError {
  constructor(entity: string, operation: string, cause?: unknown) {
    super(
      'WRITE_BEHIND_UNAVAILABLE',
      `The write-behind buffer of ${entity} did not carry out "${operation}"${cause instanceof Error ? ` (${cause.message})` : ''}.`,
      'A write may have been taken or not: write the row again (the last one counts), or read it first.',
      cause,
    );
  }
}

/** A row or id that cannot be written to its table. Lists all of its problems. Nothing was taken. */
export class WriteBehindRowError extends CacheError {
  constructor(
    readonly entity: string,
    readonly problems: readonly Omit<OptionProblem, 'value'>[],
  ) {
    const lines = problems.map((p) => `  - ${p.option}: ${p.remedy}`);
    super('WRITE_BEHIND_ROW', `This row of ${entity} cannot be written:\n${lines.join('\n')}\n`, 'Correct the row.');
  }
}

/** `patch`: the row was changed by others again and again, or its change is none. Nothing was taken. */
export class WriteBehindConflictError extends CacheError {
  constructor(entity: string, what: string, remedy: string) {
    super('WRITE_BEHIND_CONFLICT', `A patch of ${entity} was not taken: ${what}.`, remedy);
  }
}

/** Somebody waits for a write that the database refused for good: it is a dead letter. */
export class WriteBehindDeadLetterError extends CacheError {
  constructor(
    readonly entity: string,
    /** What the database said. */
    readonly reason: string,
  ) {
    super(
      'WRITE_BEHIND_DEAD_LETTER',
      `The database refused an acknowledged write of ${entity} for good: ${reason}.`,
      'It is kept in deadLetters: correct the cause and replay() it, or discard() it.',
    );
  }
}

/** A wait (for `flush`, or `durability: "persisted"` and `"replicated"`) took too long. What was acknowledged stays so. */
export class WriteBehindTimeoutError extends CacheError {
  constructor(entity: string, what: string, timeout: number) {
    super(
      'WRITE_BEHIND_TIMEOUT',
      `${what} of ${entity} did not happen within ${timeout} ms.`,
      'The write is acknowledged and goes on to the database; look at stats().lag. Wait longer, or not at all.',
    );
  }
}

/** At boot: the database did not tell what its tables are like. */
export class WriteBehindDatabaseError extends CacheError {
  constructor(entity: string, reason: string, cause: unknown) {
    super(
      'WRITE_BEHIND_DATABASE',
      `The database did not describe the table of ${entity} when write-behind started: ${reason}`,
      'Start the app when Postgres is there, and check the connection of the Prisma client. What is pending waits in Redis.',
      cause,
    );
  }
}

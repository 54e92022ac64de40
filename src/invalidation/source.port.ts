import type { OptionProblem } from '../cache.errors.js';

/** Where events come from besides `cache.emit` and `@nestjs/event-emitter`: Postgres (`nestjs-strata/postgres`), or your own. */
export interface InvalidationSource {
  /** For the log and the `missed` event: `'postgres'`. */
  readonly name: string;
  /** What is wrong with its options: reported at boot together with everything else. */
  readonly problems?: readonly OptionProblem[];
  /** Called once for each app. */
  open(sink: InvalidationSink): OpenedInvalidationSource;
}

/** A source in one app. */
export interface OpenedInvalidationSource {
  /** Begins to listen. The app's start waits for it; it must not reject because the other side is away. */
  start(): Promise<void>;
  /** Ends everything it started. */
  stop(): Promise<void>;
}

/** Why events may have been missed. */
export type MissedReason =
  /** The connection to the source was lost, and is back. */
  | 'connection'
  /** The app started: nobody knows what happened before. */
  | 'start'
  /** One event does not tell all that was changed. */
  | 'incomplete'
  /** A message could not be read. */
  | 'unreadable';

/** What a source tells. Nothing here rejects or throws. */
export interface InvalidationSink {
  /** Events of one name have come, one for each payload. Resolves when the invalidations are done. */
  hear(event: string, payloads: readonly unknown[]): Promise<void>;
  /** Events with these names (or patterns of names) may have been lost: the `missed` targets of their rules are invalidated. */
  missed(events: readonly string[], reason: MissedReason): Promise<void>;
  /** Something went wrong: the cache's `error` event and the log tell it. */
  trouble(error: unknown): void;
  /** Tells the app's log. */
  log(level: 'info' | 'warn', message: string): void;
}

/** Thrown by a payload that cannot tell what it is asked for: the rule's `missed` target is invalidated instead. */
export class IncompletePayload extends Error {
  override readonly name = 'IncompletePayload';
}

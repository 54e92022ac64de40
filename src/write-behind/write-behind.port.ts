import type { Clock } from '../engine/clock.js';
import type { RemoteTierFactory } from '../tiers/tier.js';

// What the cache module knows of write-behind. Nothing reachable from here imports an optional peer.

/** Made by `writeBehind()` of `nestjs-strata/write-behind`. */
export interface WriteBehindFeature {
  /** The names of its entities. */
  readonly entities: readonly string[];
  open(context: WriteBehindContext): OpenedWriteBehind;
}

export interface WriteBehindContext {
  namespace: string;
  clock: Clock;
  random: () => number;
  /** Without it pending writes live in this process only. */
  redis: RemoteTierFactory | undefined;
  log: WriteBehindLog;
}

/** The app's log. `kind`: the same kind is told once in a while only. */
export interface WriteBehindLog {
  info(message: string, kind?: string): void;
  warn(kind: string, message: string): void;
  alarm(kind: string, message: string): void;
}

/** What decorators use of an entity. */
export interface EntityAccess {
  /** The pending row of an id; `null` if it is to be deleted, `undefined` if nothing is pending. */
  pending(id: unknown): Promise<object | null | undefined>;
  put(row: object): Promise<unknown>;
  delete(id: unknown): Promise<unknown>;
}

/** Write-behind in one app. */
export interface OpenedWriteBehind {
  readonly entities: readonly string[];
  /** Throws `CacheOptionsError` for an entity that is not configured. */
  entity(name: string): EntityAccess;
  /** Finds tables, checks Redis, begins to flush. `resolve`: what an injection token stands for. */
  start(resolve: (token: never) => unknown): Promise<void>;
  /** Flushes what is overdue because nobody was woken for it. Never throws. */
  sweep(): Promise<void>;
  /** Takes no further writes, flushes within its deadline, ends what it started. Never throws. */
  stop(): Promise<void>;
}

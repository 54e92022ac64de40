import type { Clock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import type { Version } from '../../engine/version.js';
import type { RedisConnection } from './connection.js';

/** Beyond it the oldest are forgotten: they end with their life in Redis. */
const MAX_ORPHANS = 10_000;

/** A lost connection calls back by itself; a slow one has to be asked again. */
const RETRY_AFTER: Milliseconds = 500;

/**
 * Claims that nobody loads for any more, and that Redis was not told to end, or may have forgotten it: others would wait for
 * them as long as this process lives. Told until it has been heard.
 */
export class Orphans {
  private readonly keys = new Map<Version, string>();
  private running = false;
  private waiting = false;
  private closed = false;

  constructor(
    private readonly abandon: (key: string, version: Version) => Promise<unknown>,
    private readonly connection: Pick<RedisConnection, 'connected'>,
    private readonly clock: Clock,
  ) {}

  add(key: string, version: Version): void {
    this.keys.set(version, key);
    if (this.keys.size > MAX_ORPHANS) this.keys.delete(this.keys.keys().next().value as Version);
    this.retryLater();
  }

  /** Tries at once: there is a connection again. */
  async retry(): Promise<void> {
    if (this.running || this.closed || this.keys.size === 0) return;
    this.running = true;
    const all = [...this.keys].map(async ([version, key]) => {
      await this.abandon(key, version);
      this.keys.delete(version);
    });
    await Promise.allSettled(all);
    this.running = false;
    this.retryLater();
  }

  close(): void {
    this.closed = true;
  }

  private retryLater(): void {
    if (this.closed || this.waiting || this.running || this.keys.size === 0) return;
    this.waiting = true;
    this.clock.after(RETRY_AFTER, () => {
      this.waiting = false;
      if (this.connection.connected) void this.retry();
      else this.retryLater();
    });
  }
}

import type { Clock } from '../../engine/clock.js';
import type { Milliseconds } from '../../engine/duration.js';
import { ALL } from '../../engine/epochs.js';
import type { RemoteTierContext } from '../tier.js';
import type { Bus } from './bus.js';
import type { RedisConnection } from './connection.js';
import { type Change, Delivered } from './delivered.js';
import { Undelivered } from './undelivered.js';

const MAX_UNDELIVERED = 10_000;
const MAX_DELIVERED = 20_000;

/** A lost connection calls back by itself; a slow one has to be asked again. */
const RETRY_AFTER: Milliseconds = 500;

/**
 * Sees to it that every change reaches Redis and stays there: what was not confirmed is sent again, first of all on a new
 * connection; what was confirmed shortly before the connection broke, too, for Redis may have lost it.
 */
export class ChangeLog {
  private readonly pending = new Undelivered(MAX_UNDELIVERED);
  private readonly delivered: Delivered;
  private delivering = false;
  private retrying = false;
  private closed = false;

  constructor(
    private readonly send: (change: Change) => Promise<void>,
    private readonly connection: RedisConnection,
    private readonly bus: Bus | undefined,
    private readonly clock: Clock,
    lossWindow: Milliseconds,
    private readonly context: RemoteTierContext,
  ) {
    this.delivered = new Delivered(bus ? lossWindow : 0, MAX_DELIVERED);
  }

  /** How many wait for delivery. */
  get undelivered(): number {
    return this.pending.size;
  }

  /** How many Redis may still lose. */
  get unsafe(): number {
    return this.delivered.size;
  }

  /** Makes a change. When it rejects, it is made as soon as Redis can be reached again. */
  async make(change: Change): Promise<void> {
    try {
      await this.send(change);
    } catch (error) {
      this.keep(change);
      throw error;
    }
    this.confirmed(change);
  }

  /** Redis has a change. */
  confirmed(change: Change): void {
    if (this.bus) this.delivered.add(change, this.bus.elapsed());
  }

  /** An echo of what was said at `sent` was heard. */
  safe(sent: Milliseconds): void {
    this.delivered.safe(sent);
  }

  /** The connection broke. */
  broken(): void {
    const changes = this.delivered.takeAll();
    if (changes === 'everything') this.keep({ kind: 'markers', names: [ALL], change: 'dead' });
    else for (const change of changes) this.keep(change);
  }

  refuses(key: string, markers: readonly string[]): boolean {
    return this.pending.refuses(key, markers);
  }

  /** Sends what was not delivered. One run at a time; tries again later while something is left. */
  async deliver(): Promise<void> {
    if (this.delivering || this.pending.size === 0) return;
    this.delivering = true;
    try {
      await Promise.all(
        this.pending.groups().map(async (group) => {
          await this.send(group);
          this.confirmed(group);
          this.pending.delivered(group);
        }),
      );
    } catch (error) {
      this.context.onError('redelivery', error);
    } finally {
      this.delivering = false;
      this.retryLater();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    // The last chance of what was not confirmed: Redis may only have been slow.
    if (this.connection.connected) await this.deliver();
  }

  private keep({ kind, names, change, versions }: Change): void {
    if (kind === 'keys') this.pending.addKeys(names, change, versions);
    else this.pending.addMarkers(names, change);
    this.retryLater();
  }

  private retryLater(): void {
    if (this.closed || this.retrying || this.pending.size === 0) return;
    this.retrying = true;
    this.clock.after(RETRY_AFTER, () => {
      this.retrying = false;
      if (this.closed) return;
      if (this.connection.connected) void this.deliver();
      else this.retryLater();
    });
  }
}

import { type ConnectionOptions, type Job, Queue, Worker } from 'bullmq';
import { atMost } from '../engine/at-most.js';
import type { Milliseconds } from '../engine/duration.js';
import type { RemoteServer } from '../tiers/tier.js';
import type { WakeUps, Work } from './wake-ups.js';

export interface BullMqOptions {
  namespace: string;
  concurrency: number;
  /** How often the queue has the shards swept. */
  sweep: Milliseconds;
  /** Trouble with the queue: the sweep in this process takes over. */
  onError(error: unknown): void;
}

const QUEUE = 'write-behind';

/** A wake-up that is further away than this must not stand in the way of nearer ones: BullMQ keeps the first one of an id. */
const FAR: Milliseconds = 1_000;
/** A process that does not know an entity hands its wake-ups on: after this time, so many times. Then the sweep has to do. */
const HAND_ON: Milliseconds = 50;
const HANDS = 20;

interface FlushJob {
  entity: string;
  shard: number;
  /** Through how many processes it went. */
  hands?: number;
}

/** What we use of an ioredis client. */
interface Connection {
  on(event: 'error', listener: (error: unknown) => void): void;
  duplicate(...options: unknown[]): Connection;
  disconnect(): void;
}

/**
 * Wake-ups as BullMQ jobs. A job says no more than "flush this shard": deduplicated while it waits, and once more after
 * the one that runs. The scheduler's sweep finds what jobs have missed.
 */
export class BullMqWakeUps implements WakeUps {
  private readonly connections: Connection[] = [];
  private readonly queue: Queue;
  private worker: Worker | undefined;
  private readonly prefix: string;
  /** Jobs that were begun and, as far as Redis knows, not ended. */
  private underWay = 0;
  private closed = false;

  constructor(
    private readonly server: RemoteServer,
    private readonly options: BullMqOptions,
  ) {
    this.prefix = `${server.keyPrefix}{${options.namespace}:w}`;
    // What cannot be sent now is not sent at all: the sweep finds it, and nothing piles up while Redis is away.
    const connection = this.connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    this.queue = new Queue(QUEUE, {
      connection,
      prefix: this.prefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
    });
    this.queue.on('error', (error) => options.onError(error));
  }

  async start(work: Work | undefined): Promise<void> {
    if (!work) return;
    const { concurrency, sweep, onError } = this.options;
    const connection = this.connect({ maxRetriesPerRequest: null, enableOfflineQueue: true });
    this.worker = new Worker(QUEUE, (job) => this.take(job, work), {
      connection,
      prefix: this.prefix,
      concurrency: concurrency + 1, // one for the sweep
      lockDuration: 15_000,
      stalledInterval: 5_000,
      maxStalledCount: 1_000_000,
      runRetryDelay: 1_000,
    });
    this.worker.on('error', (error) => onError(error));
    this.worker.on('failed', (_job, error) => onError(error));
    this.worker.on('active', () => this.underWay++);
    this.worker.on('completed', () => this.underWay--);
    this.worker.on('failed', () => this.underWay--);
    // Not waited for: the app starts without Redis, too.
    void this.schedule(sweep);
  }

  wake(entity: string, shard: number, delay: Milliseconds): void {
    this.add({ entity, shard }, delay, delay > FAR ? 'far' : 'near');
  }

  async close(limit: Milliseconds): Promise<void> {
    this.closed = true;
    // close() alone would wait for jobs that, without Redis, can never tell that they are done, and keep the process alive
    // meanwhile. So nothing new is begun, what is under way gets its time, and then there is nothing to wait for.
    await this.worker?.pause(true);
    const done = (async (): Promise<void> => {
      while (this.underWay > 0) await new Promise<void>((resolve) => this.worker?.once('completed', () => resolve()));
    })();
    await atMost(limit / 2, done);
    const ended = Promise.resolve(this.worker?.close(true)).then(() => this.queue.close());
    await atMost(limit / 2, ended);
    for (const connection of this.connections) connection.disconnect();
  }

  private add(job: FlushJob, delay: Milliseconds, kind: 'near' | 'far' | 'handed on'): void {
    if (this.closed) return;
    const id = `${job.entity}.${job.shard}${kind === 'near' ? '' : ` ${kind}`}`;
    this.queue
      .add('flush', job, { delay: Math.ceil(delay), deduplication: { id, keepLastIfActive: true } })
      .catch((error: unknown) => this.options.onError(error));
  }

  private async take(job: Job, work: Work): Promise<void> {
    if (job.name === 'sweep') return work.sweep();
    const { entity, shard, hands = 0 } = job.data as FlushJob;
    if (work.knows(entity)) return work.flush(entity, shard);
    // Another version of the app, or another app of this namespace, has written it.
    if (hands < HANDS) this.add({ entity, shard, hands: hands + 1 }, HAND_ON, 'handed on');
  }

  private async schedule(every: Milliseconds): Promise<void> {
    while (!this.closed) {
      try {
        await this.queue.upsertJobScheduler('sweep', { every }, { name: 'sweep' });
        return;
      } catch (error) {
        this.options.onError(error);
        await new Promise((resolve) => setTimeout(resolve, every).unref());
      }
    }
  }

  private connect(options: Record<string, unknown>): ConnectionOptions {
    // BullMQ refuses a client with a prefix; that of the keys is part of the queue's.
    return this.track(
      this.server.duplicate({ ...options, keyPrefix: '' }) as Connection,
    ) as unknown as ConnectionOptions;
  }

  /** Also the copies that BullMQ makes of it to wait with: with Redis away it does not end them itself. */
  private track(connection: Connection): Connection {
    connection.on('error', (error) => this.options.onError(error));
    this.connections.push(connection);
    const { duplicate } = connection;
    connection.duplicate = (...options) => this.track(duplicate.apply(connection, options));
    return connection;
  }
}

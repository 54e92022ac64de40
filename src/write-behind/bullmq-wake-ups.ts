import { type ConnectionOptions, type Job, Queue, Worker } from 'bullmq';
import type { Milliseconds } from '../engine/duration.js';
import type { RemoteServer } from '../tiers/tier.js';
import type { WakeUps, Work } from './wake-ups.js';

export interface BullMqOptions {
  /** Prefix of the queue's keys. */
  prefix: string;
  concurrency: number;
  /** How often the queue has the shards swept. */
  sweep: Milliseconds;
  /** Trouble with the queue: the sweep in this process takes over. */
  onError(error: unknown): void;
}

const QUEUE = 'write-behind';

interface FlushJob {
  entity: string;
  shard: number;
}

type Ended = { disconnect(): void };

/**
 * Wake-ups as BullMQ jobs. A job says no more than "flush this shard": deduplicated while it waits, and once more after
 * the one that runs. The scheduler's sweep finds what jobs have missed.
 */
export class BullMqWakeUps implements WakeUps {
  private readonly connections: Ended[] = [];
  private readonly queue: Queue;
  private worker: Worker | undefined;
  private closed = false;

  constructor(
    private readonly server: RemoteServer,
    private readonly options: BullMqOptions,
  ) {
    // What cannot be sent now is not sent at all: the sweep finds it, and nothing piles up while Redis is away.
    const connection = this.connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    this.queue = new Queue(QUEUE, {
      connection,
      prefix: options.prefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
    });
    this.queue.on('error', (error) => options.onError(error));
  }

  async start(work: Work | undefined): Promise<void> {
    if (!work) return;
    const { prefix, concurrency, sweep, onError } = this.options;
    const connection = this.connect({ maxRetriesPerRequest: null, enableOfflineQueue: true });
    this.worker = new Worker(QUEUE, (job) => take(job, work), {
      connection,
      prefix,
      concurrency: concurrency + 1, // one for the sweep
      lockDuration: 15_000,
      stalledInterval: 5_000,
      maxStalledCount: 1_000_000,
    });
    this.worker.on('error', (error) => onError(error));
    this.worker.on('failed', (_job, error) => onError(error));
    // Not waited for: the app starts without Redis, too.
    void this.schedule(sweep);
  }

  wake(entity: string, shard: number, delay: Milliseconds): void {
    if (this.closed) return;
    const id = `${entity}.${shard}`;
    this.queue
      .add('flush', { entity, shard }, { delay: Math.ceil(delay), deduplication: { id, keepLastIfActive: true } })
      .catch((error: unknown) => this.options.onError(error));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.worker?.close().catch(() => undefined);
    await this.queue.close().catch(() => undefined);
    for (const connection of this.connections) connection.disconnect();
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
    // BullMQ writes its keys without the prefix of an ioredis client, and refuses one that has it.
    const connection = this.server.duplicate({ ...options, keyPrefix: '' }) as Ended & {
      on(event: 'error', listener: (error: unknown) => void): void;
    };
    connection.on('error', (error) => this.options.onError(error));
    this.connections.push(connection);
    return connection as unknown as ConnectionOptions;
  }
}

async function take(job: Job, work: Work): Promise<void> {
  if (job.name === 'sweep') return work.sweep();
  const { entity, shard } = job.data as FlushJob;
  await work.flush(entity, shard);
}

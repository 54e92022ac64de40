import { atMost } from '../engine/at-most.js';
import { type Clock, elapsed } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { WriteBuffer } from './write-buffer.js';

/** The buffer's clock counts whole milliseconds, ours does not: together they may be off by so much. */
const ROUNDING: Milliseconds = 2;

/** An entity whose rows those of another one refer to. */
export interface Parent {
  shards: number;
  flushDelay: Milliseconds;
  buffer: Pick<WriteBuffer, 'dueIn'>;
  /** Why its rows are not written at the moment: nothing waits for them then. */
  paused(): string | undefined;
  /** Flushes what is due in this process, if nobody else does; see `Flusher.flush`. */
  flush(shard: number): Promise<Milliseconds | undefined>;
  wake(shard: number, delay: Milliseconds): void;
}

/** How often a shard that somebody else flushes is looked at. */
const PAUSE: Milliseconds = 20;

/** Work of which so much is done at the same time. */
class Turns {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/** What has to be written before the rows of an entity, so that foreign keys hold. */
export class Parents {
  private readonly turns: Turns;

  constructor(
    private readonly parents: readonly Parent[],
    /** Longest wait. Whatever keeps a parent from being written, those who refer to it are tried then. */
    private readonly patience: Milliseconds,
    /** So many shards are flushed at the same time: each takes a connection. */
    concurrency: number,
    private readonly clock: Clock,
  ) {
    this.turns = new Turns(concurrency);
  }

  /**
   * Resolves when all that was pending when it was called has been written, or refused; or when it took too long. Answers
   * whether anything was pending.
   */
  async written(): Promise<boolean> {
    const pending = (await Promise.all(this.parents.map((parent) => pendingOf(parent)))).flat();
    if (pending.length === 0) return false;
    const begin = elapsed(this.clock);
    let over = false;
    const work = Promise.all(pending.map(({ parent, shard }) => this.flush(parent, shard, begin, () => over)));
    await atMost(this.patience, work, this.clock);
    over = true;
    return true;
  }

  /**
   * What was pending at the beginning was due within the delay from then on. It leaves, or, if it was written again or refused
   * meanwhile, is due later: so it has had its turn when the first write is due later than that.
   */
  private async flush(parent: Parent, shard: number, begin: Milliseconds, over: () => boolean): Promise<void> {
    let next: Milliseconds | undefined;
    while (!over() && parent.paused() === undefined) {
      next = await this.turns.take(async () => (over() ? next : parent.flush(shard)));
      const passed = elapsed(this.clock) - begin;
      const due = await parent.buffer.dueIn(shard);
      if (due === undefined || due + passed > parent.flushDelay + ROUNDING) break;
      await new Promise<void>((resolve) => this.clock.after(PAUSE, resolve));
    }
    if (next !== undefined) parent.wake(shard, next);
  }
}

/** The shards in which something is pending that could be written now: not what waits after a refusal. */
async function pendingOf(parent: Parent): Promise<{ parent: Parent; shard: number }[]> {
  if (parent.paused() !== undefined) return [];
  const { buffer, shards, flushDelay } = parent;
  const due = await Promise.all(Array.from({ length: shards }, (_, shard) => buffer.dueIn(shard)));
  return due.flatMap((dueIn, shard) =>
    dueIn !== undefined && dueIn <= flushDelay + ROUNDING ? [{ parent, shard }] : [],
  );
}

import { type Clock, elapsed } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import { MemoryShard } from './memory/memory-shard.js';
import { RowCopies } from './memory/row-copies.js';
import type {
  BufferedLetter,
  BufferOptions,
  Claim,
  ClaimOptions,
  Failed,
  Failure,
  Fill,
  KeyReading,
  Marked,
  PendingWrite,
  ShardStats,
  Write,
  WriteBuffer,
  WriteVersion,
} from './write-buffer.js';

/** The buffer of one entity in memory: of this process only, and gone with it. */
export class MemoryBuffer implements WriteBuffer {
  private readonly shards: MemoryShard[];
  private readonly copies: RowCopies;

  constructor(
    private readonly entity: string,
    options: BufferOptions,
    clock: Clock,
    random: () => number,
  ) {
    this.copies = new RowCopies(options.cacheTtl, () => elapsed(clock));
    const open = (number: number): MemoryShard => new MemoryShard(number, options, this.copies, clock, random);
    this.shards = Array.from({ length: options.shards }, (_, number) => open(number));
  }

  async start(): Promise<void> {}

  async write(shard: number, writes: readonly Write[]): Promise<Marked[]> {
    return this.shard(shard).write(writes);
  }

  async read(shard: number, keys: readonly string[]): Promise<KeyReading[]> {
    const from = this.shard(shard);
    return keys.map((key) => from.read(key));
  }

  async fill(shard: number, fills: readonly Fill[]): Promise<void> {
    const into = this.shard(shard);
    for (const { key, state, payload } of fills) this.copies.fill(into.copyOf(key), state, payload);
  }

  async forget(shard: number, keys: readonly string[]): Promise<void> {
    const from = this.shard(shard);
    for (const key of keys) this.copies.delete(from.copyOf(key));
  }

  async dirty(shard: number, keys?: readonly string[]): Promise<Map<string, WriteVersion>> {
    return this.shard(shard).dirty(keys);
  }

  async hasten(shard: number, keys?: readonly string[]): Promise<void> {
    this.shard(shard).hasten(keys);
  }

  async claim(shard: number, options: ClaimOptions): Promise<Claim> {
    return this.shard(shard).claim(options);
  }

  async ack(shard: number, writes: readonly Pick<PendingWrite, 'key' | 'version'>[]): Promise<void> {
    this.shard(shard).ack(writes);
  }

  async fail(shard: number, failures: readonly Failure[]): Promise<Failed[]> {
    return this.shard(shard).fail(failures);
  }

  async release(shard: number, owner: string, after: Milliseconds = 0): Promise<Milliseconds | undefined> {
    return this.shard(shard).release(owner, after);
  }

  async dueIn(shard: number): Promise<Milliseconds | undefined> {
    return this.shard(shard).dueIn();
  }

  async letters(shard: number, keys?: readonly string[]): Promise<BufferedLetter[]> {
    return this.shard(shard).letters(keys);
  }

  async replay(shard: number, keys?: readonly string[]): Promise<number> {
    return this.shard(shard).replay(keys);
  }

  async discard(shard: number, keys: readonly string[]): Promise<number> {
    return this.shard(shard).discard(keys);
  }

  async stats(shard: number): Promise<ShardStats> {
    return this.shard(shard).stats();
  }

  /** Nobody else has what is in this process. */
  async replicated(): Promise<number> {
    return 0;
  }

  private shard(number: number): MemoryShard {
    const shard = this.shards[number];
    if (shard) return shard;
    throw new RangeError(`There is no shard ${number} of ${this.entity}.`);
  }
}

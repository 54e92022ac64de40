import { withVersion } from './row-version.js';
import { byShard } from './shard-of.js';
import type { Table } from './table.js';
import type { DeadLetter, DeadLetters } from './write-behind.js';
import type { BufferedLetter, WriteBuffer } from './write-buffer.js';

/** The dead letters of an entity, over all its shards. */
export class EntityLetters implements DeadLetters<object, unknown> {
  constructor(
    private readonly buffer: WriteBuffer,
    private readonly table: () => Table,
    private readonly settings: { shards: number },
    private readonly wake: (shard: number) => void,
    /** Errors of the buffer become ours. */
    private readonly asked: <T>(operation: string, work: () => Promise<T>) => Promise<T>,
  ) {}

  async list(): Promise<DeadLetter<object, unknown>[]> {
    const shards = Array.from({ length: this.settings.shards }, (_, shard) => this.buffer.letters(shard));
    const letters = (await this.asked('deadLetters.list', () => Promise.all(shards))).flat();
    letters.sort((a, b) => a.at - b.at);
    return letters.map((letter) => this.show(letter));
  }

  async replay(ids?: readonly unknown[]): Promise<number> {
    let count = 0;
    for (const [shard, keys] of this.places(ids)) {
      const replayed = await this.asked('deadLetters.replay', () => this.buffer.replay(shard, keys));
      if (replayed > 0) this.wake(shard);
      count += replayed;
    }
    return count;
  }

  async discard(ids: readonly unknown[]): Promise<number> {
    let count = 0;
    for (const [shard, keys] of this.places(ids)) {
      count += await this.asked('deadLetters.discard', () => this.buffer.discard(shard, keys ?? []));
    }
    return count;
  }

  private places(ids?: readonly unknown[]): Map<number, string[] | undefined> {
    const { shards } = this.settings;
    if (ids === undefined) return new Map(Array.from({ length: shards }, (_, shard) => [shard, undefined]));
    const table = this.table();
    return byShard(
      ids.map((id) => table.encodeId(id).key),
      shards,
    );
  }

  private show({ operation, payload, version, error, attempts, at }: BufferedLetter): DeadLetter<object, unknown> {
    const table = this.table();
    return {
      id: table.idOf(payload),
      operation: operation === 'upsert' ? 'put' : 'delete',
      ...(operation === 'upsert' && { row: table.decode(withVersion(payload, table.versionLabel, version)) }),
      version: BigInt(version),
      error,
      attempts,
      at: new Date(at),
    };
  }
}

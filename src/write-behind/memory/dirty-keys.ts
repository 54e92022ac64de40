import type { Milliseconds } from '../../engine/duration.js';
import type { PendingWrite, Write, WriteVersion } from '../write-buffer.js';
import { DueQueue, type Waiting } from './due-queue.js';

/** A dirty key and the write that it waits with. */
export interface Dirty extends Waiting {
  readonly key: string;
  version: number;
  operation: Write['operation'];
  payload: string;
  bytes: number;
  /** Failed ones of this version. */
  attempts: number;
  /** When it first waited for another row, and so much later as it was tried too late. */
  waitsSince: Milliseconds | undefined;
}

type Content = Pick<Write, 'key' | 'operation' | 'payload'>;

/** The dirty keys of a shard, by key and by when they are due. */
export class DirtyKeys {
  private readonly byKey = new Map<string, Dirty>();
  private readonly queue = new DueQueue<Dirty>();
  bytes = 0;

  get size(): number {
    return this.byKey.size;
  }

  /** The one that is due first. */
  get first(): Dirty | undefined {
    return this.queue.first;
  }

  get(key: string): Dirty | undefined {
    return this.byKey.get(key);
  }

  /** The one of this version: `undefined` also if it was written again. */
  find(key: string, version: WriteVersion): Dirty | undefined {
    const entry = this.byKey.get(key);
    return entry && String(entry.version) === version ? entry : undefined;
  }

  /** Those of these keys that are dirty, or all. */
  of(keys: Iterable<string> = this.byKey.keys()): Dirty[] {
    return Array.from(keys, (key) => this.byKey.get(key)).filter((entry) => entry !== undefined);
  }

  /** Those due until a time, in their order, while they are `wanted`. */
  upTo(until: Milliseconds, wanted: (entry: Dirty) => boolean): Dirty[] {
    return this.queue.upTo(until, wanted);
  }

  add({ key, operation, payload }: Content, version: number, due: Milliseconds): void {
    const bytes = sizeOf(key, payload);
    const write = { key, version, operation, payload, bytes };
    const entry: Dirty = { ...write, attempts: 0, waitsSince: undefined, due, since: version, index: 0 };
    this.byKey.set(key, entry);
    this.queue.add(entry);
    this.bytes += bytes;
  }

  rewrite(entry: Dirty, { key, operation, payload }: Content, version: number): void {
    const bytes = sizeOf(key, payload);
    this.bytes += bytes - entry.bytes;
    Object.assign(entry, { version, operation, payload, bytes, attempts: 0, waitsSince: undefined });
  }

  move(entry: Dirty, due: Milliseconds): void {
    this.queue.move(entry, due);
  }

  remove(entry: Dirty): void {
    this.byKey.delete(entry.key);
    this.queue.remove(entry);
    this.bytes -= entry.bytes;
  }
}

/** As the buffer in Redis counts it, so that a bound means the same for both. */
export function sizeOf(key: string, payload: string): number {
  return 2 * Buffer.byteLength(key) + Buffer.byteLength(payload) + 97;
}

export function pending({ key, version, operation, payload }: Dirty): PendingWrite {
  return { key, version: String(version), operation, payload };
}

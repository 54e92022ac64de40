import { expect } from '@jest/globals';
import { CacheUnavailableError } from '../../src/cache.errors.js';
import type { WriteBuffer } from '../../src/write-behind/write-buffer.js';
import type { FakeTable } from './fake-table.js';

export type Cuttable = 'claim' | 'ack' | 'fail' | 'release' | 'dirty';

/** A buffer that watches the invariants with each call, and whose connection can be cut for one call. */
export interface CheckedBuffer {
  through: (buffer: WriteBuffer) => WriteBuffer;
  table: () => FakeTable;
  /** The next call fails; `done`: after it took effect. */
  cut(method: Cuttable, done: boolean): void;
  heal(): void;
}

type Method = (shard: number, ...rest: unknown[]) => Promise<unknown>;
type Leaving = readonly { key: string; version: string }[];

/** For a buffer in memory only: what stands in it is read in the same tick as each call takes effect. */
export function checkedBuffer(table: () => FakeTable): CheckedBuffer {
  const cuts = new Map<string, boolean>();
  const newest = new Map<string, bigint>();

  const check = (method: string, leaving: Leaving, before: Map<string, string>, after: Map<string, string>): void => {
    for (const [key, version] of before) {
      if (after.has(key)) continue;
      // Invariant 2: a pending entry leaves only by ack or fail, with an equal version.
      const by =
        method === 'ack' || method === 'fail' ? leaving.find((write) => write.key === key)?.version : undefined;
      expect([key, method, by]).toEqual([key, method, version]);
    }
    for (const [key, version] of after) {
      // Invariant 4: versions of a key grow.
      if (before.get(key) !== version) expect(BigInt(version)).toBeGreaterThan(newest.get(key) ?? 0n);
      newest.set(key, BigInt(version));
    }
    if (method !== 'ack') return;
    // Invariant 1: what is acknowledged to the buffer is in the database.
    for (const { key, version } of leaving) {
      const has = table().committed.some(({ writes }) => writes.some((w) => w.key === key && w.version === version));
      expect([key, version, has]).toEqual([key, version, true]);
    }
  };

  return {
    table,
    cut: (method, done) => void cuts.set(method, done),
    heal: () => cuts.clear(),
    through: (buffer) =>
      new Proxy(buffer, {
        get(target, name) {
          const method = Reflect.get(target, name) as Method;
          if (typeof method !== 'function') return method;
          return async (shard: number, ...rest: unknown[]) => {
            const done = cuts.get(String(name));
            cuts.delete(String(name));
            const cut = new CacheUnavailableError(String(name), new Error('connection lost'));
            if (done === false) throw cut;
            if (typeof shard !== 'number') return method.call(target, shard, ...rest);
            const before = target.dirty(shard);
            const answer = method.call(target, shard, ...rest);
            const after = target.dirty(shard);
            const leaving = name === 'ack' || name === 'fail' ? (rest[0] as Leaving) : [];
            check(String(name), leaving, await before, await after);
            if (done === true) throw cut;
            return answer;
          };
        },
      }),
  };
}

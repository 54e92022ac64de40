import { describe, expect, it } from '@jest/globals';
import { shardOf } from '../../src/write-behind/shard-of.js';
import { ids } from './rig.js';

describe('the shard of a key', () => {
  it('never changes: other processes and later versions must find what is pending', () => {
    // CRC-32 of "123456789" is cbf43926, by its definition.
    expect(shardOf('123456789', 2 ** 32)).toBe(0xcbf43926);
    expect(['', 'a', 'é', '😀', '\ud800'].map((key) => shardOf(key, 16))).toEqual([0, 3, 14, 4, 9]);
  });

  it('is one of those that there are, and they are used evenly', () => {
    const counts = new Map<number, number>();
    for (const key of ids(16_000)) counts.set(shardOf(key, 16), (counts.get(shardOf(key, 16)) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, shard) => shard));
    expect(Math.min(...counts.values())).toBeGreaterThan(700);
    expect(Math.max(...counts.values())).toBeLessThan(1_300);
  });
});

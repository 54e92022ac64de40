import { describe, expect, it } from '@jest/globals';
// The generated loads of `npm run bench -- eviction`.
import { generate, seeded, zipf } from '../../bench/eviction/workloads.mjs';
import { MissRatioCurve } from '../../src/jobs/miss-ratio-curve.js';
import { BoundedStore } from '../../src/tiers/memory/bounded-store.js';
import type { EvictionName } from '../../src/tiers/memory/eviction.js';
import { hashKey } from '../../src/tiers/memory/key-hash.js';

const workloads = generate(80_000, 7);

/** What a cache of so many entries really does. */
function measured(keys: Int32Array, maxEntries: number, eviction: EvictionName): number {
  const store = new BoundedStore({ maxEntries, maxBytes: Number.POSITIVE_INFINITY, eviction });
  let hits = 0;
  for (const number of keys) {
    const key = `product:${number}`;
    if (store.get(key)) hits++;
    else store.set(key, { bytes: 1 });
  }
  return hits / keys.length;
}

function observed(keys: Int32Array, entries: number, eviction: EvictionName, sampledEntries = 2_048): MissRatioCurve {
  const curve = new MissRatioCurve({ entries, eviction, sampledEntries });
  for (const key of keys) curve.record(`product:${key}`);
  return curve;
}

describe('a miss-ratio curve', () => {
  it.each(workloads.map(({ name, keys }) => [name, keys] as const))(
    'tells the hit ratio at other sizes within two points: %s',
    (_, keys) => {
      for (const eviction of ['s3-fifo', 'lru'] as const) {
        const curve = observed(keys, 3_000, eviction);
        expect(curve.rate).toBeLessThan(0.4);
        for (const entries of [1_500, 6_000]) {
          const error = Math.abs((curve.hitRatioAt(entries) as number) - measured(keys, entries, eviction));
          expect([eviction, entries, error < 0.02, error]).toEqual([eviction, entries, true, error]);
        }
      }
    },
  );

  it('may be told of one key in eight, and of how many requests there were, and tells the same within two points', () => {
    const next = zipf(20_000, 0.9, seeded(3));
    const keys = Int32Array.from({ length: 300_000 }, next);
    const curve = new MissRatioCurve({ entries: 2_000, eviction: 's3-fifo', told: 1 / 8 });
    for (const key of keys) if (hashKey(`product:${key}`) >>> 0 < 2 ** 32 / 8) curve.record(`product:${key}`);
    expect(curve.hitRatioAt(1_000)).toBeUndefined();
    curve.requested(keys.length);
    for (const entries of [1_000, 2_000, 4_000]) {
      const error = (curve.hitRatioAt(entries) as number) - measured(keys, entries, 's3-fifo');
      expect(Math.abs(error)).toBeLessThan(0.02);
    }
  });

  it('is exact where every key is looked at', () => {
    const { keys } = workloads[0] as (typeof workloads)[number];
    const curve = observed(keys, 400, 's3-fifo');
    expect(curve.rate).toBe(1);
    expect(curve.hitRatioAt(800)).toBeCloseTo(measured(keys, 800, 's3-fifo'), 10);
  });

  it('knows nothing before it has seen some requests, and stays within the sizes tried', () => {
    const curve = new MissRatioCurve({ entries: 100, eviction: 'lru' });
    expect(curve.hitRatioAt(100)).toBeUndefined();
    for (let i = 0; i < 2_000; i++) curve.record(`k${i % 150}`);
    expect(curve.hitRatioAt(100)).toBe(0);
    expect(curve.hitRatioAt(400)).toBeCloseTo(1 - 150 / 2_000, 10);
    expect([curve.hitRatioAt(1), curve.hitRatioAt(100_000)]).toEqual([curve.hitRatioAt(25), curve.hitRatioAt(400)]);
  });

  it('lets newer requests count more as it ages', () => {
    const curve = new MissRatioCurve({ entries: 100, eviction: 'lru' });
    for (let i = 0; i < 8_000; i++) curve.record(`old${i}`);
    for (let minute = 0; minute < 6; minute++) {
      curve.age();
      for (let i = 0; i < 8_000; i++) curve.record(`new${i % 50}`);
    }
    expect(curve.hitRatioAt(100)).toBeGreaterThan(0.98);
  });
});

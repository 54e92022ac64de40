import { describe, expect, it } from '@jest/globals';
import { KeyFigures } from '../../src/jobs/advise/key-figures.js';
import { findings, type Measured } from '../../src/jobs/advise/rules.js';

const limits = { hitRatio: 0.8, memory: 0.8, atLeast: 1_000 };

/** A minute of a cache with 10,000 entries, of which one key in 16 was observed. */
function minute(shares: { hits: number; displaced?: number; cold?: number }, more: Partial<Measured> = {}): Measured {
  const keys = new KeyFigures();
  const group = keys.of('k:');
  const { hits, displaced = 0, cold = 0 } = shares;
  Object.assign(group, { requests: hits + displaced + cold, hits, displaced, cold });
  const requests = 16 * group.requests;
  const hitRatio = hits / group.requests;
  const window = {
    ...{ length: 60_000, requests, hitRatio, memoryHitRatio: hitRatio, evictions: 16 * displaced },
    ...{ entries: 10_000, bytes: 0, maxEntries: 10_000, maxBytes: Number.POSITIVE_INFINITY },
  };
  return { window, keys, one: 16, hitRatioAt: undefined, hasRedis: false, ...more };
}

const churnOf = (measured: Measured) => findings(measured, limits).find(({ code }) => code === 'eviction-churn');

describe('advice on the size of memory', () => {
  it('says what the hit ratio would be with more entries, and what it is now', () => {
    const hitRatioAt = (entries: number) => (entries >= 20_000 ? 0.95 : 0.83);
    const found = churnOf(minute({ hits: 810, displaced: 190 }, { hitRatioAt }));
    expect(found?.message).toContain('With 20,000 entries the hit ratio would be 93 %, now 81 %.');
    expect(found?.figures).toMatchObject({ entries: 20_000, now: 0.81 });
    expect(found?.figures.hitRatio).toBeCloseTo(0.93, 10);
  });

  it('proposes the smallest size that brings most of the gain', () => {
    const hitRatioAt = (entries: number) => 0.5 + 0.1 * Math.log2(entries / 10_000);
    expect(churnOf(minute({ hits: 500, displaced: 500 }, { hitRatioAt }))?.figures.entries).toBe(40_000);
  });

  it('proposes none if more room would bring nothing, or if that is not known yet', () => {
    for (const answer of [0.5, undefined]) {
      const found = churnOf(minute({ hits: 500, displaced: 500 }, { hitRatioAt: () => answer }));
      expect(found?.message).toContain('Raise memory.maxEntries');
      expect(found?.figures.entries).toBeUndefined();
    }
  });

  it('speaks of memory alone where Redis is behind it', () => {
    const hitRatioAt = (entries: number) => (entries >= 20_000 ? 0.9 : 0.6);
    const found = churnOf(minute({ hits: 600, displaced: 400 }, { hitRatioAt, hasRedis: true }));
    expect(found?.message).toContain("memory's hit ratio would be 90 %");
  });

  it('is not given when nothing has to leave', () => {
    expect(churnOf(minute({ hits: 500, cold: 500 }))).toBeUndefined();
  });
});

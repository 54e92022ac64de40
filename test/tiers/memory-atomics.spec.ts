import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { MemoryAtomics } from '../../src/tiers/memory/memory-atomics.js';

function setUp(): { atomics: MemoryAtomics; clock: FakeClock; kept: () => number } {
  const clock = new FakeClock();
  const atomics = new MemoryAtomics(clock);
  const { slots } = atomics as unknown as { slots: Map<string, unknown> };
  return { atomics, clock, kept: () => slots.size };
}

describe('counters in memory', () => {
  it('add up, each for itself', async () => {
    const { atomics } = setUp();
    expect([await atomics.increment('a', 2, undefined), await atomics.increment('a', -5, undefined)]).toEqual([2, -3]);
    expect(await atomics.increment('b', 1, undefined)).toBe(1);
  });

  it('live for the time the first call gave, or for ever', async () => {
    const { atomics, clock } = setUp();
    await atomics.increment('a', 1, 1_000);
    await atomics.increment('b', 1, undefined);
    await clock.advance(999);
    expect(await atomics.increment('a', 1, 60_000)).toBe(2);
    await clock.advance(1);
    expect(await atomics.increment('a', 1, 1_000)).toBe(1);
    await clock.advance('365d');
    expect(await atomics.increment('b', 1, undefined)).toBe(2);
  });

  it('are forgotten by name, and rate limits with them, but no lease', async () => {
    const { atomics } = setUp();
    for (const key of ['a', 'b']) {
      await atomics.increment(key, 5, undefined);
      await atomics.rateLimit(key, 1, 1_000);
      await atomics.acquire(key, 'me', 1_000);
    }
    await atomics.forget(['a', 'x']);
    expect([await atomics.increment('a', 0, undefined), await atomics.increment('b', 0, undefined)]).toEqual([0, 5]);
    expect((await atomics.rateLimit('a', 1, 1_000)).allowed).toBe(true);
    expect((await atomics.rateLimit('b', 1, 1_000)).allowed).toBe(false);
    expect(await atomics.acquire('a', 'other', 1_000)).toBe(false);
  });
});

describe('leases in memory', () => {
  it('belong to their token until it gives them back or their time is over', async () => {
    const { atomics, clock } = setUp();
    expect([await atomics.acquire('a', 'me', 1_000), await atomics.acquire('a', 'you', 1_000)]).toEqual([true, false]);
    expect([await atomics.release('a', 'you'), await atomics.release('a', 'me')]).toEqual([false, true]);
    expect(await atomics.acquire('a', 'you', 1_000)).toBe(true);
    await clock.advance(1_000);
    expect([await atomics.release('a', 'you'), await atomics.acquire('a', 'me', 1_000)]).toEqual([false, true]);
  });
});

describe('counters, leases and limits that are over', () => {
  it('do not stay in memory: there are never many more than those that live', async () => {
    const { atomics, clock, kept } = setUp();
    await atomics.increment('keeper', 1, undefined);
    for (let i = 0; i < 20_000; i++) {
      await atomics.rateLimit(`ip${i}`, 10, 100);
      await atomics.acquire(`job${i}`, 'me', 100);
      if (i % 100 === 99) await clock.advance(100);
      expect(kept()).toBeLessThan(2_500);
    }
    expect(await atomics.increment('keeper', 0, undefined)).toBe(1);
  });

  it('are not looked for among many that live each time some are made', async () => {
    const { atomics, kept } = setUp();
    let looks = 0;
    const { slots } = atomics as unknown as { slots: Map<string, { until: number }> };
    const entries = slots[Symbol.iterator].bind(slots);
    slots[Symbol.iterator] = () => {
      looks += slots.size;
      return entries();
    };
    for (let i = 0; i < 50_000; i++) await atomics.increment(`n${i}`, 1, undefined);
    expect(kept()).toBe(50_000);
    expect(looks).toBeLessThan(3 * 50_000);
  });
});

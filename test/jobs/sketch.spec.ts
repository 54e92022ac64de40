import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PopularKeys } from '../../src/jobs/popularity/popular-keys.js';
import { Sketch } from '../../src/jobs/popularity/sketch.js';
import { hashKey } from '../../src/tiers/memory/key-hash.js';
import { seededRandom } from '../support/random.js';

const HOUR = 3_600_000;

describe('the sketch', () => {
  it('never answers less than the truth, and the truth while nothing collides', () => {
    const counted = fc.array(fc.tuple(fc.stringMatching(/^k\d{1,3}$/), fc.integer({ min: 1, max: 200 })));
    fc.assert(
      fc.property(counted, (events) => {
        const sketch = new Sketch(1_000);
        const truth = new Map<string, number>();
        for (const [key, weight] of events) {
          truth.set(key, (truth.get(key) ?? 0) + weight);
          sketch.add(hashKey(key), weight);
        }
        return [...truth].every(([key, count]) => sketch.estimate(hashKey(key)) === count);
      }),
    );
  });

  it('errs by less than e / width of all counts for nearly all keys, also when there are many more than it has counters', () => {
    const sketch = new Sketch(32); // 256 counters in a row
    const next = seededRandom(7);
    const truth = new Map<number, number>();
    for (let i = 0; i < 50_000; i++) {
      const key = Math.floor(10 ** (4 * next()));
      truth.set(key, (truth.get(key) ?? 0) + 1);
      sketch.add(hashKey(`key ${key}`), 1);
    }
    const errors = [...truth].map(([key, count]) => sketch.estimate(hashKey(`key ${key}`)) - count);
    expect(Math.min(...errors)).toBeGreaterThanOrEqual(0);
    const within = errors.filter((error) => error <= (Math.E / 256) * 50_000).length;
    expect(within / errors.length).toBeGreaterThan(0.98);
  });

  it('makes everything weigh less by the same factor', () => {
    const sketch = new Sketch(100);
    sketch.add(1, 40);
    sketch.scale(0.25);
    expect(sketch.estimate(1)).toBe(10);
  });
});

describe('popular keys', () => {
  const popular = (size: number) => new PopularKeys(size, HOUR, { key: undefined });

  it('are those that were asked for most, out of many more', () => {
    const keys = popular(50);
    const next = seededRandom(3);
    for (let i = 0; i < 100_000; i++) keys.add(`key ${Math.floor(20_000 ** next())}`, 1);
    const top = keys.top().map(({ key }) => Number(key.slice(4)));
    // Key n was asked for about 10,000 / n times: the first ones stand out.
    expect(top).toHaveLength(50);
    const best = Array.from({ length: 30 }, (_, i) => i + 1);
    expect(best.filter((key) => top.includes(key)).length).toBeGreaterThanOrEqual(29);
  });

  it('are found alike from a sample of the hits, with weights', () => {
    const keys = popular(50);
    const next = seededRandom(5);
    let distance = 1;
    for (let i = 0; i < 2_000_000; i++) {
      const key = Math.floor(20_000 ** next());
      if (--distance > 0) continue;
      distance = 1 + Math.floor(next() * 255);
      keys.add(`key ${key}`, 128);
    }
    const top = keys.top();
    const first = top.find(({ key }) => key === 'key 1');
    // log(2) / log(20,000) of 2 million, with a standard error of 128 * sqrt(n / 128).
    expect(Math.abs((first?.count ?? 0) - 140_000)).toBeLessThan(5 * Math.sqrt(128 * 140_000));
    const best = Array.from({ length: 15 }, (_, i) => `key ${i + 1}`);
    expect(best.filter((key) => top.some((one) => one.key === key))).toEqual(best);
  });

  it('change when others are asked for: half of a count is gone after the half-life', () => {
    const keys = popular(2);
    for (const old of ['a', 'b']) keys.add(old, 1_000);
    keys.age(10 * HOUR);
    expect(keys.top()[0]?.count).toBeCloseTo(1_000 / 1024, 3);
    for (const fresh of ['c', 'd']) keys.add(fresh, 10);
    expect(keys.top().map(({ key }) => key)).toEqual(['c', 'd']);
  });

  it('want to be told how they are loaded, until they were', () => {
    const wanted = { key: undefined as string | undefined };
    const keys = new PopularKeys(10, HOUR, wanted);
    keys.add('a', 1);
    expect(wanted.key).toBe('a');
    wanted.key = undefined;
    keys.tell('a', { call: 'A.find', args: 'p[1]' });
    keys.add('a', 1);
    expect(wanted.key).toBeUndefined();
    expect(keys.top()).toMatchObject([{ key: 'a', count: 2, recipe: { call: 'A.find' } }]);
  });

  it('are told once, and again if that failed', () => {
    const keys = popular(10);
    keys.add('a', 3);
    keys.tell('a', { call: 'A.find', args: 'p[1]' });
    const told = keys.takeUntold();
    expect(told).toEqual([{ key: 'a', count: 3, recipe: { call: 'A.find', args: 'p[1]' } }]);
    expect(keys.takeUntold()).toEqual([]);
    keys.add('a', 1);
    keys.putBack(told);
    expect(keys.takeUntold()).toMatchObject([{ key: 'a', count: 4, recipe: { call: 'A.find' } }]);
    keys.add('a', 1);
    expect(keys.takeUntold()).toMatchObject([{ key: 'a', count: 1, recipe: undefined }]);
  });

  it('need no more room the more keys there are', () => {
    const keys = popular(100);
    for (let i = 0; i < 50_000; i++) keys.add(`once ${i}`, 1);
    const { candidates } = keys as unknown as { candidates: Map<string, unknown> };
    expect(candidates.size).toBeLessThanOrEqual(200);
  });
});

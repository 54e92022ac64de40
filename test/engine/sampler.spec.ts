import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Sampler } from '../../src/engine/sampler.js';
import { seededRandom } from '../support/random.js';

/** Events that come at these distances, in milliseconds: what is sampled of each, and when. */
function sample(gaps: Iterable<number>, random: () => number): { weights: number[]; at: number[] } {
  const sampler = new Sampler(random);
  const found = { weights: [] as number[], at: [] as number[] };
  let now = 1_000;
  let event = 0;
  for (const gap of gaps) {
    now += gap;
    if (--sampler.left === 0) {
      found.weights.push(sampler.next(now));
      found.at.push(event);
    }
    event++;
  }
  return found;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

describe('Sampler', () => {
  it('takes all events while there are few', () => {
    const { weights } = sample(Array(100).fill(5), Math.random);
    expect(weights).toEqual(Array(100).fill(1));
  });

  it('takes about one in a millisecond of many', () => {
    const { at } = sample(Array(1_000_000).fill(0.05), seededRandom(1));
    // 50 seconds, 20 events in a millisecond.
    expect(at.length).toBeGreaterThan(50_000 / 4);
    expect(at.length).toBeLessThan(50_000 * 1.5);
  });

  it('takes one out of 128 of very many', () => {
    const { at, weights } = sample(Array(1_000_000).fill(0.0001), seededRandom(1));
    expect(at.length).toBeGreaterThan((1_000_000 / 128) * 0.95);
    expect(at.length).toBeLessThan((1_000_000 / 128) * 1.05);
    expect(weights.at(-1)).toBe(128);
  });

  it('takes all of them again when they have become few', () => {
    const { weights } = sample([...Array(10_000).fill(0.001), ...Array(2_000).fill(5)], seededRandom(1));
    expect(weights.slice(-100)).toEqual(Array(100).fill(1));
  });

  it('counts as many as there were, however they come, within what chance does', () => {
    const bursts = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.double({ min: 0.0001, max: 3, noNaN: true })),
      {
        minLength: 20,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(bursts, fc.integer(), (list, seed) => {
        const gaps = list.flatMap(([count, gap]) => Array<number>(count).fill(gap));
        const { weights } = sample(gaps, seededRandom(seed));
        const chance = 6 * Math.sqrt(128 * gaps.length) + 6 * 128;
        expect(Math.abs(sum(weights) - gaps.length)).toBeLessThan(chance);
      }),
      { numRuns: 200 },
    );
  });

  it('takes no event more often than others that come by turns with it', () => {
    const keys = 4;
    const { at, weights } = sample(Array(1_000_000).fill(0.0001), seededRandom(3));
    const counts = Array<number>(keys).fill(0);
    for (const [i, event] of at.entries()) counts[event % keys] = (counts[event % keys] ?? 0) + (weights[i] as number);
    for (const count of counts) expect(Math.abs(count - 250_000)).toBeLessThan(25_000);
  });
});

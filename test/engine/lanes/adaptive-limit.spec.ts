import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AdaptiveLimit, type LimitRange } from '../../../src/engine/lanes/adaptive-limit.js';
import { seededRandom } from '../../support/random.js';

/** A source that works on `capacity` requests at once, one after the other, in virtual time. */
class Source {
  capacity = 10;
  serviceTime = (): number => 10;
  /** Share of the requests that are let in although the limit allows more: an app with little to do. */
  demand = Number.POSITIVE_INFINITY;
  now = 0;
  readonly seen: number[] = [];
  private readonly waiting: number[] = [];
  private readonly working: { begun: number; ends: number }[] = [];

  constructor(readonly limit: AdaptiveLimit) {}

  /** So many requests end; there are always more of them than the limit allows. */
  serve(requests: number): void {
    for (let i = 0; i < requests; i++) {
      this.fill();
      this.working.sort((a, b) => a.ends - b.ends);
      const { begun, ends } = this.working.shift() as { begun: number; ends: number };
      this.now = ends;
      this.limit.ended('done', begun, this.now, this.inFlight);
      this.seen.push(this.limit.current);
    }
  }

  /** Mean of the limit while the last requests were served. */
  recent(requests: number): number {
    const last = this.seen.slice(-requests);
    return last.reduce((sum, limit) => sum + limit, 0) / last.length;
  }

  private get inFlight(): number {
    return this.waiting.length + this.working.length;
  }

  private fill(): void {
    while (this.inFlight < Math.min(this.limit.current, this.demand)) this.waiting.push(this.now);
    while (this.waiting.length > 0 && this.working.length < this.capacity) {
      this.working.push({ begun: this.waiting.shift() as number, ends: this.now + this.serviceTime() });
    }
  }
}

function source(capacity: number, range: Partial<LimitRange> = {}): Source {
  const made = new Source(new AdaptiveLimit({ min: 1, max: 200, initial: 20, ...range }));
  made.capacity = capacity;
  return made;
}

describe('an adaptive limit', () => {
  it.each([5, 10, 20, 50, 100])('comes near to a source that works on %i requests at once', (capacity) => {
    const made = source(capacity);
    made.serve(20_000);
    expect(made.recent(5_000)).toBeGreaterThan(capacity * 0.9);
    expect(made.recent(5_000)).toBeLessThan(capacity + 4 * Math.max(1, Math.log10(capacity)) + 1);
  });

  it.each([5, 10, 20, 50, 100])(
    'does so when times vary as they do by chance (exponential), capacity %i',
    (capacity) => {
      const made = source(capacity);
      const random = seededRandom(capacity);
      made.serviceTime = () => -10 * Math.log(1 - random());
      made.serve(30_000);
      expect(made.recent(15_000)).toBeGreaterThan(capacity * 0.6);
      expect(made.recent(15_000)).toBeLessThan(capacity * 1.6 + 6);
    },
  );

  it('does so when one request in ten takes twenty times as long', () => {
    const made = source(20);
    const random = seededRandom(1);
    made.serviceTime = () => (random() < 0.1 ? 200 : 10);
    made.serve(30_000);
    expect(made.recent(15_000)).toBeGreaterThan(10);
    expect(made.recent(15_000)).toBeLessThan(40);
  });

  it('falls when the source works on fewer at once, and rises again with it', () => {
    const made = source(50);
    made.serve(20_000);
    made.capacity = 10;
    made.serve(10_000);
    expect(made.recent(2_000)).toBeLessThan(18);
    expect(made.recent(2_000)).toBeGreaterThan(8);
    made.capacity = 50;
    made.serve(20_000);
    expect(made.recent(2_000)).toBeGreaterThan(45);
  });

  it('falls when the source becomes slow, and finds back when it turns out that it is no overload', () => {
    const made = source(40);
    made.serve(10_000);
    made.serviceTime = () => 50;
    made.serve(1_000);
    expect(Math.min(...made.seen.slice(-1_000))).toBeLessThan(16); // half of what it was is what a probe takes
    made.serve(20_000);
    expect(made.recent(2_000)).toBeGreaterThan(36);
  });

  it('does not grow while it is not used', () => {
    const made = source(100);
    made.demand = 4;
    made.serve(10_000);
    expect(made.recent(1_000)).toBeLessThanOrEqual(20);
  });

  it('falls when requests take so long that nobody waits for them, once for each window', () => {
    const limit = new AdaptiveLimit({ min: 1, max: 100, initial: 100 });
    limit.ended('done', 0, 1, 0);
    for (let i = 0; i < 50; i++) limit.ended('lost', 2, 10, 5);
    expect(limit.current).toBe(90);
  });

  it('takes failures for no measure: a source that fails fast is not a fast one', () => {
    const made = source(10);
    made.serve(10_000);
    const before = made.limit.current;
    for (let i = 0; i < 1_000; i++) made.limit.ended('failed', made.now, made.now, 5);
    expect(made.limit.current).toBe(before);
  });

  it('never leaves its range, whatever happens', () => {
    const times = fc.array(
      fc.record({
        how: fc.constantFrom('done' as const, 'done' as const, 'done' as const, 'failed' as const, 'lost' as const),
        took: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e6 }), fc.double({ min: 0, max: 10, noNaN: true })),
        others: fc.nat(60),
      }),
      { minLength: 200, maxLength: 2_000 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 5, max: 40 }), times, (min, max, ends) => {
        const limit = new AdaptiveLimit({ min, max, initial: 5 });
        let now = 0;
        for (const { how, took, others } of ends) {
          now += took / 10;
          limit.ended(how, now - took, now, others);
          expect(Number.isInteger(limit.current) && limit.current >= min && limit.current <= max).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  });
});

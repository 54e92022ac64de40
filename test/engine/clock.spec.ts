import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { SystemClock } from '../../src/engine/clock.js';

/** How many readings may share one look at the system's clock. */
const READINGS = 64;

describe('the clock of the system', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000 });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('tells the time of the system', () => {
    expect(new SystemClock().now()).toBe(1_000_000);
  });

  it('tells it anew in the next millisecond when the event loop runs', () => {
    const clock = new SystemClock();
    for (let i = 1; i <= 500; i++) {
      clock.now();
      jest.advanceTimersByTime(1);
      expect(clock.now()).toBe(1_000_000 + i);
    }
  });

  it('does not stand still when the event loop is blocked: it lags by 64 readings at most', () => {
    const clock = new SystemClock();
    clock.now();
    jest.setSystemTime(1_060_000);
    const readings = Array.from({ length: READINGS + 1 }, () => clock.now());
    expect(readings.at(-1)).toBe(1_060_000);
  });

  it('lags in a busy loop by as many readings at most as one look serves, whatever they take', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 300, maxLength: 300 }), (steps) => {
        const clock = new SystemClock();
        const times: number[] = [];
        for (const step of steps) {
          times.push(Date.now());
          const lagging = clock.now();
          expect(lagging).toBeLessThanOrEqual(Date.now());
          expect(lagging).toBeGreaterThanOrEqual(times.at(-1 - READINGS) ?? times[0] ?? 0);
          jest.setSystemTime(Date.now() + step);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('sets no timers, and one callback for the end of the turn, however often it is read', () => {
    const clock = new SystemClock();
    for (let i = 0; i < 10_000; i++) clock.now();
    expect(jest.getTimerCount()).toBeLessThanOrEqual(1); // jest counts the callback of the turn
    jest.runAllTicks();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('tells it anew in the next turn of the event loop, also after a pause that no timer ended', () => {
    const clock = new SystemClock();
    clock.now();
    jest.setSystemTime(1_060_000);
    expect(clock.now()).toBe(1_000_000); // the same turn
    jest.runAllTicks();
    expect(clock.now()).toBe(1_060_000);
  });

  it('calls back once, after the delay, unless it is cancelled', () => {
    const clock = new SystemClock();
    const [kept, cancelled] = [jest.fn(), jest.fn()];
    clock.after(50, kept);
    const cancel = clock.after(50, cancelled);
    cancel();
    jest.advanceTimersByTime(49);
    expect(kept).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1_000);
    expect([kept.mock.calls.length, cancelled.mock.calls.length]).toEqual([1, 0]);
  });

  it('does not call back at once after a delay too long for the timers of Node', () => {
    const then = jest.fn();
    new SystemClock().after(2 ** 40, then);
    jest.advanceTimersByTime(86_400_000);
    expect(then).not.toHaveBeenCalled();
  });
});

describe('the timers of the clock', () => {
  it('do not keep the process alive', () => {
    const clock = new SystemClock();
    const alive = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = alive();
    clock.now();
    const cancel = clock.after(60_000, () => {});
    expect(alive()).toBe(before);
    cancel();
  });
});

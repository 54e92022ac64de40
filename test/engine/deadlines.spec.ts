import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../../src/engine/clock.js';
import { type Deadline, Deadlines } from '../../src/engine/deadlines.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

/** A clock that counts the timers it was asked for. */
class CountingClock extends FakeClock {
  asked = 0;
  waiting = 0;

  override after(...[delay, then]: Parameters<Clock['after']>): () => void {
    this.asked++;
    this.waiting++;
    return super.after(delay, () => {
      this.waiting--;
      then();
    });
  }
}

/** How many deadlines are kept. */
function kept(deadlines: Deadlines): number {
  let count = 0;
  const { first } = deadlines as unknown as { first: Deadline | undefined };
  for (let deadline = first; deadline; deadline = deadline.after) count++;
  return count;
}

describe('a deadline', () => {
  it('ends when its time is over, once', async () => {
    const clock = new FakeClock();
    const expire = jest.fn();
    new Deadlines(clock, 100).start(expire);
    await clock.advance(99);
    expect(expire).not.toHaveBeenCalled();
    await clock.advance(1);
    await clock.advance(1_000);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  it('does not end when it was stopped before, and tells whether it was in time', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, 100);
    const [early, late] = [jest.fn(), jest.fn()];
    const [first, second] = [deadlines.start(early), deadlines.start(late)];
    await clock.advance(99);
    expect([deadlines.stop(first), deadlines.stop(first)]).toEqual([true, false]);
    await clock.advance(1);
    expect(deadlines.stop(second)).toBe(false);
    expect([early.mock.calls.length, late.mock.calls.length]).toEqual([0, 1]);
  });

  it('may start another one when it ends', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, 100);
    const ends: number[] = [];
    const again = (): void => {
      ends.push(clock.now());
      if (ends.length < 3) deadlines.start(again);
    };
    const start = clock.now();
    deadlines.start(again);
    await clock.advance(1_000);
    expect(ends.map((end) => end - start)).toEqual([100, 200, 300]);
  });

  it('may stop another one when it ends', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, 100);
    const expire = jest.fn();
    deadlines.start(() => deadlines.stop(other));
    const other = deadlines.start(expire);
    await clock.advance(100);
    expect([expire.mock.calls.length, kept(deadlines)]).toEqual([0, 0]);
  });
});

describe('many deadlines', () => {
  it('share one timer', async () => {
    const clock = new CountingClock();
    const deadlines = new Deadlines(clock, 100);
    for (let i = 0; i < 1_000; i++) deadlines.stop(deadlines.start(() => {}));
    deadlines.start(() => {});
    expect([clock.asked, clock.waiting]).toEqual([1, 1]);
    await clock.advance(1_000);
    expect(clock.waiting).toBe(0);
  });

  it('are not kept once they were stopped, whichever was', () => {
    const deadlines = new Deadlines(new FakeClock(), 1_000_000);
    const open = Array.from({ length: 3 }, () => deadlines.start(() => {}));
    for (let i = 0; i < 10_000; i++) deadlines.stop(deadlines.start(() => {}));
    expect(kept(deadlines)).toBe(3);
    for (const i of [1, 0, 2]) deadlines.stop(open[i] as Deadline);
    expect(kept(deadlines)).toBe(0);
    expect(open.flatMap(({ before, after }) => [before, after])).toEqual(Array(6).fill(undefined));
  });

  it('need no timer while there are none, and one again after that', async () => {
    const clock = new CountingClock();
    const deadlines = new Deadlines(clock, 100);
    deadlines.stop(deadlines.start(() => {}));
    await clock.advance(10_000);
    expect([clock.asked, clock.waiting]).toEqual([1, 0]);
    const expire = jest.fn();
    deadlines.start(expire);
    await clock.advance(99);
    expect(expire).not.toHaveBeenCalled();
    await clock.advance(1);
    expect([expire.mock.calls.length, clock.asked]).toEqual([1, 2]);
  });

  it('do not end early because the timer of an earlier one does', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, 100);
    deadlines.stop(deadlines.start(() => {}));
    await clock.advance(60);
    const expire = jest.fn();
    deadlines.start(expire);
    await clock.advance(99);
    expect(expire).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  it('end at their time in the order in which they began, but for those that were stopped', async () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 40 }), stop: fc.boolean(), which: fc.nat() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new FakeClock();
        const deadlines = new Deadlines(clock, 100);
        const ended: [number, number][] = [];
        const begun: { deadline: Deadline; id: number; at: number }[] = [];
        const stopped = new Set<number>();
        for (const [id, { wait, stop, which }] of steps.entries()) {
          const at = clock.now() + 100;
          begun.push({ deadline: deadlines.start(() => ended.push([id, clock.now()])), id, at });
          const chosen = begun[which % begun.length];
          if (stop && chosen && deadlines.stop(chosen.deadline)) stopped.add(chosen.id);
          expect(kept(deadlines)).toBe(begun.length - stopped.size - ended.length);
          await clock.advance(wait);
        }
        await clock.advance(1_000);
        expect(ended).toEqual(begun.filter(({ id }) => !stopped.has(id)).map(({ id, at }) => [id, at]));
      }),
      { numRuns: 40 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OverloadError } from '../../../src/cache.errors.js';
import { Lane } from '../../../src/engine/lanes/lane.js';
import type { LaneRunOptions } from '../../../src/engine/lanes/lane.options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      lane: fc.nat(2),
      key: fc.constantFrom(undefined, undefined, 'a', 'b'),
      priority: fc.constantFrom('interactive' as const, 'interactive' as const, 'background' as const),
      deadline: fc.constantFrom(undefined, undefined, 20, 50),
      lostAfter: fc.constantFrom(undefined, undefined, undefined, 40),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), by: fc.constantFrom(5, 20, 40) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One request as a caller sees it. */
interface Seen {
  readonly lane: number;
  readonly key: string | undefined;
  readonly place: number;
  readonly abort: AbortController;
  state: 'waiting' | 'running' | 'done' | 'refused';
  settled: number;
  /** Its place was given away while it ran. */
  lostAt: number;
  begunAt: number;
  finish: ((fails: boolean) => void) | undefined;
}

/** Lanes with a naive idea of what must hold after each step: it walks all requests. */
class World {
  readonly clock = new FakeClock();
  readonly limits = [4, 2, 3];
  readonly queues = [6, 5, 4];
  readonly lanes: Lane[];
  readonly all: Seen[] = [];
  now = 0;

  constructor() {
    const root = new Lane({ concurrency: 4, queue: 6, queueTimeout: 100, clock: this.clock });
    const child = (n: number): Lane =>
      new Lane({
        concurrency: this.limits[n],
        queue: this.queues[n],
        queueTimeout: 100,
        within: root,
        clock: this.clock,
      });
    this.lanes = [root, child(1), child(2)];
  }

  async take(one: Step): Promise<void> {
    if (one.do === 'run') this.run(one);
    if (one.do === 'wait') {
      this.now += one.by;
      await this.clock.advance(one.by);
    }
    if (one.do === 'end') this.pick('running', one.which)?.finish?.(one.fails);
    if (one.do === 'cancel') this.pick('waiting', one.which)?.abort.abort(new Error('cancelled'));
    await new Promise((resolve) => setImmediate(resolve));
  }

  private pick(state: Seen['state'], which: number): Seen | undefined {
    const some = this.all.filter((seen) => seen.state === state);
    return some[which % Math.max(1, some.length)];
  }

  private run({ lane, key, priority, deadline, lostAfter }: Extract<Step, { do: 'run' }>): void {
    const seen: Seen = {
      lane,
      key,
      place: this.all.length,
      abort: new AbortController(),
      state: 'waiting',
      settled: 0,
      lostAt: Number.POSITIVE_INFINITY,
      begunAt: 0,
      finish: undefined,
    };
    this.all.push(seen);
    const options: LaneRunOptions = { priority, signal: seen.abort.signal };
    Object.assign(options, key && { key }, deadline && { deadline }, lostAfter && { lostAfter });
    const work = (): Promise<number> => {
      seen.state = 'running';
      seen.lostAt = this.now + (lostAfter ?? Number.POSITIVE_INFINITY);
      return new Promise((resolve, reject) => {
        seen.finish = (fails) => (fails ? reject(new Error('failed')) : resolve(seen.place));
      });
    };
    (this.lanes[lane] as Lane).run(work, options).then(
      (value) => this.settle(seen, value === seen.place),
      (error: Error) => {
        const known = error instanceof OverloadError || ['failed', 'cancelled'].includes(error.message);
        this.settle(seen, known);
      },
    );
  }

  private settle(seen: Seen, asExpected: boolean): void {
    seen.settled++;
    if (!asExpected) throw new Error('A caller got what is not its own');
    seen.state = seen.state === 'running' ? 'done' : 'refused';
  }

  check(): void {
    const occupied = (lane: number): Seen[] =>
      this.all.filter((one) => one.state === 'running' && one.lostAt > this.now && (lane === 0 || one.lane === lane));
    this.lanes.forEach((lane, n) => {
      const stats = lane.stats();
      const waiting = this.all.filter((one) => one.state === 'waiting' && one.lane === n);
      expect(stats.inFlight).toBe(occupied(n).length);
      expect(stats.inFlight).toBeLessThanOrEqual(this.limits[n] as number);
      expect(stats.queued).toBe(waiting.length);
      expect(stats.queued).toBeLessThanOrEqual(this.queues[n] as number);
    });
    for (const seen of this.all) {
      expect(seen.settled).toBeLessThanOrEqual(1);
      // Of its key in its lane, everybody who came before has ended, or was given up.
      if (seen.state !== 'running' || seen.key === undefined) continue;
      const before = this.all.filter((one) => one.lane === seen.lane && one.key === seen.key && one.place < seen.place);
      expect(before.every((one) => one.state === 'done' || one.state === 'refused' || one.lostAt <= this.now)).toBe(
        true,
      );
    }
    this.checkThatNobodyWaitsForNothing();
  }

  /** Room and interactive work that waits for nothing else do not exist together. */
  private checkThatNobodyWaitsForNothing(): void {
    const root = (this.lanes[0] as Lane).stats();
    if (root.inFlight >= root.limit) return;
    this.lanes.forEach((lane, n) => {
      const stats = lane.stats();
      if (stats.inFlight >= stats.limit) return;
      const free = this.all.filter((one) => one.state === 'waiting' && one.lane === n && one.key === undefined);
      expect(free.length).toBe(Math.min(free.length, stats.queuedBackground)); // only its share is used up
    });
  }

  /** Everything ends, and nothing is left. */
  async finish(): Promise<void> {
    for (let i = 0; i < 1_000 && this.all.some((one) => one.settled === 0); i++) {
      for (const seen of this.all) if (seen.state === 'running') seen.finish?.(false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(this.all.every((one) => one.settled === 1)).toBe(true);
    for (const lane of this.lanes) expect(lane.stats()).toMatchObject({ inFlight: 0, queued: 0 });
    for (const lane of this.lanes) expect((lane as unknown as { lines: Map<string, unknown> }).lines.size).toBe(0);
  }
}

describe('lanes', () => {
  it('keep every limit and every order, lose nobody and answer everybody once, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        const world = new World();
        for (const one of steps) {
          await world.take(one);
          world.check();
        }
        await world.finish();
      }),
      { numRuns: 60 },
    );
  });
});

describe('1,000 concurrent requests against a source limited to 10', () => {
  it('are all answered or refused, in the order of their keys, and nothing grows without bound', async () => {
    const clock = new FakeClock();
    const lane = new Lane({ concurrency: 10, queue: 400, queueTimeout: '1s', clock });
    const timers = new Set<() => void>();
    const start = clock.after.bind(clock);
    let mostTimers = 0;
    clock.after = (delay, then) => {
      const timer = (): void => {
        timers.delete(timer);
        then();
      };
      timers.add(timer);
      mostTimers = Math.max(mostTimers, timers.size);
      return start(delay, timer);
    };
    const { signal } = new AbortController();
    let listeners = 0;
    signal.addEventListener = () => void listeners++;
    signal.removeEventListener = () => void listeners--;
    const begun = new Map<string, number[]>();
    let running = 0;
    let most = { running: 0, queued: 0, listeners: 0 };
    const work = (key: string, i: number) => async (): Promise<number> => {
      running++;
      begun.set(key, [...(begun.get(key) ?? []), i]);
      most = {
        running: Math.max(most.running, running),
        queued: Math.max(most.queued, lane.stats().queued),
        listeners: Math.max(most.listeners, listeners),
      };
      await new Promise<void>((resolve) => start(100, resolve));
      running--;
      return i;
    };
    const results = Array.from({ length: 1_000 }, (_, i) => {
      const key = `product:${i % 50}`;
      return lane.run(work(key, i), { key, signal }).catch((error: unknown) => error);
    });
    for (let i = 0; i < 60; i++) await clock.advance(50);
    const answers = await Promise.all(results);
    const answered = answers.filter((answer, i) => answer === i).length;
    const refused = answers.filter((answer) => answer instanceof OverloadError);
    // 10 at once, 100 ms each, nobody waits longer than a second: those of the first second, and those that began at its end.
    expect([answered, refused.length]).toEqual([answered, 1_000 - answered]);
    expect(answered).toBeGreaterThanOrEqual(100);
    expect(refused.filter(({ reason }) => reason === 'full')).toHaveLength(590);
    expect(most.running).toBe(10);
    expect(most.queued).toBeLessThanOrEqual(400);
    expect(most.listeners).toBeLessThanOrEqual(400);
    expect(mostTimers).toBe(1); // one for all deadlines, however many wait
    for (const order of begun.values()) expect(order).toEqual([...order].sort((a, b) => a - b));
    expect([lane.stats().inFlight, lane.stats().queued, listeners, timers.size]).toEqual([0, 0, 0, 0]);
  });
});

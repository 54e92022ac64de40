import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it, jest } from '@jest/globals';
import { CacheOptionsError, OverloadError } from '../../../src/cache.errors.js';
import { Lane, type LaneOptions } from '../../../src/engine/lanes/lane.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { type Deferred, deferred, settled } from '../embedded-cache.js';

/** A lane whose runs end when the test says so; `log` has the names of those that began. */
function rig(options: LaneOptions = {}) {
  const clock = new FakeClock();
  const lane = new Lane({ concurrency: 1, clock, ...options });
  const log: string[] = [];
  const works = new Map<string, Deferred<string>>();
  const run = (name: string, how: Parameters<Lane['run']>[1] = {}, on = lane): Promise<string> =>
    on.run(() => {
      log.push(name);
      const work = deferred<string>();
      works.set(name, work);
      return work.promise;
    }, how);
  const end = async (name: string): Promise<void> => {
    works.get(name)?.resolve(name);
    await settled();
  };
  return { clock, lane, log, run, end, works };
}

describe('a lane', () => {
  it('runs so many at once, and the others in their order', async () => {
    const { lane, log, run, end } = rig({ concurrency: 2 });
    const results = Promise.all(['a', 'b', 'c', 'd'].map((name) => run(name)));
    expect(log).toEqual(['a', 'b']);
    expect(lane.stats()).toMatchObject({ limit: 2, inFlight: 2, queued: 2, started: 2 });
    await end('b');
    expect(log).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c', 'd']) await end(name);
    expect(await results).toEqual(['a', 'b', 'c', 'd']);
    expect(lane.stats()).toMatchObject({ inFlight: 0, queued: 0, started: 4 });
  });

  it('runs those of one key one after the other, and other keys beside them', async () => {
    const { log, run, end } = rig({ concurrency: 10 });
    for (const [name, key] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['a3', 'a'],
    ] as const)
      void run(name, { key });
    expect(log).toEqual(['a1', 'b1']);
    await end('a1');
    expect(log).toEqual(['a1', 'b1', 'a2']);
    await end('a2');
    expect(log).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('goes on with a key whose run failed, or threw at once', async () => {
    const { lane, run, log } = rig({ concurrency: 10 });
    const failed = lane.run(() => Promise.reject(new Error('down')), { key: 'a' });
    const thrown = lane.run(
      () => {
        throw new Error('at once');
      },
      { key: 'a' },
    );
    void run('a3', { key: 'a' });
    await expect(failed).rejects.toThrow('down');
    await expect(thrown).rejects.toThrow('at once');
    await settled();
    expect([log, lane.stats().inFlight]).toEqual([['a3'], 1]);
  });

  it('refuses at once what its queue has no room for, with a 503 that says when to try again', async () => {
    const { clock, lane, run, end } = rig({ queue: 2, name: 'products' });
    const first = run('slow');
    await clock.advance('3s');
    await end('slow');
    await first;
    void run('a');
    void run('b');
    void run('c');
    const error = await run('d').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OverloadError);
    expect(error).toMatchObject({
      code: 'CACHE_OVERLOAD',
      lane: 'products',
      reason: 'full',
      statusCode: 503,
      retryAfter: 1,
    });
    expect(lane.stats()).toMatchObject({ queued: 2, rejected: { full: 1 } });
  });

  it('without a queue runs at once or not at all', async () => {
    const { run, log } = rig({ queue: 0 });
    void run('a');
    await expect(run('b')).rejects.toBeInstanceOf(OverloadError);
    expect(log).toEqual(['a']);
  });

  it('ends the wait of those that are too late for it, and runs the others', async () => {
    const { clock, lane, log, run, end } = rig({ queueTimeout: '2s' });
    void run('a');
    const impatient = run('b', { deadline: 500 }).catch((error: unknown) => error);
    const late = run('c').catch((error: unknown) => error);
    await clock.advance(500);
    expect(await impatient).toMatchObject({ code: 'CACHE_OVERLOAD', reason: 'deadline' });
    await clock.advance(1_499);
    const patient = run('d');
    await clock.advance(1);
    expect(await late).toMatchObject({ reason: 'deadline' });
    expect(lane.stats()).toMatchObject({ queued: 1, rejected: { deadline: 2 } });
    await end('a');
    await end('d');
    expect([await patient, log]).toEqual(['d', ['a', 'd']]);
  });

  it('lets go of what is cancelled while it waits, and its place with it', async () => {
    const { lane, log, run, end } = rig({ queue: 1 });
    const controller = new AbortController();
    void run('a');
    const cancelled = run('b', { signal: controller.signal });
    controller.abort(new Error('went away'));
    await expect(cancelled).rejects.toThrow('went away');
    void run('c');
    await end('a');
    expect([log, lane.stats().rejected.cancelled]).toEqual([['a', 'c'], 1]);
    await expect(run('d', { signal: controller.signal })).rejects.toThrow('went away');
    expect(log).not.toContain('d');
  });

  it('passes the signal on, and leaves no listener on it', async () => {
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    const { clock, lane, run, end } = rig();
    void run('a');
    const seen = lane.run((given) => given, { signal });
    const late = run('late', { signal, deadline: 10 }).catch(() => 'late');
    await clock.advance(10);
    await end('a');
    expect([await seen, await late]).toEqual([signal, 'late']);
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([2, 2]);
  });

  it('starts work in the async context of its caller', async () => {
    const context = new AsyncLocalStorage<string>();
    const { lane, run, end } = rig();
    void context.run('first', () => run('a'));
    const seen = context.run('second', () => lane.run(() => context.getStore()));
    await end('a');
    expect(await seen).toBe('second');
  });

  it('gives the place of a run away that takes longer than lostAfter', async () => {
    const { clock, lane, log, run, end } = rig();
    const lost = run('a', { lostAfter: 1_000 });
    void run('b');
    await clock.advance('1s');
    expect(log).toEqual(['a', 'b']);
    await end('a');
    expect([await lost, lane.stats()]).toMatchObject(['a', { inFlight: 1, lost: 1 }]);
  });

  it('refuses options that make no sense', async () => {
    for (const options of [
      { concurrency: 0 },
      { concurrency: { min: 5, max: 3 } },
      { concurrency: { least: 1 } },
      { queue: -1 },
      { queue: Number.POSITIVE_INFINITY },
      { queueTimeout: 0 },
    ]) {
      expect(() => new Lane(options as LaneOptions)).toThrow(CacheOptionsError);
    }
    await expect(new Lane().run(() => 1, { priority: 'high' as never })).rejects.toBeInstanceOf(CacheOptionsError);
  });
});

describe('background work', () => {
  it('comes after interactive work, but one run of ten is its own', async () => {
    const { log, run, end } = rig();
    void run('first');
    for (let i = 0; i < 3; i++) void run(`b${i}`, { priority: 'background' });
    for (let i = 0; i < 30; i++) void run(`i${i}`);
    for (let i = 0; i < 33; i++) await end(log[i] as string);
    const places = log.flatMap((name, place) => (name.startsWith('b') ? [place] : []));
    expect(places).toEqual([10, 20, 30]);
  });

  it('takes at most half of the limit, so that interactive work finds room', async () => {
    const { log, run, end } = rig({ concurrency: 4 });
    for (let i = 0; i < 4; i++) void run(`b${i}`, { priority: 'background' });
    expect(log).toEqual(['b0', 'b1']);
    void run('i0');
    void run('i1');
    expect(log).toEqual(['b0', 'b1', 'i0', 'i1']);
    await end('b0');
    expect(log.at(-1)).toBe('b2');
  });

  it('gives its place in a full queue to interactive work', async () => {
    const { lane, log, run, end } = rig({ queue: 2 });
    void run('a');
    void run('b0', { priority: 'background' });
    const displaced = run('b1', { priority: 'background' });
    void run('c');
    await expect(displaced).rejects.toMatchObject({ reason: 'full' });
    await expect(run('b2', { priority: 'background' })).rejects.toMatchObject({ reason: 'full' });
    await end('a');
    expect([log, lane.stats().rejected.full]).toEqual([['a', 'c'], 2]);
  });

  it('that gives way to interactive work of its own key leaves that able to run', async () => {
    const { log, run, end } = rig({ queue: 1 });
    void run('a');
    const displaced = run('b', { priority: 'background', key: 'k' });
    void run('c', { key: 'k' });
    await expect(displaced).rejects.toBeInstanceOf(OverloadError);
    await end('a');
    expect(log).toEqual(['a', 'c']);
  });

  it('is as urgent as the interactive work that waits for it because of its key', async () => {
    const { log, run, end } = rig();
    void run('a');
    void run('i0');
    void run('b', { priority: 'background', key: 'k' });
    void run('b2', { priority: 'background' });
    void run('c', { key: 'k' });
    void run('i1');
    for (let i = 0; i < 6; i++) await end(log[i] as string);
    expect(log).toEqual(['a', 'i0', 'b', 'i1', 'c', 'b2']);
  });
});

describe('a lane within another one', () => {
  it('keeps the limits of both', async () => {
    const clock = new FakeClock();
    const all = new Lane({ concurrency: 3, clock });
    const { lane, log, run, end } = rig({ concurrency: 2, within: all });
    const other = new Lane({ concurrency: 2, within: all, clock });
    for (const name of ['a', 'b', 'c']) void run(name);
    for (const name of ['x', 'y']) void run(name, {}, other);
    expect(log).toEqual(['a', 'b', 'x']);
    expect([all.stats().inFlight, lane.stats().inFlight, other.stats().queued]).toEqual([3, 2, 1]);
    await end('a');
    expect(log.at(-1)).toBe('c');
    await end('b');
    expect(log.at(-1)).toBe('y');
    await end('c');
    expect(all.stats().inFlight).toBe(2);
  });

  it('takes turns with its neighbours, and interactive work goes before background work of all of them', async () => {
    const clock = new FakeClock();
    const all = new Lane({ concurrency: 1, clock });
    const { log, run, end } = rig({ concurrency: 1, within: all });
    const other = new Lane({ concurrency: 1, within: all, clock });
    void run('first', {}, all);
    void run('a-back', { priority: 'background' });
    for (const name of ['a0', 'a1']) void run(name);
    for (const name of ['x0', 'x1']) void run(name, {}, other);
    for (let i = 0; i < 6; i++) await end(log[i] as string);
    expect(log).toEqual(['first', 'a0', 'x0', 'a1', 'x1', 'a-back']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError, CacheUnavailableError } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { until, useWorld } from './world.js';

describe.each([
  ['in Redis, over two processes', true],
  ['in memory', false],
])('counters, leases and rate limits %s', (_where, shared) => {
  const world = useWorld();

  async function two() {
    const one = await world.app(shared ? {} : { url: false });
    return { one: one.cache, two: shared ? (await world.app()).cache : one.cache };
  }

  it('count exactly, each caller getting a number of its own', async () => {
    const { one, two: other } = await two();
    const numbers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => (i % 2 ? one : other).increment(['hits', 1])),
    );
    expect(new Set(numbers).size).toBe(300);
    expect(await one.increment(['hits', 1], 0)).toBe(300);
    expect(await one.increment(['hits', '1'], 0)).toBe(0);
  });

  it('are not made by reading them, so the ttl of the first real call counts', async () => {
    const { one } = await two();
    expect(await one.increment('visits', 0)).toBe(0);
    await one.increment('visits', 1, { ttl: 20 });
    let tries = 0;
    while ((await one.increment('visits', 0)) !== 0) {
      expect(++tries).toBeLessThan(500);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('give a lease to one caller at a time', async () => {
    const { one, two: other } = await two();
    let inside = 0;
    let done = 0;
    const work = async (i: number): Promise<void> => {
      const cache = i % 2 ? one : other;
      for (;;) {
        const lease = await cache.lease('job', { ttl: '1m' });
        if (!lease) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        expect(++inside).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inside--;
        done++;
        expect(await lease.release()).toBe(true);
        return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));
    expect(done).toBe(20);
  });

  it('abort the signal of a lease that was given back, and let it go only once', async () => {
    const { one, two: other } = await two();
    const lease = await one.lease('job', { ttl: '1m' });
    expect(lease?.signal.aborted).toBe(false);
    expect(await other.lease('job', { ttl: '1m' })).toBeNull();
    expect(await lease?.release()).toBe(true);
    expect(lease?.signal.aborted).toBe(true);
    expect(await lease?.release()).toBe(false);
    expect(await other.lease('job', { ttl: '1m' })).not.toBeNull();
  });

  it('abort the signal of a lease when its time is over', async () => {
    const clock = new FakeClock();
    const { cache } = await world.app(shared ? { clock } : { url: false, clock });
    const lease = await cache.lease('job', { ttl: '1m' });
    await clock.advance(59_999);
    expect(lease?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(lease?.signal.aborted).toBe(true);
  });

  it('free a lease whose holder is gone', async () => {
    const { one, two: other } = await two();
    await one.lease('job', { ttl: 30 });
    await until('the lease is free', () => other.lease('job', { ttl: '1m' }));
  });

  it('allow exactly the limit, and again when the window is over', async () => {
    const { one, two: other } = await two();
    const ask = (i: number) => (i % 2 ? one : other).rateLimit(['login', 'ann'], { limit: 7, window: '1h' });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i)));
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(7);
    expect((await one.rateLimit(['login', 'bob'], { limit: 7, window: '1h' })).allowed).toBe(true);
    expect((await one.rateLimit('short', { limit: 1, window: 30 })).allowed).toBe(true);
    await until('the window is over', async () => (await other.rateLimit('short', { limit: 1, window: 30 })).allowed);
  });

  it('refuse what makes no sense, naming the option', async () => {
    const { one } = await two();
    const wrong: [Promise<unknown>, RegExp][] = [
      [one.increment('n', Number.NaN), /by/],
      [one.increment('n', 1, { ttl: 0 }), /ttl/],
      [one.increment('n', 1, { ttl: '5 minutes' as '5m' }), /ttl/],
      [one.lease('l', { ttl: -1 }), /ttl/],
      [one.rateLimit('r', { limit: -1, window: '1m' }), /limit/],
      [one.rateLimit('r', { limit: 1.5, window: '1m' }), /limit/],
      [one.rateLimit('r', { limit: 1, window: 0 }), /window/],
    ];
    for (const [call, option] of wrong) {
      await expect(call).rejects.toThrow(option);
      await expect(call).rejects.toBeInstanceOf(CacheOptionsError);
    }
  });
});

describe('counters, leases and rate limits without their Redis', () => {
  const world = useWorld();

  it('reject, soon: there is no safe guess', async () => {
    const proxy = await world.proxy();
    proxy.cut();
    const { cache } = await world.app({ url: proxy.url });
    const calls = [
      cache.increment('n'),
      cache.lease('l', { ttl: '1m' }),
      cache.rateLimit('r', { limit: 1, window: '1m' }),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(CacheUnavailableError);
  });
});

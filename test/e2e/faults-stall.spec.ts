import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisProxy } from '../support/redis-proxy.js';
import { type TestApp, until, useWorld } from './world.js';

const TIMEOUT = 300;
const PAUSE = 400;
/** What a busy machine may add. */
const SLACK = 400;

describe('Redis does not answer any more', () => {
  const world = useWorld();
  let proxy: RedisProxy;
  let app: TestApp;

  beforeEach(async () => {
    proxy = await world.proxy();
    app = await world.app({ url: proxy.url, tier: { commandTimeout: TIMEOUT, breakerPause: PAUSE } });
    await app.cache.set('stored', 'value');
    await app.cache.get('stored');
  });

  async function timed<T>(work: () => Promise<T>): Promise<{ result: T; took: number }> {
    const start = performance.now();
    return { result: await work(), took: performance.now() - start };
  }

  /** Reads until commands are kept back. */
  async function openBreaker(): Promise<void> {
    for (let i = 0; i < 5; i++) await app.cache.get(`absent:${i}`);
    expect(app.cache.stats().redis?.ready).toBe(false);
  }

  it('each read is bounded by one command timeout, and answered from memory or the source', async () => {
    proxy.stall();
    expect(await timed(() => app.cache.get('stored'))).toMatchObject({ result: 'value' });
    const reads: [Promise<{ result: unknown; took: number }>, unknown][] = [
      [timed(() => app.cache.get('absent')), undefined],
      [timed(() => app.cache.getEntry('absent')), undefined],
      [timed(() => app.cache.has('absent')), false],
      [timed(() => app.cache.getMany(['absent', 'absent too'])), new Map()],
      [timed(() => app.cache.getOrLoad('load', () => 'loaded')), 'loaded'],
      [timed(() => app.cache.getOrLoadMany(['many'], () => new Map([['many', 1]]))), new Map([['many', 1]])],
    ];
    for (const [read, expected] of reads) {
      const { result, took } = await read;
      expect(result).toEqual(expected);
      expect(took).toBeLessThan(TIMEOUT + SLACK);
    }
  });

  it('later reads do not wait at all, until a try is answered again', async () => {
    proxy.stall();
    await openBreaker();
    for (let i = 0; i < 50; i++) {
      const { result, took } = await timed(() => app.cache.getOrLoad(`key:${i}`, () => i));
      expect(result).toBe(i);
      // One of them may be the try after the pause, which waits for its timeout.
      if (took > 50) expect(took).toBeLessThan(TIMEOUT + SLACK);
    }
    const { notSent } = app.cache.stats().redis?.commands ?? { notSent: 0 };
    expect(notSent).toBeGreaterThan(30);
    proxy.resume();
    await until('a try closes the breaker', async () => {
      await app.cache.get('absent');
      return app.cache.stats().redis?.ready;
    });
    await app.cache.getOrLoad('after', () => 'after');
    await app.cache.idle();
    expect(await (await world.app()).cache.get('after')).toBe('after');
  });

  it('200 calls at once wait for one timeout together, not one after the other', async () => {
    proxy.stall();
    const { result, took } = await timed(() =>
      Promise.all(Array.from({ length: 200 }, (_, i) => app.cache.getOrLoad(`key:${i}`, async () => i))),
    );
    expect(result).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(took).toBeLessThan(TIMEOUT + 2 * SLACK);
  });

  it('invalidations and puts end within a few timeouts, and hold in this process at once', async () => {
    await app.cache.set('tagged', 1, { tags: ['t'] });
    await app.cache.set('product:1', 1);
    proxy.stall();
    const { took } = await timed(async () => {
      await Promise.all([
        app.cache.evict('stored'),
        app.cache.evict({ tags: ['t'] }),
        app.cache.evict({ prefix: 'product:' }),
        app.cache.set('set', 'new'),
        app.cache.write('written', async () => 'new'),
      ]);
    });
    expect(took).toBeLessThan(3 * TIMEOUT + 2 * SLACK);
    for (const key of ['stored', 'tagged', 'product:1']) expect(await app.cache.get(key)).toBeUndefined();
    expect(await app.cache.get('set')).toBe('new');
  });

  it('an eviction holds at once, before Redis or a timeout answers', async () => {
    proxy.stall();
    const evicting = app.cache.evict('stored');
    expect(app.cache.peek('stored')).toBeUndefined();
    await evicting;
  });

  it('what hangs and is answered late does no harm', async () => {
    proxy.stall();
    const load = app.cache.getOrLoad('key', async () => 'first');
    expect(await load).toBe('first');
    await app.cache.evict('key');
    proxy.resume();
    await until('everything is delivered', async () => {
      await app.cache.get('absent');
      const redis = app.cache.stats().redis;
      return redis?.ready && redis.undelivered === 0;
    });
    expect(await app.cache.get('key')).toBeUndefined();
    expect(await (await world.app()).cache.get('key')).toBeUndefined();
    expect(await app.cache.getOrLoad('key', async () => 'second')).toBe('second');
  });

  it('a slow Redis is still used as long as it keeps within the timeout', async () => {
    proxy.delay(TIMEOUT / 6);
    const { result } = await timed(() => app.cache.getOrLoad('key', async () => 'loaded', { tags: ['t'] }));
    expect(result).toBe('loaded');
    await app.cache.idle();
    expect(await (await world.app()).cache.get('key')).toBe('loaded');
    expect(app.cache.stats().redis?.commands.failed).toBe(0);
  });

  it('a load that runs while Redis hangs is not called twice', async () => {
    proxy.stall();
    let calls = 0;
    const load = async () => ++calls;
    const all = await Promise.all(Array.from({ length: 100 }, () => app.cache.getOrLoad('key', load)));
    expect(new Set(all)).toEqual(new Set([1]));
    expect(calls).toBe(1);
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisProxy } from '../support/redis-proxy.js';
import { slowLoader, until, useWorld } from './world.js';

describe('shutting down', () => {
  const world = useWorld();
  let proxy: RedisProxy;

  beforeEach(async () => {
    proxy = await world.proxy();
  });

  const app = () => world.app({ url: proxy.url, tier: { commandTimeout: 300 } });

  async function timeOf(work: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await work();
    return performance.now() - start;
  }

  it('is quick when Redis is dead', async () => {
    const { cache, close } = await app();
    await cache.set('key', 1);
    proxy.cut();
    await until('the loss is noticed', () => !cache.stats().redis?.ready);
    await cache.evict('key');
    expect(await timeOf(close)).toBeLessThan(1_000);
  });

  it('is quick when Redis was never there', async () => {
    proxy.cut();
    const { close } = await app();
    expect(await timeOf(close)).toBeLessThan(1_000);
  });

  it('is quick when Redis hangs, also with values that are being stored', async () => {
    const { cache, close } = await app();
    cache.on('loaded', () => proxy.stall());
    await Promise.all([1, 2, 3].map((i) => cache.getOrLoad(`key:${i}`, async () => i)));
    expect(await timeOf(close)).toBeLessThan(2_500);
  });

  it('waits for values that are being stored', async () => {
    const { cache, close } = await app();
    proxy.delay(50);
    await cache.getOrLoad('key', async () => 'loaded');
    await close();
    expect(await (await world.app()).cache.get('key')).toBe('loaded');
  });

  it('tells loads under way that nobody waits any more, and does not wait for them', async () => {
    const { cache, close } = await app();
    const slow = slowLoader();
    let signal: AbortSignal | undefined;
    const loading = cache.getOrLoad('key', (context) => {
      ({ signal } = context);
      return slow.load();
    });
    await slow.started;
    expect(signal?.aborted).toBe(false);
    expect(await timeOf(close)).toBeLessThan(1_000);
    expect(signal?.aborted).toBe(true);
    slow.finish('late');
    expect(await loading).toBe('late');
  });

  it('delivers an eviction that Redis was too slow for', async () => {
    const { cache, close } = await app();
    await cache.set('key', 'old');
    proxy.stall();
    await cache.evict('key');
    proxy.resume();
    await close();
    expect(await (await world.app()).cache.get('key')).toBeUndefined();
  });

  it('leaves the cache usable without Redis: late callers get what their source says', async () => {
    const { cache, close } = await app();
    await close();
    expect(await cache.getOrLoad('key', async () => 'source')).toBe('source');
    expect(await cache.get('other')).toBeUndefined();
    await cache.set('key', 1);
    await cache.evict('key');
  });

  it('twice is as good as once', async () => {
    const { close } = await app();
    await close();
    await close();
  });

  it.each(['there', 'dead', 'hanging'])('leaves nothing open when Redis is %s', async (state) => {
    const { cache, close } = await app();
    await cache.getOrLoad('key', async () => 1, { tags: ['t'] });
    if (state === 'dead') {
      proxy.cut();
      await until('the loss is noticed', () => !cache.stats().redis?.ready);
    }
    if (state === 'hanging') proxy.stall();
    await cache.evict('key');
    await close();
    proxy.resume();
    await proxy.stop();
    // The sockets of the proxy and of the spec are closed by now; what a closed client keeps would show here.
    await until('no socket is left', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'));
  });
});

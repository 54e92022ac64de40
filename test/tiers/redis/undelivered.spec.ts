import { describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { RemoteRead } from '../../../src/tiers/tier.js';
import { commandsDuring, newVersion, type OpenTier, until, useRig, value } from './rig.js';

const MINUTE = 60_000;

describe('changes that Redis did not confirm', () => {
  const rig = useRig();

  /** A tier behind a proxy, with two values and markers in Redis. */
  async function prepared() {
    const proxy = await rig.proxy();
    const tier = await rig.open({ url: proxy.url });
    const { remote } = tier;
    await remote.mark(['*', 'p:a:', 't:x'], MINUTE);
    for (const key of ['a:1', 'a:2']) await remote.put(key, undefined, value(newVersion(), key), MINUTE);
    return { ...tier, proxy };
  }

  async function cut({ proxy, connections }: OpenTier & Awaited<ReturnType<typeof prepared>>): Promise<void> {
    proxy.cut();
    await until('the loss is told', () => connections.at(-1) === false);
  }

  const exists = async (key: string) => (await rig.redis.exists(rig.entry(key))) === 1;
  const unavailable = { code: 'CACHE_UNAVAILABLE' };

  it('are refused to be believed, and nothing else is', async () => {
    const tier = await prepared();
    const { remote } = tier;
    await cut(tier);
    await expect(remote.evict(['a:1'])).rejects.toMatchObject(unavailable);
    await expect(remote.change(['t:x'], 'dead')).rejects.toMatchObject(unavailable);
    expect(remote.refuses('a:1', [])).toBe(true);
    expect(remote.refuses('a:2', ['*', 'p:a:'])).toBe(false);
    expect(remote.refuses('a:2', ['*', 't:x'])).toBe(true);
    expect(remote.stats().undelivered).toBe(2);
  });

  it('are delivered when Redis is back', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    const [before] = await remote.mark(['t:x'], MINUTE);
    await cut(tier);
    await remote.evict(['a:1']).catch(() => {});
    await remote.expire(['a:2']).catch(() => {});
    await remote.change(['t:x'], 'dead').catch(() => {});
    expect(await exists('a:1')).toBe(true);
    proxy.restore();
    await until('they are delivered', () => remote.stats().undelivered === 0);
    expect(remote.refuses('a:1', ['*', 't:x'])).toBe(false);
    expect(await exists('a:1')).toBe(false);
    expect(await rig.redis.get(rig.entry('a:2'))).toMatch(/^.{16}S1x/);
    expect((await remote.mark(['t:x'], MINUTE))[0]).not.toBe(before);
  });

  it('are the first thing that is sent: a read at the moment of the return sees their effect', async () => {
    const tier = await prepared();
    const { remote, proxy, connections } = tier;
    await cut(tier);
    await remote.evict(['a:1', 'a:2']).catch(() => {});
    await remote.change(['t:x'], 'dead').catch(() => {});
    let atOnce: Promise<RemoteRead> | undefined;
    const told = connections.push.bind(connections);
    connections.push = (ready) => {
      if (ready) atOnce = remote.read('a:1', ['t:x']);
      return told(ready);
    };
    const old = await rig.redis.get(rig.marker('t:x'));
    const seen = await commandsDuring(rig, async () => {
      proxy.restore();
      await until('they are delivered', () => remote.stats().undelivered === 0);
      await atOnce;
    });
    expect(seen.map(({ name }) => name)).toEqual(['CHANGE', 'UNLINK', 'MGET']);
    const read = await (atOnce as unknown as Promise<RemoteRead>);
    expect(read.entry).toBeNull();
    expect(read.markers[0]).not.toBe(old);
  });

  it('keep their strength: what was evicted is not merely expired, in either order', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    await cut(tier);
    await remote.expire(['a:1']).catch(() => {});
    await remote.evict(['a:1', 'a:2']).catch(() => {});
    await remote.expire(['a:2']).catch(() => {});
    expect(remote.stats().undelivered).toBe(2);
    proxy.restore();
    await until('they are delivered', () => remote.stats().undelivered === 0);
    expect([await exists('a:1'), await exists('a:2')]).toEqual([false, false]);
  });

  it('are kept over several outages', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    await cut(tier);
    await remote.evict(['a:1']).catch(() => {});
    proxy.stall();
    proxy.restore(); // accepted, but nothing gets through
    await until('the client tries', () => tier.errors.length > 0);
    proxy.cut();
    proxy.resume();
    expect(remote.refuses('a:1', [])).toBe(true);
    proxy.restore();
    await until('they are delivered', () => remote.stats().undelivered === 0);
    expect(await exists('a:1')).toBe(false);
  });

  it('of unknown outcome are delivered again', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    proxy.stall();
    const evicted = remote.evict(['a:1']);
    proxy.cut(); // sent, and never answered
    await expect(evicted).rejects.toMatchObject(unavailable);
    expect(remote.refuses('a:1', [])).toBe(true);
    proxy.resume();
    proxy.restore();
    await until('it is delivered', () => remote.stats().undelivered === 0);
    expect(await exists('a:1')).toBe(false);
  });

  it('are delivered on a connection that was only slow', async () => {
    const proxy = await rig.proxy();
    const clock = new FakeClock();
    const { remote } = await rig.open({ url: proxy.url, clock, commandTimeout: 500 });
    await remote.put('a:1', undefined, value(newVersion()), MINUTE);
    proxy.stall();
    rig.later(() => proxy.resume());
    const evicted = expect(remote.evict(['a:1'])).rejects.toMatchObject(unavailable);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(500);
    await evicted;
    expect(remote.refuses('a:1', [])).toBe(true);
    proxy.resume();
    await clock.advance(500);
    await until('it is delivered', () => remote.stats().undelivered === 0);
    expect(remote.refuses('a:1', [])).toBe(false);
    expect(await exists('a:1')).toBe(false);
  });

  it('become one change of everything when they are too many', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    const [before] = await remote.mark(['*'], MINUTE);
    await cut(tier);
    const keys = Array.from({ length: 10_001 }, (_, i) => `many:${i}`);
    await remote.evict(keys).catch(() => {});
    expect(remote.stats().undelivered).toBe(1);
    expect(remote.refuses('anything', ['*'])).toBe(true);
    await remote.evict(['one more']).catch(() => {});
    proxy.restore();
    await until('they are delivered', () => remote.stats().undelivered === 0);
    expect(remote.refuses('anything', ['*'])).toBe(false);
    const [after] = await remote.mark(['*'], MINUTE);
    expect(after?.slice(0, 16)).not.toBe(before?.slice(0, 16));
  });

  it('are up to 10,000 one by one', async () => {
    const tier = await prepared();
    const { remote, proxy } = tier;
    await cut(tier);
    const keys = ['a:1', ...Array.from({ length: 9_998 }, (_, i) => `many:${i}`), 'a:2'];
    await remote.evict(keys).catch(() => {});
    expect(remote.stats().undelivered).toBe(10_000);
    expect(remote.refuses('another', ['*'])).toBe(false);
    proxy.restore();
    await until('they are delivered', () => remote.stats().undelivered === 0);
    expect([await exists('a:1'), await exists('a:2')]).toEqual([false, false]);
  });

  it('are sent once more when the tier is closed', async () => {
    const proxy = await rig.proxy();
    const clock = new FakeClock();
    const { remote, close } = await rig.open({ url: proxy.url, clock, commandTimeout: 500 });
    await remote.put('a:1', undefined, value(newVersion()), MINUTE);
    proxy.stall();
    rig.later(() => proxy.resume());
    const evicted = expect(remote.evict(['a:1'])).rejects.toBeInstanceOf(CacheUnavailableError);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(500);
    await evicted;
    proxy.resume();
    await until('the eviction that came too late is carried out', async () => !(await exists('a:1')));
    await rig.redis.set(rig.entry('a:1'), value(newVersion(), 'of somebody who did not know'));
    await close();
    expect(await exists('a:1')).toBe(false);
  });

  it('are not tried for ever after the tier is closed', async () => {
    const proxy = await rig.proxy();
    const clock = new FakeClock();
    const client = rig.client({ retryStrategy: () => 25 }, proxy.url);
    client.on('error', () => {});
    const { remote, errors, close } = await rig.open({ client, clock });
    proxy.cut();
    await until('the connection is lost', () => client.status !== 'ready');
    await remote.evict(['a:1']).catch(() => {});
    await close();
    proxy.restore();
    await until('the app is connected again', () => client.status === 'ready');
    const before = errors.length;
    for (let i = 0; i < 10; i++) await clock.advance('1s');
    expect(errors.length).toBe(before);
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { RemoteTier } from '../../../src/tiers/tier.js';
import { forgetful } from './forgetful-client.js';
import { newVersion, until, useRig, value } from './rig.js';

const MINUTE = 60_000;

/** Uses everything the tier has, each once. */
async function useAll(remote: RemoteTier): Promise<void> {
  const token = newVersion();
  const [found, marks] = await Promise.all([remote.hold('key', token, MINUTE), remote.mark(['*', 't:a'], MINUTE)]);
  expect(found).toBeNull();
  expect(await remote.fill('key', token, value(newVersion(), 'loaded'), MINUTE)).toBe(true);
  expect(await remote.put('key', undefined, value(newVersion(), 'put'), MINUTE)).toBe(true);
  await remote.expire(['key']);
  await remote.change(['t:a'], 'dead');
  const read = await remote.read('key', ['*', 't:a']);
  expect(read.entry?.toString()).toMatch(/S1x0put$/);
  expect(read.markers[0]).toBe(marks[0]);
  expect(read.markers[1]).not.toBe(marks[1]);
  await remote.evict(['key']);
  expect((await remote.read('key', [])).entry).toBeNull();
}

describe("the app's own client", () => {
  const rig = useRig();

  it('is used for everything under its key prefix', async () => {
    const keyPrefix = `${rig.namespace}-prefix:`;
    const { remote, atomics } = await rig.open({ client: rig.client({ keyPrefix }) });
    await useAll(remote);
    await atomics.increment('n', 1, undefined);
    await atomics.acquire('l', 'token', MINUTE);
    await atomics.rateLimit('r', 1, MINUTE);
    const made = ['m:*', 'm:t:a', 'n:n', 'l:l', 'r:r'].map((name) => `${keyPrefix}${rig.namespace}:${name}`);
    expect((await rig.redis.keys(`*${rig.namespace}*`)).sort()).toEqual(made.sort());
  });

  it('is never closed, and no listener stays on it', async () => {
    const client = rig.client();
    await client.ping();
    const before = ['ready', 'close', 'error', 'end'].map((event) => client.listenerCount(event));
    const { remote, close } = await rig.open({ client });
    await useAll(remote);
    await close();
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
    expect(['ready', 'close', 'error', 'end'].map((event) => client.listenerCount(event))).toEqual(before);
  });

  it('is waited for while it connects', async () => {
    const client = rig.client();
    expect(client.status).not.toBe('ready');
    const { remote, there } = await rig.open({ client });
    expect(there).toBe(true);
    await useAll(remote);
  });

  it('is connected when it waits for the first command', async () => {
    const { remote, there } = await rig.open({ client: rig.client({ lazyConnect: true }) });
    expect(there).toBe(true);
    await useAll(remote);
  });

  it('may give numbers as text', async () => {
    const { remote, atomics } = await rig.open({ client: rig.client({ stringNumbers: true }) });
    await useAll(remote);
    expect(await atomics.increment('n', 2, undefined)).toBe(2);
    expect(await atomics.acquire('l', 'token', MINUTE)).toBe(true);
    expect(await atomics.release('l', 'token')).toBe(true);
    expect(await atomics.rateLimit('r', 2, MINUTE)).toEqual({ allowed: true, remaining: 1, resetIn: MINUTE });
  });
});

describe('a connection of our own', () => {
  const rig = useRig();

  it('is gone after close', async () => {
    const connectionName = rig.namespace;
    const isListed = async () => String(await rig.redis.client('LIST')).includes(`name=${connectionName} `);
    const { remote, close } = await rig.open({ clientOptions: { connectionName } });
    await useAll(remote);
    expect(await isListed()).toBe(true);
    await close();
    await until('the server has closed the connection', async () => !(await isListed()));
    await expect(remote.read('key', [])).rejects.toBeInstanceOf(CacheUnavailableError);
  });

  it('tells when it comes and goes, once each', async () => {
    const proxy = await rig.proxy();
    const tier = await rig.open({ url: proxy.url });
    expect(tier.connections).toEqual([true]);
    proxy.cut();
    await until('the loss is told', () => tier.connections.length > 1);
    expect(tier.remote.stats().ready).toBe(false);
    proxy.restore();
    await until('the return is told', () => tier.connections.length > 2);
    expect(tier.connections).toEqual([true, false, true]);
    await useAll(tier.remote);
  });

  it('refuses to start, soon, when it is required and nothing is there', async () => {
    const proxy = await rig.proxy();
    proxy.cut();
    const start = performance.now();
    await expect(rig.open({ url: proxy.url, required: true })).rejects.toBeInstanceOf(CacheUnavailableError);
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  it('gives up waiting for a server that accepts and says nothing', async () => {
    const proxy = await rig.proxy();
    proxy.stall();
    const tier = await rig.open({ url: proxy.url, connectTimeout: 50 });
    expect(tier.there).toBe(false);
    proxy.resume();
    await until('it is connected', () => tier.remote.stats().ready);
    await useAll(tier.remote);
  });

  it('comes later when nothing was there at the start', async () => {
    const proxy = await rig.proxy();
    proxy.cut();
    const tier = await rig.open({ url: proxy.url });
    expect(tier.there).toBe(false);
    await expect(tier.remote.read('key', [])).rejects.toBeInstanceOf(CacheUnavailableError);
    proxy.restore();
    await until('it is connected', () => tier.remote.stats().ready);
    expect(tier.connections).toEqual([true]);
    await useAll(tier.remote);
  });

  it('counts what was answered, failed and not sent', async () => {
    const proxy = await rig.proxy();
    const { remote } = await rig.open({ url: proxy.url });
    await remote.read('key', []);
    expect(remote.stats().commands).toEqual({ answered: 1, failed: 0, notSent: 0 });
    proxy.stall();
    const lost = remote.read('key', []);
    proxy.cut();
    await expect(lost).rejects.toBeInstanceOf(CacheUnavailableError);
    await expect(remote.read('key', [])).rejects.toBeInstanceOf(CacheUnavailableError);
    expect(remote.stats()).toEqual({ ready: false, commands: { answered: 1, failed: 1, notSent: 1 }, undelivered: 0 });
    proxy.resume();
  });
});

describe('a server that forgot its scripts', () => {
  const rig = useRig();

  it('gets them again', async () => {
    const { client, forget } = forgetful(rig.client());
    const { remote, errors } = await rig.open({ client });
    await useAll(remote);
    forget();
    // Sent again it could come after an eviction that was sent meanwhile: it fails, and the cache makes it an eviction.
    await expect(remote.put('again', undefined, value(newVersion()), MINUTE)).rejects.toThrow('NOSCRIPT');
    await useAll(remote);
    expect(remote.stats().commands.failed).toBe(0);
    expect(errors).toEqual([]);
  });

  it('never lets an eviction overtake a put that was the first to use its script on this connection', async () => {
    const { client } = forgetful(rig.client());
    const { remote } = await rig.open({ client });
    const put = remote.put('key', undefined, value(newVersion()), MINUTE);
    await new Promise((resolve) => setImmediate(resolve)); // the put was sent
    await Promise.all([put, remote.evict(['key'])]);
    expect(await rig.redis.exists(rig.entry('key'))).toBe(0);
  });

  it('and everything else, as after a restart without its data, is used anew', async () => {
    const proxy = await rig.proxy();
    const own = rig.client({ retryStrategy: () => 25 }, proxy.url);
    own.on('error', () => {});
    const { client, forget } = forgetful(own);
    const { remote, connections } = await rig.open({ client });
    const token = newVersion();
    await remote.hold('loading', token, MINUTE);
    const [before] = await remote.mark(['*'], MINUTE);
    proxy.cut();
    await until('the loss is told', () => connections.includes(false));
    forget();
    await rig.redis.unlink(rig.entry('loading'), rig.marker('*'));
    proxy.restore();
    await until('it is connected', () => remote.stats().ready);
    expect(await remote.fill('loading', token, value(newVersion()), MINUTE)).toBe(false);
    expect((await remote.mark(['*'], MINUTE))[0]).not.toBe(before);
    await useAll(remote);
  });
});

describe('a server that does not answer', () => {
  const rig = useRig();
  const times = { commandTimeout: 500, breakerPause: 1_000 };

  async function stalled() {
    const clock = new FakeClock();
    const proxy = await rig.proxy();
    const tier = await rig.open({ url: proxy.url, clock, ...times });
    proxy.stall();
    rig.later(() => proxy.resume()); // the clock stands still: nothing else would end what hangs
    const timeOut = async (): Promise<void> => {
      const late = expect(tier.remote.read('key', [])).rejects.toThrow(/no answer within 500 ms/);
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(times.commandTimeout);
      await late;
    };
    return { ...tier, clock, proxy, timeOut };
  }

  it('is given up after the command timeout, whatever was asked', async () => {
    const { remote, atomics, clock } = await stalled();
    const asked = [
      remote.read('key', ['*']),
      remote.hold('key', newVersion(), MINUTE),
      remote.mark(['*'], MINUTE),
      remote.fill('key', newVersion(), value(newVersion()), MINUTE),
      remote.put('key', undefined, value(newVersion()), MINUTE),
      remote.evict(['key']),
      remote.expire(['key']),
      remote.change(['*'], 'dead'),
      remote.scan('*')[Symbol.asyncIterator]().next(),
      atomics.increment('n', 1, undefined),
    ];
    const settled = Promise.allSettled(asked);
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(times.commandTimeout - 1);
    expect(remote.stats().commands.failed).toBe(0);
    await clock.advance(1);
    for (const one of await settled)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'CACHE_UNAVAILABLE' } });
  });

  it('is asked nothing after five timeouts in a row: nobody waits any more', async () => {
    const { remote, timeOut } = await stalled();
    for (let i = 0; i < 5; i++) await timeOut();
    expect(remote.stats().ready).toBe(false);
    // The clock stands still: what is sent now would wait for ever.
    for (let i = 0; i < 20; i++) await expect(remote.read('key', [])).rejects.toThrow(/did not answer in time lately/);
    expect(remote.stats().commands).toMatchObject({ failed: 5, notSent: 20 });
  });

  it('is still asked after four timeouts and an answer', async () => {
    const { remote, timeOut, proxy } = await stalled();
    for (let i = 0; i < 4; i++) await timeOut();
    proxy.resume();
    await remote.read('key', []);
    proxy.stall();
    for (let i = 0; i < 4; i++) await timeOut();
    expect(remote.stats().ready).toBe(true);
  });

  it('is tried by one command after the pause, and used again when that is answered', async () => {
    const { remote, timeOut, proxy, clock } = await stalled();
    for (let i = 0; i < 5; i++) await timeOut();
    proxy.resume();
    await clock.advance(times.breakerPause - 1);
    await expect(remote.read('key', [])).rejects.toThrow(/lately/);
    await clock.advance(1);
    const trial = remote.read('key', []);
    await new Promise((resolve) => process.nextTick(resolve)); // the trial was sent
    await expect(remote.read('other', [])).rejects.toThrow(/lately/);
    expect(await trial).toEqual({ entry: null, markers: [] });
    expect(remote.stats().ready).toBe(true);
    await useAll(remote);
  });

  it('is left alone for another pause when the trial is not answered either', async () => {
    const { remote, timeOut, proxy, clock } = await stalled();
    for (let i = 0; i < 5; i++) await timeOut();
    await clock.advance(times.breakerPause);
    await timeOut();
    await expect(remote.read('key', [])).rejects.toThrow(/lately/);
    proxy.resume();
    await clock.advance(times.breakerPause);
    expect(await remote.read('key', [])).toEqual({ entry: null, markers: [] });
  });

  it('is believed at once when it comes back on a new connection', async () => {
    const { remote, timeOut, proxy, connections } = await stalled();
    for (let i = 0; i < 5; i++) await timeOut();
    proxy.cut();
    proxy.resume();
    await until('the loss is told', () => connections.includes(false));
    proxy.restore();
    await until('it is connected', () => remote.stats().ready);
    await useAll(remote);
  });

  it('does not confuse its answers: what comes too late belongs to nobody', async () => {
    const { remote, timeOut, proxy } = await stalled();
    await rig.redis.set(rig.entry('key'), value(newVersion(), 'of key'));
    await rig.redis.set(rig.entry('other'), value(newVersion(), 'of other'));
    await timeOut();
    proxy.resume();
    expect((await remote.read('other', [])).entry?.toString()).toMatch(/of other$/);
    expect((await remote.read('key', [])).entry?.toString()).toMatch(/of key$/);
  });

  it('does not hold up close', async () => {
    const proxy = await rig.proxy();
    const tier = await rig.open({ url: proxy.url, commandTimeout: 100 });
    proxy.stall();
    const start = performance.now();
    await tier.close();
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

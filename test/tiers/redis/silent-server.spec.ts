import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { newVersion, until, useRig, value } from './rig.js';
import { useAll } from './use-all.js';

const MINUTE = 60_000;

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
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheUnavailableError } from '../../../src/index.js';
import { until, useRig } from './rig.js';
import { useAll } from './use-all.js';

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
    await expect(rig.open({ url: proxy.url, required: true, connectTimeout: 300 })).rejects.toBeInstanceOf(
      CacheUnavailableError,
    );
    expect(performance.now() - start).toBeLessThan(20_000);
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

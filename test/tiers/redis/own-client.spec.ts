import { describe, expect, it } from '@jest/globals';
import { forgetful } from './forgetful-client.js';
import { newVersion, until, useRig, value } from './rig.js';
import { useAll } from './use-all.js';

const MINUTE = 60_000;

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

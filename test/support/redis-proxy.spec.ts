import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisProxy, startRedisProxy } from './redis-proxy.js';
import { redisUrl, uniqueNamespace } from './services.js';

describe('the Redis proxy', () => {
  let proxy: RedisProxy;
  const clients: Redis[] = [];
  const key = `${uniqueNamespace()}:key`;

  beforeEach(async () => {
    proxy = await startRedisProxy(redisUrl());
  });

  afterEach(async () => {
    // disconnect() of a client that has ended already would leave a timer of ioredis running for two seconds.
    for (const client of clients.splice(0)) if (client.status !== 'end') client.disconnect();
    await proxy.stop();
  });

  /** A client that gives up at once, so that a spec sees what happened to its connection. */
  async function connect(): Promise<Redis> {
    const client = new Redis(proxy.url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    clients.push(client);
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  it('stands in for the real Redis under an address of its own', async () => {
    const client = await connect();
    await client.set(key, 'through the proxy');
    expect(await client.get(key)).toBe('through the proxy');
    expect(proxy.url).not.toBe(redisUrl());
  });

  it('passes on large values unharmed', async () => {
    const value = Buffer.alloc(3_000_000, 'strata');
    const client = await connect();
    await client.set(key, value);
    expect((await client.getBuffer(key))?.equals(value)).toBe(true);
  });

  it('cut() drops the connections there are and refuses new ones, until restore()', async () => {
    const client = await connect();
    const ended = new Promise((resolve) => client.once('end', resolve));
    proxy.cut();
    await ended;
    await expect(connect()).rejects.toThrow();
    proxy.restore();
    expect(await (await connect()).ping()).toBe('PONG');
  });

  it('cut() leaves the real server and its other clients alone', async () => {
    const direct = new Redis(redisUrl());
    clients.push(direct);
    await direct.ping();
    proxy.cut();
    expect(await direct.ping()).toBe('PONG');
  });

  it('stall() lets nothing through and resume() all that waited, in order', async () => {
    const client = await connect();
    await client.del(key);
    const settled: unknown[] = [];
    proxy.stall();
    const answers = ['a', 'b', 'c'].map((letter) => client.append(key, letter).then((length) => settled.push(length)));
    const direct = new Redis(redisUrl());
    clients.push(direct);
    // Two round trips to the server itself: time enough for a leak to show.
    await direct.ping();
    expect(await direct.exists(key)).toBe(0);
    expect(settled).toEqual([]);
    proxy.resume();
    await Promise.all(answers);
    expect(settled).toEqual([1, 2, 3]);
    expect(await direct.get(key)).toBe('abc');
  });

  it('stall() accepts new connections, which then hang', async () => {
    proxy.stall();
    const connecting = connect();
    const first = await Promise.race([connecting.then(() => 'ready'), socketConnected(clients[0])]);
    expect(first).toBe('accepted');
    proxy.resume();
    expect(await (await connecting).ping()).toBe('PONG');
  });

  it('delay() makes each answer late by that much, and keeps their order', async () => {
    const client = await connect();
    await client.del(key);
    proxy.delay(60);
    const start = performance.now();
    await client.incr(key);
    expect(performance.now() - start).toBeGreaterThanOrEqual(59);

    const direct = new Redis(redisUrl());
    clients.push(direct);
    const settled: number[] = [];
    const late = client.incr(key).then((value) => settled.push(value));
    while ((await direct.get(key)) !== '2'); // its answer is under way
    proxy.resume();
    await Promise.all([late, client.incr(key).then((value) => settled.push(value))]);
    expect(settled).toEqual([2, 3]);
  });

  it('stop() ends every connection and refuses further ones', async () => {
    const client = await connect();
    const ended = new Promise((resolve) => client.once('end', resolve));
    await proxy.stop();
    await ended;
    await expect(connect()).rejects.toThrow(/ECONNREFUSED|closed/);
    await proxy.stop();
  });

  function socketConnected(client: Redis | undefined): Promise<string> {
    return new Promise((resolve) => client?.once('connect', () => resolve('accepted')));
  }
});

import { describe, expect, it } from '@jest/globals';
import { Injectable, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cacheable, CacheModule, type RemoteTierFactory } from '../../src/index.js';
import { redisTier } from '../../src/redis.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';
import { bootError, closeLater, startApp } from './app.js';

@Injectable()
class Films {
  @Cacheable({ policy: 'film' })
  async find(id: number): Promise<number> {
    return id;
  }
}

const cache = (options = {}) =>
  CacheModule.forRoot({ redis: redisTier({ url: redisUrl() }), namespace: uniqueNamespace(), ...options });

/** A tier that connects, and whose start fails all the same. */
function failingTier(): RemoteTierFactory {
  const tier = redisTier({ url: redisUrl() });
  return {
    open(...parameters) {
      const opened = tier.open(...parameters);
      const start = async () => {
        expect(await opened.start()).toBe(true);
        throw new Error('refused after it was connected');
      };
      return { ...opened, start };
    },
  };
}

const connections = () => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;

/** How many connections are open beyond these. Closed sockets are given a few turns of the event loop to go. */
async function openBeyond(before: number): Promise<number> {
  const end = performance.now() + 2_000;
  while (connections() > before && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  return connections() - before;
}

/** Tries to start an app; what it leaves open although nobody closes it. */
async function leftOpen(metadata: ModuleMetadata): Promise<number> {
  const before = await openBeyond(0); // earlier tests may have left closing ones
  class FailingModule {}
  Reflect.defineMetadata('imports', metadata.imports ?? [], FailingModule);
  Reflect.defineMetadata('providers', metadata.providers ?? [], FailingModule);
  const start = NestFactory.createApplicationContext(FailingModule, { logger: false, abortOnError: false });
  await expect(start.then(closeLater)).rejects.toThrow();
  return openBeyond(before);
}

describe('an app that fails to start', () => {
  it('leaves no connection open when an option is wrong', async () => {
    expect(await leftOpen({ imports: [cache({ ttl: 0 })] })).toBe(0);
  });

  it('leaves no connection open when an option of a named cache is wrong', async () => {
    expect(await leftOpen({ imports: [cache(), CacheModule.register({ name: 'a', ttl: 0 })] })).toBe(0);
  });

  it('leaves no connection open when a decorator names what does not exist', async () => {
    expect(await leftOpen({ imports: [cache()], providers: [Films] })).toBe(0);
  });

  it('leaves no connection open when forRoot is called twice', async () => {
    expect(await leftOpen({ imports: [cache(), cache()] })).toBe(0);
  });

  it('would be seen to leave one: a started app has a connection, and none after it is closed', async () => {
    const before = await openBeyond(0); // earlier tests may have left closing ones
    const app = await startApp({ imports: [cache()] });
    expect(connections() - before).toBe(2); // one for commands, and one that hears
    await app.close();
    expect(await openBeyond(before)).toBe(0);
  });

  it('closes its connection when the start fails after it was made', async () => {
    expect(await leftOpen({ imports: [cache({ redis: failingTier() })] })).toBe(0);
  });

  it('leaves the class usable by an app that has what was missing', async () => {
    await bootError({ imports: [CacheModule.forRoot()], providers: [Films] });
    const app = await startApp({
      imports: [CacheModule.forRoot({ policies: { film: { ttl: '1m' } } })],
      providers: [Films],
    });
    expect(await app.get(Films).find(1)).toBe(1);
  });
});

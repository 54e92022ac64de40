import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheModule, CacheService } from '../../src/index.js';
import { redisTier } from '../../src/redis.js';
import { startApp } from '../module/app.js';
import { redisUrl, uniqueNamespace } from '../support/services.js';

@Injectable()
class Carts {
  @Cacheable({ key: (id) => ['cart', id] })
  async eventual(id: string): Promise<string> {
    return `cart of ${id}`;
  }

  @Cacheable({ key: (id) => ['cart', id], policy: 'strong' })
  async strong(id: string): Promise<string> {
    return `cart of ${id}`;
  }

  @Cacheable({ key: (id) => ['draft', id], policy: 'local' })
  async local(id: string): Promise<string> {
    return `draft of ${id}`;
  }

  @Cacheable({ key: (id) => ['archive', id], policy: 'remote' })
  async remote(id: string): Promise<string> {
    return `archive of ${id}`;
  }
}

/** Two apps that share a namespace in Redis, like two processes. */
async function startTwo() {
  const namespace = uniqueNamespace();
  const policies = {
    strong: { consistency: 'strong' },
    local: { tiers: ['memory'] },
    remote: { tiers: ['redis'] },
  } as const;
  const start = () =>
    startApp({
      imports: [CacheModule.forRoot({ redis: redisTier({ url: redisUrl() }), namespace, policies })],
      providers: [Carts],
    });
  const [one, other] = [await start(), await start()];
  return { carts: one.get(Carts), cache: one.get(CacheService), other: other.get(CacheService) };
}

describe('the policy a decorator names', () => {
  it('with consistency strong has Redis asked, also where memory has the value of another method', async () => {
    const { carts, cache, other } = await startTwo();
    await carts.eventual('ann');
    await cache.idle();
    expect(cache.peek(['cart', 'ann'])).toBe('cart of ann');
    await other.set(['cart', 'ann'], 'changed elsewhere');
    expect(await carts.strong('ann')).toBe('changed elsewhere');
  });

  it('decides in which tiers the values of the method are', async () => {
    const { carts, cache, other } = await startTwo();
    await Promise.all([carts.local('ann'), carts.remote('ann'), carts.eventual('ann')]);
    await cache.idle();
    const inMemory = [
      ['draft', 'ann'],
      ['archive', 'ann'],
      ['cart', 'ann'],
    ].map((key) => cache.peek(key));
    expect(inMemory).toEqual(['draft of ann', undefined, 'cart of ann']);
    expect(await other.get(['draft', 'ann'])).toBeUndefined();
    expect(await other.get(['archive', 'ann'])).toBe('archive of ann');
    expect(await other.get(['cart', 'ann'])).toBe('cart of ann');
  });
});

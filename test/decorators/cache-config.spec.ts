import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Cacheable,
  CacheableMany,
  CacheConfig,
  CacheEvict,
  CacheModule,
  CachePut,
  CacheService,
  getCacheToken,
} from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { startApp } from '../module/app.js';

@Injectable()
@CacheConfig({ cache: 'films', keyPrefix: 'film', ttl: '1m', cacheNull: false, tags: ['films'] })
class Films {
  runs = 0;

  @Cacheable({ key: (id) => [id] })
  async find(id: number): Promise<number | null> {
    this.runs++;
    return id || null;
  }

  @Cacheable({ key: (id) => ['slow', id], ttl: '1h', cacheNull: true, tags: ['slow'] })
  async slow(id: number): Promise<number | null> {
    this.runs++;
    return id || null;
  }

  @Cacheable({ key: (id) => ['tagged', id], tags: (id) => [`film:${id}`] })
  async tagged(id: number): Promise<number> {
    return id;
  }

  @Cacheable({ key: (id) => ['policy', id], policy: 'long' })
  async byPolicy(id: number): Promise<number> {
    this.runs++;
    return id;
  }

  @Cacheable({ key: (id) => ['elsewhere', id], cache: 'default' })
  async elsewhere(id: number): Promise<number> {
    return id;
  }

  @CacheableMany({ key: (id) => [id] })
  async findMany(ids: number[]): Promise<Map<number, number>> {
    this.runs++;
    return new Map(ids.map((id) => [id, id]));
  }

  @CachePut({ key: (id) => [id] })
  async save(id: number): Promise<number> {
    return id;
  }

  @CacheEvict({ key: (id) => [id] })
  async remove(_id: number): Promise<void> {}

  @CacheEvict({ keys: (ids) => ids.map((id) => [id]) })
  async removeMany(_ids: number[]): Promise<void> {}
}

@Injectable()
class LocalFilms extends Films {}

@Injectable()
@CacheConfig({ ttl: '2m' })
class OwnFilms extends Films {}

@Injectable()
@CacheConfig({ policy: 'long' })
class LongFilms extends Films {}

async function start() {
  const named = CacheModule.register({ name: 'films', jitter: 0 });
  const imports = [CacheTestingModule.forRoot({ policies: { long: { ttl: '1d' } } }), named];
  const app = await startApp({ imports, providers: [Films, LocalFilms, OwnFilms, LongFilms] });
  const films = app.get(Films);
  const cache = app.get<CacheService>(getCacheToken('films'));
  return { app, films, cache, clock: app.get(FakeClock) };
}

describe('@CacheConfig', () => {
  it('gives cache, prefix, ttl and tags to the methods of the class', async () => {
    const { films, cache, clock } = await start();
    await films.find(1);
    const entry = await cache.getEntry(['film', 1]);
    expect(entry).toMatchObject({ value: 1, expiresAt: clock.now() + 60_000, tags: ['films'] });
  });

  it('gives them to all decorators: what one method stores another finds and a third evicts', async () => {
    const { films, cache, clock } = await start();
    await films.save(1);
    expect(await films.find(1)).toBe(1);
    expect(await films.findMany([1])).toEqual(new Map([[1, 1]]));
    expect(films.runs).toBe(0);
    await films.findMany([2]);
    for (const id of [1, 2]) {
      expect(await cache.getEntry(['film', id])).toMatchObject({ expiresAt: clock.now() + 60_000, tags: ['films'] });
    }
    await films.remove(1);
    expect(await cache.has(['film', 1])).toBe(false);
    await films.removeMany([2]);
    expect(await cache.has(['film', 2])).toBe(false);
  });

  it('counts less than what a method says, and its tags are added to the method’s', async () => {
    const { films, cache, clock } = await start();
    await films.slow(1);
    expect(await cache.getEntry(['film', 'slow', 1])).toMatchObject({
      expiresAt: clock.now() + 3_600_000,
      tags: ['films', 'slow'],
    });
    await films.tagged(1);
    expect((await cache.getEntry(['film', 'tagged', 1]))?.tags).toEqual(['films', 'film:1']);
    await films.slow(0);
    expect(await cache.get(['film', 'slow', 0])).toBeNull();
    await films.find(0);
    expect(await cache.get(['film', 0])).toBeUndefined();
  });

  it('counts less than a policy that a method names: its ttl is that of the policy', async () => {
    const { films, cache, clock } = await start();
    await films.byPolicy(1);
    const entry = await cache.getEntry(['film', 'policy', 1]);
    expect(entry).toMatchObject({ expiresAt: clock.now() + 86_400_000, tags: ['films'] });
  });

  it('lets a method choose another cache', async () => {
    const { app, films, cache } = await start();
    await films.elsewhere(1);
    expect(await cache.has(['film', 'elsewhere', 1])).toBe(false);
    expect(await app.get(CacheService).has(['film', 'elsewhere', 1])).toBe(true);
  });

  it('holds for a class that extends the class', async () => {
    const { app, cache, clock } = await start();
    await app.get(LocalFilms).find(1);
    expect(await cache.getEntry(['film', 1])).toMatchObject({ expiresAt: clock.now() + 60_000, tags: ['films'] });
  });

  it('of a class that extends one with a @CacheConfig changes what it names and leaves the rest', async () => {
    const { app, cache, clock } = await start();
    await app.get(OwnFilms).find(1);
    expect(await cache.getEntry(['film', 1])).toMatchObject({ expiresAt: clock.now() + 120_000, tags: ['films'] });
  });

  it('that names a policy means all of it, whatever ttl the class it extends has', async () => {
    const { app, cache, clock } = await start();
    await app.get(LongFilms).find(0);
    expect(await cache.getEntry(['film', 0])).toMatchObject({ value: null, expiresAt: clock.now() + 86_400_000 });
  });
});

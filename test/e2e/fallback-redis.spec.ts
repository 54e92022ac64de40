import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { STATE_OFFSET, VALUE_STATE } from '../../src/engine/entry-format.js';
import { Cacheable, Fallback, SourceChain } from '../../src/index.js';
import { until, useWorld } from './world.js';

const state = { down: false };

/** Another process: the same namespace, memory of its own. */
function sourcesOf(name: string, halfOpenAfter = 300): SourceChain<[id: number], string> {
  return new SourceChain<[id: number], string>({
    name,
    backupTtl: '20s',
    breaker: { calls: 2, minimum: 2, halfOpenAfter },
    sources: [
      {
        name: 'primary',
        load: async (_context, id) => {
          if (state.down) throw new Error('down');
          return `film ${id}`;
        },
      },
      { name: 'replica', load: async (_context, id) => `copy ${id}` },
    ],
  });
}

@Injectable()
class Replica {
  async find(id: number): Promise<string> {
    return `copy ${id}`;
  }
}

@Injectable()
class Films {
  @Cacheable<Films['find']>({ key: (id) => ['film', id], ttl: '5m' })
  @Fallback<Films['find']>({ to: [Replica], breaker: { calls: 2, minimum: 2, halfOpenAfter: '300ms' } })
  async find(id: number): Promise<string> {
    if (state.down) throw new Error('down');
    return `film ${id}`;
  }
}

describe('sources of values that processes share', () => {
  const world = useWorld();

  it('are told in every process, with the shorter life of a backup', async () => {
    state.down = true;
    const [one, two] = [await world.app(), await world.app()];
    const chain = sourcesOf('films');
    await one.cache.getOrLoad('k', chain.loader(7), { ttl: '5m' });
    await one.cache.idle();
    const entry = await two.cache.getEntry('k');
    expect(entry).toMatchObject({ value: 'copy 7', source: 'replica', tier: 'redis' });
    expect((entry?.expiresAt ?? 0) - (entry?.createdAt ?? 0)).toBe(20_000);
  });

  it('are replaced in Redis when the primary is back, and other processes get that', async () => {
    state.down = true;
    const [one, two] = [await world.app(), await world.app()];
    const chain = sourcesOf('films');
    for (let id = 0; id < 5; id++)
      await one.cache.getOrLoad(['film', id], chain.loader(id), { ttl: '5m', tags: ['films'] });
    await one.cache.idle();
    expect(chain.stats().sources[0]?.breaker).toBe('open');
    state.down = false;
    // Not "nothing waits": the last one has then only begun.
    await until('all are replaced', () => chain.stats().recovered === 5);
    await one.cache.idle();
    for (let id = 0; id < 5; id++) {
      expect(await two.cache.getEntry(['film', id])).toMatchObject({
        value: `film ${id}`,
        source: 'primary',
        tags: ['films'],
      });
    }
  });

  it('are replaced soon, although they were asked for in vain before', async () => {
    state.down = true;
    const { cache } = await world.app();
    const chain = sourcesOf('films');
    await cache.getOrLoad('k', chain.loader(7), { ttl: '5m' });
    await until('they are asked for', () => cache.stats().refreshes >= 2);
    await cache.idle();
    // Nobody is told to wait: when the primary is tried again is for the chain to say.
    expect(await world.redis.getrange(world.entry('k'), STATE_OFFSET, STATE_OFFSET)).toBe(VALUE_STATE);
    state.down = false;
    await until('it is replaced', () => chain.stats().recovered === 1);
    await cache.idle();
    expect(await cache.get('k')).toBe('film 7');
  });

  it('are left alone when another process was faster', async () => {
    state.down = true;
    const [one, two] = [await world.app(), await world.app()];
    const [chain, other] = [sourcesOf('films'), sourcesOf('others', 60_000)];
    await one.cache.getOrLoad('k', chain.loader(7), { ttl: '5m' });
    await one.cache.idle();
    await two.cache.set('k', 'written', { ttl: '5m' });
    state.down = false;
    await until('nothing waits for the primary', () => chain.stats().waiting === 0);
    await one.cache.idle();
    expect(await two.cache.get('k')).toBe('written');
    expect(chain.stats().sources[0]?.successes).toBe(0);
    expect(other.stats().waiting).toBe(0);
  });

  it('of decorated methods are the same', async () => {
    state.down = true;
    const app = await world.app({ providers: [Films, Replica] });
    const films = app.get(Films);
    expect(await Promise.all([films.find(1), films.find(2)])).toEqual(['copy 1', 'copy 2']);
    await app.cache.idle();
    expect(await app.cache.getEntry(['film', 1])).toMatchObject({ source: 'Replica' });
    state.down = false;
    await until('it comes from the primary', async () => (await app.cache.getEntry(['film', 1]))?.source === 'primary');
    await until('it comes from the primary', async () => (await app.cache.getEntry(['film', 2]))?.source === 'primary');
  });

  it('that lose their invalidation race stay out: an eviction while the primary is asked again wins', async () => {
    state.down = true;
    const app = await world.app();
    let release: (() => void) | undefined;
    const chain = new SourceChain<[], string>({
      name: 'slow',
      breaker: { calls: 2, minimum: 2, halfOpenAfter: 200 },
      sources: [
        {
          name: 'primary',
          load: () => {
            if (state.down) throw new Error('down');
            return new Promise((resolve) => {
              release = () => resolve('old row');
            });
          },
        },
        { name: 'replica', load: async () => 'copy' },
      ],
    });
    await app.cache.getOrLoad('k', chain.loader(), { ttl: '5m' });
    await app.cache.idle();
    state.down = false;
    await until('the primary is asked again', () => release !== undefined);
    await app.cache.evict('k');
    release?.();
    await app.cache.idle();
    expect(await app.cache.get('k')).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { NotFoundException } from '@nestjs/common';
import { type CacheEvents, CacheService, SourceChain, type SourceChainOptions } from '../../src/index.js';
import { CacheTestingModule, FakeClock } from '../../src/testing.js';
import { startApp } from '../module/app.js';

/** A primary that can be down, and its replica. */
class Films {
  down = false;
  asked = 0;
  copies = 0;

  readonly options: SourceChainOptions<[id: number], string> = {
    name: 'films',
    breaker: { calls: 2, minimum: 2, halfOpenAfter: '1s' },
    backupTtl: '20s',
    sources: [
      {
        name: 'primary',
        load: async (_context, id) => {
          this.asked++;
          if (this.down) throw new Error('down');
          return `film ${id}`;
        },
      },
      {
        name: 'replica',
        load: async (_context, id) => {
          this.copies++;
          return `copy ${id}`;
        },
      },
    ],
  };
}

async function start() {
  const app = await startApp({ imports: [CacheTestingModule.forRoot()] });
  const cache = app.get(CacheService);
  const clock = app.get(FakeClock);
  const films = new Films();
  // The breakers of cockatiel go by the system's time: what waits for them here is not the test's subject.
  const chain = new SourceChain<[id: number], string>({ ...films.options, breaker: false }, { clock });
  const read = (id: number, options = {}) => cache.getOrLoad(['film', id], chain.loader(id), { ttl: '5m', ...options });
  return { cache, clock, films, chain, read };
}

/** Lets what was begun without being awaited come to its end. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('cached values of a chain', () => {
  it('say which source they come from, and live as long as their policy says', async () => {
    const { cache, clock, read } = await start();
    expect(await read(7)).toBe('film 7');
    const entry = await cache.getEntry(['film', 7]);
    expect(entry).toMatchObject({ source: 'primary', expiresAt: clock.now() + 300_000 });
  });

  it('live shorter when a backup gave them, never longer', async () => {
    const { cache, clock, films, read } = await start();
    films.down = true;
    expect(await read(7)).toBe('copy 7');
    const entry = await cache.getEntry(['film', 7]);
    expect(entry).toMatchObject({ source: 'replica', expiresAt: clock.now() + 20_000 });
    await read(8, { ttl: '5s' });
    expect((await cache.getEntry(['film', 8]))?.expiresAt).toBe(clock.now() + 5_000);
  });

  it('are loaded once for all who ask at the same time, and the events tell of it', async () => {
    const { cache, films, read } = await start();
    films.down = true;
    const loaded: CacheEvents['loaded'][] = [];
    const fallbacks: CacheEvents['fallback'][] = [];
    cache.on('loaded', (event) => loaded.push(event));
    cache.on('fallback', (event) => fallbacks.push(event));
    await Promise.all(Array.from({ length: 50 }, () => read(7)));
    expect(films.copies).toBe(1);
    expect(loaded).toMatchObject([{ key: 'film:~7', source: 'replica', attempts: 2 }]);
    expect(fallbacks).toMatchObject([
      { key: 'film:~7', chain: 'films', source: 'replica', attempts: 2, error: { message: 'down' } },
    ]);
    expect(fallbacks[0]?.requestId).toBe(loaded[0]?.requestId);
    expect(cache.stats().sources).toMatchObject([
      { chain: 'films', fallbacks: 1, waiting: 1, sources: [{ source: 'primary', failures: 1 }, { chosen: 1 }] },
    ]);
  });

  it('are replaced in the background when the primary is back, without a reader having to wait for that', async () => {
    const { cache, clock, films, chain, read } = await start();
    films.down = true;
    for (let id = 0; id < 10; id++) await read(id);
    films.down = false;
    await clock.advance('5s');
    await settled();
    await cache.idle();
    for (let id = 0; id < 10; id++) expect(cache.peek(['film', id])).toBe(`film ${id}`);
    expect(await cache.getEntry(['film', 3])).toMatchObject({ source: 'primary', expiresAt: clock.now() + 300_000 });
    expect(chain.stats()).toMatchObject({ waiting: 0, recovered: 10 });
    expect(films.copies).toBe(10);
  });

  it('stay while the primary is away: one of them at a time tries it, and no backup is asked for that', async () => {
    const { cache, clock, films, chain, read } = await start();
    films.down = true;
    for (let id = 0; id < 10; id++) await read(id);
    const asked = films.asked;
    await clock.advance('15s');
    expect(films.asked - asked).toBe(3);
    expect(films.copies).toBe(10);
    for (let id = 0; id < 10; id++) expect(cache.peek(['film', id])).toBe(`copy ${id}`);
    expect(chain.stats().waiting).toBe(10);
  });

  it('do not keep others waiting when the primary answers with an error', async () => {
    const { cache, clock, films } = await start();
    const [, replica] = films.options.sources;
    const load = async (_context: unknown, id: number): Promise<string> => {
      films.asked++;
      if (films.down) throw new Error('down');
      if (id < 3) throw new NotFoundException();
      return `film ${id}`;
    };
    const sources = [{ name: 'primary', load }, replica as never];
    const chain = new SourceChain<[id: number], string>({ ...films.options, breaker: false, sources }, { clock });
    films.down = true;
    for (let id = 0; id < 10; id++) await cache.getOrLoad(['film', id], chain.loader(id), { ttl: '5m' });
    films.down = false;
    await clock.advance('5s');
    await settled();
    await cache.idle();
    expect(cache.peek(['film', 9])).toBe('film 9');
    expect(chain.stats()).toMatchObject({ waiting: 0, recovered: 7 });
    expect(films.asked).toBe(20);
  });

  it('are not loaded again when their life is over, or somebody evicted or replaced them', async () => {
    const { cache, clock, films, chain, read } = await start();
    films.down = true;
    for (let id = 0; id < 3; id++) await read(id);
    films.down = false;
    await cache.evict(['film', 0]);
    await cache.set(['film', 1], 'set');
    const asked = films.asked;
    await clock.advance('5s');
    await cache.idle();
    expect(films.asked - asked).toBe(1);
    expect(cache.peek(['film', 0])).toBeUndefined();
    expect(cache.peek(['film', 1])).toBe('set');
    expect(cache.peek(['film', 2])).toBe('film 2');
    films.down = true;
    await read(5);
    await cache.evict(['film', 5]);
    await clock.advance('21s');
    expect(chain.stats().waiting).toBe(0);
  });

  it('that are evicted while they are loaded again are not stored', async () => {
    const { cache, clock, films, chain } = await start();
    let release: (() => void) | undefined;
    const slow = new SourceChain<[], string>(
      {
        ...films.options,
        breaker: false,
        sources: [
          {
            name: 'primary',
            load: () => {
              if (films.down) throw new Error('down');
              return new Promise((resolve) => {
                release = () => resolve('old row');
              });
            },
          },
          { name: 'replica', load: async () => 'copy' },
        ],
      },
      { clock },
    );
    films.down = true;
    await cache.getOrLoad('k', slow.loader());
    films.down = false;
    await clock.advance('5s');
    await cache.evict('k');
    release?.();
    await cache.idle();
    expect(await cache.get('k')).toBeUndefined();
    void chain;
  });

  it('stand in when they are stale and all sources fail; a backup comes before that', async () => {
    const { cache, clock, films } = await start();
    let copies = true;
    const [primary] = films.options.sources;
    const replica = async (): Promise<string> => {
      if (!copies) throw new Error('no copy');
      return 'copy';
    };
    const chain = new SourceChain<[id: number], string>(
      { ...films.options, breaker: false, sources: [primary as never, { name: 'replica', load: replica }] },
      { clock },
    );
    const read = () => cache.getOrLoad('k', chain.loader(7), { ttl: '1m', grace: '1h' });
    expect(await read()).toBe('film 7');
    await clock.advance('2m');
    films.down = true;
    copies = false;
    expect(await read()).toBe('film 7');
    expect(cache.stats().stale).toBe(1);
    copies = true;
    await clock.advance('1m');
    expect(await read()).toBe('copy');
  });

  it('remember no more of them than allowed', async () => {
    const { cache, clock, films } = await start();
    const chain = new SourceChain({ ...films.options, breaker: false, maxRecovering: 4 }, { clock });
    films.down = true;
    for (let id = 0; id < 100; id++) await cache.getOrLoad(['film', id], chain.loader(id));
    expect(chain.stats().waiting).toBe(4);
  });

  it('are asked for in the background with no regard to the request in which they were noted', async () => {
    const { cache, clock, films } = await start();
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const chain = new SourceChain<[], string>(
      {
        ...films.options,
        breaker: false,
        sources: [
          {
            name: 'primary',
            load: async () => {
              seen.push(request.getStore());
              throw new Error('down');
            },
          },
          { name: 'replica', load: async () => 'copy' },
        ],
      },
      { clock },
    );
    await request.run('request', () => cache.getOrLoad('k', chain.loader()));
    await clock.advance('5s');
    expect(seen).toEqual(['request', undefined]);
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/index.js';
import { type Film, useFilmsTable } from './films-table.js';
import { deferred, slowLoader, useWorld } from './world.js';

describe('racing writers', () => {
  const world = useWorld();
  const films = useFilmsTable();
  let a: CacheService;
  let b: CacheService;
  let id = 0;

  beforeEach(async () => {
    a = (await world.app({ memory: false })).cache;
    b = (await world.app({ memory: false })).cache;
    id++;
    await films.insert(id, 'as inserted');
  });

  const key = () => `film:${id}`;

  it.each([
    ['the first', true],
    ['the last', false],
  ])(
    'end in the last row or in nothing, when %s one to change the database stores first',
    async (_which, firstStoresFirst) => {
      const changed = { first: deferred<Film>(), last: deferred<Film>() };
      const go = { first: deferred(), last: deferred() };
      const first = a.write(key(), async () => {
        changed.first.resolve(await films.rename(id, 'first'));
        await go.first.promise;
        return changed.first.promise;
      });
      const last = b.write(key(), async () => {
        await changed.first.promise;
        changed.last.resolve(await films.rename(id, 'last'));
        await go.last.promise;
        return changed.last.promise;
      });
      await changed.last.promise;
      const [earlier, later] = firstStoresFirst ? (['first', 'last'] as const) : (['last', 'first'] as const);
      go[earlier].resolve();
      await (earlier === 'first' ? first : last);
      go[later].resolve();
      await Promise.all([first, last]);
      expect([undefined, 'last']).toContain((await a.get<Film>(key()))?.title);
      expect(await a.getOrLoad(key(), () => films.find(id))).toMatchObject({ title: 'last' });
    },
  );

  it('leave the last row to a load that read it before them and stores after them', async () => {
    const slow = slowLoader<Film | null>();
    const old = await films.find(id);
    const loading = b.getOrLoad(key(), slow.load);
    await slow.started;
    await a.write(key(), () => films.rename(id, 'written'));
    slow.finish(old);
    await loading;
    await b.idle();
    expect([undefined, 'written']).toContain((await b.get<Film>(key()))?.title);
  });

  it('and loads at random never leave an older row than the database has', async () => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    for (let round = 0; round < 15; round++) {
      const work = [a, b].flatMap((cache) => [
        ...[0, 1].map(async (i) => {
          await pause();
          await cache.write(key(), async () => {
            const row = await films.rename(id, `${round}.${i}`);
            await pause();
            return row;
          });
        }),
        ...[0, 1, 2].map(async () => {
          await pause();
          await cache.getOrLoad(key(), async () => {
            const row = await films.find(id);
            await pause();
            return row;
          });
        }),
      ]);
      await Promise.all(work);
      await Promise.all([a.idle(), b.idle()]);
      const row = (await films.find(id)) as Film;
      const cached = await a.get<Film>(key());
      expect([undefined, row.version]).toContain(cached?.version);
    }
  });

  it('read their own write at once', async () => {
    const { cache } = await world.app();
    await cache.getOrLoad(key(), () => films.find(id));
    for (let i = 0; i < 5; i++) {
      await cache.write(key(), () => films.rename(id, `title ${i}`));
      expect(await cache.getOrLoad(key(), () => films.find(id))).toMatchObject({ title: `title ${i}` });
    }
  });
});

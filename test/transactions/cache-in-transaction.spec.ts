import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Cache } from '../../src/engine/cache.js';
import { type CacheTarget, runInTransaction } from '../../src/index.js';
import { deferred, embeddedCache, settled } from '../engine/embedded-cache.js';

const rollback = new Error('rollback');

/** A cache of memory only; what Redis adds is in test/e2e. */
describe('the cache inside a transaction', () => {
  let cache: Cache;

  beforeEach(() => {
    cache = embeddedCache().cache;
  });

  const transaction = <T>(work: () => Promise<T>, nested = false): Promise<T> =>
    runInTransaction((inside: () => Promise<T>) => inside(), work, { nested });
  const rolledBack = (work: () => Promise<unknown>): Promise<unknown> =>
    transaction(async () => {
      await work();
      throw rollback;
    }).catch((error: unknown) => expect(error).toBe(rollback));

  const targets: [what: string, target: CacheTarget][] = [
    ['a key', 'film:1'],
    ['keys', ['film:1', 'film:2']],
    ['tags', { tags: ['films'] }],
    ['a prefix', { prefix: 'film:' }],
    ['a prefix that is searched for', { prefix: 'fil' }],
    ['a pattern', { pattern: 'f*:1' }],
  ];

  describe.each(targets)('evict (%s)', (_, target) => {
    beforeEach(async () => {
      await cache.set('film:1', 'old', { tags: ['films'] });
      await cache.set('actor:1', 'kept', { tags: ['actors'] });
    });

    it('with afterCommit waits for the commit', async () => {
      const committing = deferred();
      const running = transaction(async () => {
        await cache.evict(target, { afterCommit: true });
        await committing.promise;
      });
      await settled();
      expect(cache.peek('film:1')).toBe('old');
      committing.resolve(undefined);
      await running;
      expect(cache.peek('film:1')).toBeUndefined();
      expect(cache.peek('actor:1')).toBe('kept');
    });

    it('with afterCommit does nothing after a rollback', async () => {
      await rolledBack(() => cache.evict(target, { afterCommit: true }));
      expect(cache.peek('film:1')).toBe('old');
    });

    it('with afterCommit and without a transaction evicts at once', async () => {
      await cache.evict(target, { afterCommit: true });
      expect(cache.peek('film:1')).toBeUndefined();
    });

    it('without afterCommit evicts at once and again after the commit', async () => {
      const evicted = deferred();
      const committing = deferred();
      const running = transaction(async () => {
        await cache.evict(target);
        evicted.resolve(undefined);
        await committing.promise;
      });
      await evicted.promise;
      expect(cache.peek('film:1')).toBeUndefined();
      // Somebody else, for whom the old row is the row.
      expect(await cache.getOrLoad('film:1', () => 'old', { tags: ['films'] })).toBe('old');
      committing.resolve(undefined);
      await running;
      expect(cache.peek('film:1')).toBeUndefined();
    });

    it('makes the transaction read what it changed from its source, and nobody else', async () => {
      const outside = deferred();
      const done = deferred();
      const running = transaction(async () => {
        await cache.evict(target, { afterCommit: true });
        expect(await cache.get('film:1')).toBeUndefined();
        expect(cache.peek('film:1')).toBeUndefined();
        expect(await cache.getOrLoad('film:1', () => 'mine', { tags: ['films'] })).toBe('mine');
        expect(await cache.getOrLoad('actor:1', () => 'loaded')).toBe('kept');
        outside.resolve(undefined);
        await done.promise;
      });
      await outside.promise;
      expect(await cache.get('film:1')).toBe('old');
      done.resolve(undefined);
      await running;
    });
  });

  it('clear with afterCommit waits for the commit, too', async () => {
    await cache.set('film:1', 'old');
    await rolledBack(() => cache.clear({ afterCommit: true }));
    expect(cache.peek('film:1')).toBe('old');
    await transaction(async () => {
      await cache.clear({ afterCommit: true });
      expect(cache.peek('film:1')).toBeUndefined();
      await cache.set('film:1', 'old');
    });
    expect(cache.peek('film:1')).toBeUndefined();
  });

  it('expire with afterCommit waits for the commit and keeps the value for its grace', async () => {
    await cache.set('film:1', 'old', { grace: '1h' });
    await rolledBack(() => cache.expire('film:1', { afterCommit: true }));
    expect(cache.peek('film:1')).toBe('old');
    await transaction(() => cache.expire('film:1', { afterCommit: true }));
    expect(cache.peek('film:1')).toBeUndefined();
    const load = () => Promise.reject(new Error('away'));
    expect(await cache.getOrLoad('film:1', load, { grace: '1h' })).toBe('old');
  });

  it('carries out once what was asked for often', async () => {
    const evicted = jest.fn();
    cache.on('evict', evicted);
    await transaction(async () => {
      for (let i = 0; i < 3; i++) await cache.evict('film:1', { afterCommit: true });
      for (let i = 0; i < 3; i++) await cache.evict({ tags: ['films'] }, { afterCommit: true });
    });
    expect(evicted.mock.calls.flat()).toEqual([
      { target: 'keys', names: ['film:1'], kept: false },
      { target: 'tags', names: ['films'], kept: false },
    ]);
  });

  it('resets counters once: with afterCommit at the commit, else at once', async () => {
    await cache.increment('hits', 5);
    await transaction(async () => {
      await cache.evict('hits', { afterCommit: true });
      expect(await cache.increment('hits', 0)).toBe(5);
    });
    expect(await cache.increment('hits', 3)).toBe(3);
    await transaction(async () => {
      await cache.evict('hits');
      await cache.increment('hits');
    });
    expect(await cache.increment('hits', 0)).toBe(1);
  });

  it('a load stores nothing, also when it fails, and is shared with nobody', async () => {
    const inside = deferred();
    const loads = jest.fn<() => Promise<unknown>>().mockImplementationOnce(() => inside.promise);
    loads.mockResolvedValue('committed');
    const running = transaction(async () => cache.getOrLoad('film:1', loads));
    await settled();
    expect(await cache.getOrLoad('film:1', loads)).toBe('committed');
    inside.resolve('uncommitted');
    expect(await running).toBe('uncommitted');
    expect(cache.peek('film:1')).toBe('committed');
    expect(loads).toHaveBeenCalledTimes(2);
    expect(cache.stats()).toMatchObject({ loads: 2, joined: 0, refused: 0, flights: 0 });
  });

  it('waits for no load of others: their connection may be the one that the transaction has', async () => {
    const outside = deferred();
    const loading = cache.getOrLoad('film:1', () => outside.promise);
    const inside = await transaction(async () => cache.getOrLoad('film:1', () => 'own'));
    expect(inside).toBe('own');
    outside.resolve('theirs');
    expect(await loading).toBe('theirs');
  });

  it('a load of several keys takes from the cache what is there, and loads the rest in one call, alone', async () => {
    await cache.set('film:1', 'cached');
    await cache.set('film:2', 'old');
    const outside = deferred();
    const loading = cache.getOrLoad('film:3', () => outside.promise);
    const load = jest.fn((missing: readonly unknown[]) => new Map(missing.map((key) => [key as string, 'own'])));
    await transaction(async () => {
      await cache.evict('film:2', { afterCommit: true });
      const found = await cache.getOrLoadMany(['film:1', 'film:2', 'film:3', 'film:4'], load);
      expect([...found.values()]).toEqual(['cached', 'own', 'own', 'own']);
    });
    expect(load.mock.calls).toEqual([[['film:2', 'film:3', 'film:4']]]);
    expect(cache.peek('film:4')).toBeUndefined();
    outside.resolve('theirs');
    await loading;
  });

  it('a load that fails is an error: no stale value stands in', async () => {
    await cache.set('film:1', 'old', { grace: '1h' });
    await cache.expire('film:1');
    const load = () => Promise.reject(new Error('current transaction is aborted'));
    const running = transaction(() => cache.getOrLoad('film:1', load, { grace: '1h' }));
    await expect(running).rejects.toThrow('current transaction is aborted');
  });

  it('a load that opens and ends a transaction of its own is stored', async () => {
    const load = () => transaction(async () => 'committed');
    expect(await cache.getOrLoad('film:1', load)).toBe('committed');
    expect(cache.peek('film:1')).toBe('committed');
  });

  it('a write stores nothing before the commit, and evicts after it', async () => {
    await cache.set('film:1', 'old');
    const committing = deferred();
    const running = transaction(async () => {
      expect(await cache.write('film:1', async () => 'new')).toBe('new');
      expect(cache.peek('film:1')).toBeUndefined();
      await committing.promise;
    });
    await settled();
    expect(cache.peek('film:1')).toBeUndefined();
    await cache.getOrLoad('film:1', () => 'old');
    committing.resolve(undefined);
    await running;
    expect(cache.peek('film:1')).toBeUndefined();
  });

  it('a write that fails evicts, because the transaction may go on and commit', async () => {
    await transaction(async () => {
      const failing = cache.write('film:1', () => Promise.reject(new Error('no')));
      await expect(failing).rejects.toThrow('no');
      await runInTransactionOfAnother(() => cache.set('film:1', 'old'));
    });
    expect(cache.peek('film:1')).toBeUndefined();
  });

  it('a set is there at once, and no eviction that was asked for before it takes it away', async () => {
    await transaction(async () => {
      await cache.evict(['session', 1]);
      await cache.set(['session', 1], 'a');
      expect(await cache.get(['session', 1])).toBe('a');
      await cache.evict(['session', 2], { afterCommit: true });
      await cache.setMany([[['session', 2], 'b']]);
    });
    expect([
      ...(
        await cache.getMany([
          ['session', 1],
          ['session', 2],
        ])
      ).values(),
    ]).toEqual(['a', 'b']);
  });

  it('keeps evictions of parallel transactions, of other caches and of those around it apart', async () => {
    const other = embeddedCache().cache;
    for (const one of [cache, other])
      await one.setMany([
        ['a', 1],
        ['b', 1],
      ]);
    const both = deferred();
    const first = transaction(async () => {
      await cache.evict('a', { afterCommit: true });
      await both.promise;
      expect(await cache.get('b')).toBe(1);
      expect(await other.get('a')).toBe(1);
      await transaction(async () => {
        await other.evict('b', { afterCommit: true });
        expect(await cache.get('a')).toBe(1);
      });
      expect(other.peek('b')).toBeUndefined();
    });
    const second = rolledBack(async () => {
      await cache.evict('b', { afterCommit: true });
      both.resolve(undefined);
      expect(await cache.get('a')).toBe(1);
    });
    await Promise.all([first, second]);
    expect([cache.peek('a'), cache.peek('b'), other.peek('a')]).toEqual([undefined, 1, 1]);
  });

  it('drops what a savepoint asked for that is rolled back, and keeps what a released one did', async () => {
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    await transaction(async () => {
      await transaction(() => cache.evict('a', { afterCommit: true }), true);
      const failing = async () => {
        expect(await cache.get('a')).toBeUndefined();
        await cache.evict('b', { afterCommit: true });
        throw rollback;
      };
      await transaction(failing, true).catch(() => undefined);
      expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, 1]);
    });
    expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 1]);
  });

  /** Not the transaction of the caller: somebody else. */
  const runInTransactionOfAnother = (work: () => Promise<unknown>) => transaction(work);
});

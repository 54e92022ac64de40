import { describe, expect, it, jest } from '@jest/globals';
import { deferred, embeddedCache, settled } from './embedded-cache.js';

describe('write', () => {
  it('answers what the change returned, and stores it', async () => {
    const { cache } = embeddedCache();
    expect(await cache.write('a', async () => 'new', { tags: ['t'] })).toBe('new');
    expect(await cache.get('a')).toBe('new');
    await cache.evict({ tags: ['t'] });
    expect(await cache.get('a')).toBeUndefined();
  });

  it('leaves the old value alone until the change is through', async () => {
    const { cache } = embeddedCache();
    await cache.set('a', 'old');
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise);
    await settled();
    expect(await cache.get('a')).toBe('old');
    change.resolve('new');
    await written;
    expect(await cache.get('a')).toBe('new');
  });

  it('has the options of its call', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1h' });
    await cache.write('a', async () => 1, { ttl: '1s', grace: '1m' });
    await clock.advance('1s');
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.getOrLoad('a', () => Promise.reject(new Error('down')), { grace: '1m' })).toBe(1);
  });

  it('does not run a change whose key or options are wrong', async () => {
    const { cache } = embeddedCache();
    const change = jest.fn(async () => 1);
    await expect(cache.write('', change)).rejects.toMatchObject({ code: 'CACHE_KEY' });
    await expect(cache.write('a', change, { ttl: -1 })).rejects.toMatchObject({ code: 'CACHE_OPTIONS' });
    expect(change).not.toHaveBeenCalled();
  });

  it('gives what it stored to nobody who could be changed by the writer', async () => {
    const { cache } = embeddedCache();
    const row = { n: 1 };
    const answer = await cache.write('a', async () => row);
    answer.n = 2;
    row.n = 3;
    expect(await cache.get('a')).toEqual({ n: 1 });
  });
});

describe('a write that fails', () => {
  const error = new Error('constraint');

  it.each([
    ['rejects', () => Promise.reject(error)],
    [
      'throws',
      () => {
        throw error;
      },
    ],
  ])('because its change %s takes the value away: the change may have happened all the same', async (_, change) => {
    const { cache } = embeddedCache({ grace: '1h' });
    await cache.set('a', 'old');
    await expect(cache.write('a', change)).rejects.toBe(error);
    expect(await cache.get('a')).toBeUndefined();
    await expect(cache.getOrLoad('a', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(cache.stats().flights).toBe(0);
  });

  it('does not stop the next', async () => {
    const { cache } = embeddedCache();
    await cache.write('a', () => Promise.reject(error)).catch(() => undefined);
    await cache.write('a', async () => 'new');
    expect(await cache.get('a')).toBe('new');
  });
});

describe('two writes that race', () => {
  it('end in nothing, or in the value of the last to begin, whichever ends first', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { cache } = embeddedCache();
      const changes = [deferred<string>(), deferred<string>()];
      const written = changes.map((change) => cache.write('a', () => change.promise));
      for (const i of order) {
        changes[i]?.resolve(`row ${i}`);
        await written[i];
      }
      expect(await Promise.all(written)).toEqual(['row 0', 'row 1']);
      expect([undefined, 'row 1']).toContain(await cache.get('a'));
    }
  });

  it('do not matter to each other when their keys differ', async () => {
    const { cache } = embeddedCache();
    const change = deferred<number>();
    const slow = cache.write('a', () => change.promise);
    await cache.write('b', async () => 2);
    change.resolve(1);
    await slow;
    expect([...(await cache.getMany(['a', 'b'])).values()]).toEqual([1, 2]);
  });
});

describe('a write that is overtaken', () => {
  it.each([
    ['an eviction of its key', 'a'],
    ['an eviction of its tag', { tags: ['t'] }],
    ['an eviction of its prefix', { prefix: 'a' }],
  ])('by %s stores nothing', async (_, target) => {
    const { cache } = embeddedCache();
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise, { tags: ['t'] });
    await cache.evict(target);
    change.resolve('mine');
    expect(await written).toBe('mine');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('by a set leaves the value of the set, or nothing', async () => {
    const { cache } = embeddedCache();
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise);
    await cache.set('a', 'set');
    change.resolve('mine');
    await written;
    expect([undefined, 'set']).toContain(await cache.get('a'));
  });

  it('by a load that began after it and was stored takes the key away: which row is newer cannot be known', async () => {
    const { cache } = embeddedCache();
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise);
    expect(await cache.getOrLoad('a', () => 'loaded')).toBe('loaded');
    change.resolve('mine');
    expect(await written).toBe('mine');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('by clear stores nothing', async () => {
    const { cache } = embeddedCache();
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise);
    await cache.clear();
    change.resolve('mine');
    await written;
    expect(await cache.get('a')).toBeUndefined();
  });
});

describe('a load and a write', () => {
  it('that overlap never leave the row the load read before the write', async () => {
    const { cache } = embeddedCache();
    const [row, change] = [deferred<string>(), deferred<string>()];
    const loaded = cache.getOrLoad('a', () => row.promise);
    const written = cache.write('a', () => change.promise);
    change.resolve('new');
    await written;
    row.resolve('old');
    expect(await loaded).toBe('old');
    expect(await cache.get('a')).toBe('new');
  });

  it('of which the load begins and ends during the write never leave what it read', async () => {
    const { cache } = embeddedCache();
    const change = deferred<string>();
    const written = cache.write('a', () => change.promise);
    expect(await cache.getOrLoad('a', () => 'old')).toBe('old');
    change.resolve('new');
    await written;
    expect(await cache.get('a')).not.toBe('old');
  });

  it('that begins after the write ended is not held up by it', async () => {
    const { cache } = embeddedCache();
    await cache.write('a', () => Promise.reject(new Error('constraint'))).catch(() => undefined);
    expect(await cache.getOrLoad('a', () => 'row')).toBe('row');
    expect(await cache.get('a')).toBe('row');
  });
});

import { describe, expect, it } from '@jest/globals';
import { CacheOptionsError } from '../../src/cache.errors.js';
import type { LoadContext } from '../../src/engine/load-context.js';
import { embeddedCache, settled } from './embedded-cache.js';

/** Loads `a` and answers what the loader was given. */
async function contextOf(embedded = embeddedCache()): Promise<LoadContext<string>> {
  let given: LoadContext<string> | undefined;
  await embedded.cache.getOrLoad<string>('a', (context) => {
    given = context;
    return 'value';
  });
  return given as LoadContext<string>;
}

describe('a loader', () => {
  it('may skip: its callers get the result, nobody else does', async () => {
    const { cache } = embeddedCache();
    const load = (context: LoadContext<number>): number => {
      context.skip();
      return 1;
    };
    expect(await Promise.all([cache.getOrLoad('a', load), cache.getOrLoad('a', load)])).toEqual([1, 1]);
    expect([await cache.has('a'), cache.stats().loads, cache.stats().skipped]).toEqual([false, 1, 0]);
  });

  it('may skip and leave the stale value for a load that fails', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1h' });
    await cache.set('a', 'old');
    await clock.advance('1s');
    expect(
      await cache.getOrLoad('a', (context) => {
        context.skip();
        return 'partial';
      }),
    ).toBe('partial');
    expect(await cache.getOrLoad('a', () => Promise.reject(new Error('down')))).toBe('old');
  });

  it('may set the ttl of this value only', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1m' });
    await cache.getOrLoad('a', (context) => {
      context.setTtl('2s');
      return 1;
    });
    await cache.getOrLoad('b', (context) => {
      context.setTtl('2m');
      return 1;
    });
    await cache.getOrLoad('c', () => 1);
    const left = async (): Promise<unknown[]> => [...(await cache.getMany(['a', 'b', 'c'])).keys()];
    await clock.advance('2s');
    expect(await left()).toEqual(['b', 'c']);
    await clock.advance('58s');
    expect(await left()).toEqual(['b']);
    await clock.advance('1m');
    expect(await left()).toEqual([]);
  });

  it('may add tags to those of the call, in several steps', async () => {
    const { cache } = embeddedCache();
    const load = (context: LoadContext<number>): number => {
      context.setTags(['b']);
      context.setTags(['c', 'a']);
      return 1;
    };
    for (const tag of ['a', 'b', 'c']) {
      await cache.getOrLoad('k', load, { tags: ['a'] });
      expect((await cache.getEntry('k'))?.tags).toEqual(['a', 'b', 'c']);
      await cache.evict({ tags: [tag] });
      expect(await cache.has('k')).toBe(false);
    }
  });

  it.each([
    ['a ttl of nothing', (context: LoadContext<number>) => context.setTtl(0), 'call skip()'],
    ['a negative ttl', (context: LoadContext<number>) => context.setTtl(-1), "'30s'"],
    ['a ttl that is none', (context: LoadContext<number>) => context.setTtl('soon' as '1s'), "'30s'"],
    ['an empty tag', (context: LoadContext<number>) => context.setTags(['']), 'non-empty strings'],
    ['tags that are none', (context: LoadContext<number>) => context.setTags(7 as unknown as string[]), 'array'],
  ])('is told at once of %s', async (_, say, remedy) => {
    const { cache } = embeddedCache();
    const value = cache.getOrLoad<number>('a', (context) => {
      say(context);
      return 1;
    });
    const error: unknown = await value.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CacheOptionsError);
    expect((error as Error).message).toContain(remedy);
    expect(await cache.has('a')).toBe(false);
  });

  it('may add so many tags as a call may give, also in several steps', async () => {
    const { cache } = embeddedCache();
    const tagged =
      (count: number) =>
      (context: LoadContext<number>): number => {
        for (let i = 0; i < count; i++) context.setTags([`t${i}`]);
        return 1;
      };
    expect(await cache.getOrLoad('a', tagged(200))).toBe(1);
    expect((await cache.getEntry('a'))?.tags).toHaveLength(200);
    await expect(cache.getOrLoad('b', tagged(201))).rejects.toMatchObject({ code: 'CACHE_OPTIONS' });
  });

  it('sees the value it is about to replace, as far as grace goes', async () => {
    const embedded = embeddedCache({ ttl: '1s', grace: '1m' });
    const seen: unknown[] = [];
    await embedded.cache.getOrLoad<string>('a', ({ stale }) => {
      seen.push(stale);
      return 'first';
    });
    for (const [wait, grace] of [
      ['1s', '1m'],
      ['1m', '1m'],
      ['1s', 0],
    ] as const) {
      await embedded.cache.set('a', 'old');
      await embedded.clock.advance(wait);
      await embedded.clock.advance(wait === '1m' ? '1s' : 0);
      await embedded.cache.getOrLoad<string>(
        'a',
        ({ stale }) => {
          seen.push(stale);
          return 'new';
        },
        { grace },
      );
      await embedded.cache.evict('a');
    }
    expect(seen).toEqual([undefined, 'old', undefined, undefined]);
  });

  it('cannot change what others get by changing the stale value', async () => {
    const { cache, clock } = embeddedCache({ ttl: '1s', grace: '1m' });
    await cache.set('a', { n: 1 });
    await clock.advance('1s');
    const spoil = ({ stale }: LoadContext<{ n: number }>): never => {
      (stale as { n: number }).n = 2;
      throw new Error('not reached');
    };
    expect(await cache.getOrLoad('a', spoil)).toEqual({ n: 1 });
  });

  it('has a request id of its own, the same whenever it asks', async () => {
    const embedded = embeddedCache();
    const ids = new Set<string>();
    for (let i = 0; i < 100; i++) {
      await embedded.cache.clear();
      const context = await contextOf(embedded);
      expect(context.requestId).toBe(context.requestId);
      ids.add(context.requestId);
    }
    expect(ids.size).toBe(100);
  });

  it('hears by its signal that the cache was closed', async () => {
    const embedded = embeddedCache();
    const { signal } = await contextOf(embedded);
    await settled();
    expect(signal.aborted).toBe(false);
    await embedded.cache.close(1_000);
    expect(signal.aborted).toBe(true);
  });
});

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheService, CacheTarget } from '../../src/index.js';
import { FakeClock } from '../../src/testing.js';
import { type AppOptions, commandsDuring, useWorld } from './world.js';

const FILMS = ['film:1', 'film:2', 'film:1:cast', 'film:{3}', 'actor:1', 'filmography', 'search:a:1', 'search:b:1'];

/** Which of the films are gone after each invalidation. Every film has the tag `all`, and one of its own. */
const TARGETS: [what: string, target: CacheTarget, gone: string[]][] = [
  ['a key', 'film:1', ['film:1']],
  ['keys', ['film:1', 'actor:1'], ['film:1', 'actor:1']],
  ['a key of parts', ['film', 'x'], []],
  ['a tag', { tags: ['of film:2'] }, ['film:2']],
  ['tags', { tags: ['of film:2', 'of filmography', 'unknown'] }, ['film:2', 'filmography']],
  ['a tag that all have', { tags: ['all'] }, FILMS],
  ['a first segment', { prefix: 'film:' }, ['film:1', 'film:2', 'film:1:cast', 'film:{3}']],
  ['a declared prefix', { prefix: 'search:a:' }, ['search:a:1']],
  ['a prefix that nobody declared', { prefix: 'film:1:' }, ['film:1:cast']],
  [
    'a prefix in the middle of a segment',
    { prefix: 'film' },
    ['film:1', 'film:2', 'film:1:cast', 'film:{3}', 'filmography'],
  ],
  ['a pattern', { pattern: '*:1' }, ['film:1', 'actor:1', 'search:a:1', 'search:b:1']],
  ['a pattern with one unknown character', { pattern: 'film:?' }, ['film:1', 'film:2']],
  ['a pattern with braces', { pattern: 'film:{*}' }, ['film:{3}']],
  ['a pattern that nothing matches', { pattern: 'series:*' }, []],
];

describe.each<[string, AppOptions]>([
  ['with memory', {}],
  ['without memory', { memory: false }],
])('invalidation through Redis, in apps %s,', (_name, common) => {
  const world = useWorld();
  const options: AppOptions = { ...common, prefixes: ['search:*:'] };
  let a: CacheService;
  let b: CacheService;
  let clock: FakeClock;

  beforeEach(async () => {
    clock = new FakeClock();
    a = (await world.app({ ...options, clock })).cache;
    b = (await world.app({ ...options, clock })).cache;
    await Promise.all(
      FILMS.map((key) =>
        a.getOrLoad(key, () => `value of ${key}`, { tags: ['all', `of ${key}`], ttl: '1m', grace: '1h' }),
      ),
    );
    await a.idle();
  });

  /** Which films a process sees that has seen none of them before. */
  async function left(): Promise<string[]> {
    const reader = await world.app({ ...options, clock });
    return [...(await reader.cache.getMany(FILMS)).keys()] as string[];
  }

  const without = (gone: string[]) => FILMS.filter((key) => !gone.includes(key));

  it.each(TARGETS)(
    'evicts by %s, for the process that did it and for all that ask Redis',
    async (_what, target, gone) => {
      await a.evict(target);
      expect([...(await a.getMany(FILMS)).keys()]).toEqual(without(gone));
      expect(await left()).toEqual(without(gone));
    },
  );

  it.each(TARGETS)('evicts by %s what another process has stored', async (_what, target, gone) => {
    await b.evict(target);
    expect([...(await b.getMany(FILMS)).keys()]).toEqual(without(gone));
    expect(await left()).toEqual(without(gone));
  });

  it.each(TARGETS)(
    'expires by %s: a miss, and yet what stands in for a load that fails',
    async (_what, target, gone) => {
      await b.expire(target);
      expect(await left()).toEqual(without(gone));
      for (const cache of [b, (await world.app({ ...options, clock })).cache]) {
        const failing = gone.map((key) =>
          cache.getOrLoad(key, () => Promise.reject(new Error('down')), { grace: '1h' }),
        );
        expect(await Promise.all(failing)).toEqual(gone.map((key) => `value of ${key}`));
      }
    },
  );

  it.each(TARGETS)('after evicting by %s nothing stands in for a load that fails', async (_what, target, gone) => {
    await b.evict(target);
    for (const cache of [b, (await world.app({ ...options, clock })).cache]) {
      for (const key of gone) {
        const failing = cache.getOrLoad(key, () => Promise.reject(new Error('down')), { grace: '1h' });
        await expect(failing).rejects.toThrow('down');
      }
    }
  });

  it('is repaired by the next load, and can be done again', async () => {
    for (let round = 1; round <= 3; round++) {
      await b.evict({ tags: ['of film:1'] });
      await b.evict({ prefix: 'film:' });
      expect(await b.get('film:1')).toBeUndefined();
      await b.getOrLoad('film:1', () => `round ${round}`, { tags: ['of film:1'] });
      await b.idle();
      const reader = await world.app({ ...options, clock });
      expect(await reader.cache.get('film:1')).toBe(`round ${round}`);
    }
  });

  it('clears everything, also what stands in for a failed load', async () => {
    await b.clear();
    expect(await b.getMany(FILMS)).toEqual(new Map());
    expect(await left()).toEqual([]);
    await expect(b.getOrLoad('film:1', () => Promise.reject(new Error('down')), { grace: '1h' })).rejects.toThrow(
      'down',
    );
    expect(await b.getOrLoad('film:1', () => 'again')).toBe('again');
  });

  it('costs one command for keys, tags, first segments, declared prefixes and clear, however many entries there are', async () => {
    const seen = await commandsDuring(world, async () => {
      await b.evict({ tags: ['all'] });
      await b.evict({ prefix: 'film:' });
      await b.evict({ prefix: 'search:a:' });
      await b.clear();
    });
    expect(seen.map(({ name }) => name)).toEqual(['CHANGE', 'CHANGE', 'CHANGE', 'CHANGE']);
  });

  it('never asks Redis for KEYS, and never searches for what has a marker', async () => {
    const seen = await commandsDuring(world, async () => {
      for (const [, target] of TARGETS) await b.evict(target);
    });
    const names = seen.map(({ name }) => name);
    expect(names).not.toContain('KEYS');
    const searched = TARGETS.filter(([what]) => /pattern|nobody declared|middle/.test(what)).length;
    expect(seen.filter(({ name, args }) => name === 'SCAN' && args[0] === '0')).toHaveLength(searched);
  });

  it('keeps an expired entry for its grace and no longer', async () => {
    const load = () => Promise.reject(new Error('down'));
    await clock.advance('61s');
    const reader = (await world.app({ ...options, clock })).cache;
    expect(await reader.get('film:1')).toBeUndefined();
    expect(await reader.getOrLoad('film:1', load, { grace: '1h' })).toBe('value of film:1');
    await clock.advance('1h');
    await expect(reader.getOrLoad('film:1', load, { grace: '1h' })).rejects.toThrow('down');
  });

  it('serves the stale value to a load that asks for it', async () => {
    await b.expire('film:1');
    const seen = await b.getOrLoad('film:1', ({ stale }) => `after ${String(stale)}`, { grace: '1h' });
    expect(seen).toBe('after value of film:1');
  });

  it('is not undone by grace: what was refreshed replaces the stale value everywhere', async () => {
    await b.expire('film:1');
    await b.getOrLoad('film:1', () => 'fresh', { grace: '1h' });
    await b.idle();
    const reader = (await world.app({ ...options, clock })).cache;
    expect(await reader.get('film:1')).toBe('fresh');
  });
});

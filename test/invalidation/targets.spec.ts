import { beforeEach, describe, expect, it } from '@jest/globals';
import type { InvalidationTargets } from '../../src/index.js';
import { TargetSet } from '../../src/invalidation/targets.js';
import { type Embedded, embeddedCache } from '../engine/embedded-cache.js';

const KEYS = [['product', 1], ['product', 2], 'a', 'b', 'a:b', ['search', 'x'], ['by', { tags: ['x'] }], 'tagged'];

describe('the targets of rules', () => {
  let embedded: Embedded;

  beforeEach(async () => {
    embedded = embeddedCache({ ttl: '1m', grace: '1h' });
    for (const key of KEYS) await embedded.cache.set(key, 1, { tags: key === 'tagged' ? ['x'] : [] });
  });

  /** Which keys are gone. */
  async function goneAfter(...targets: InvalidationTargets[]): Promise<unknown[]> {
    const set = new TargetSet();
    for (const target of targets) set.add(target);
    await set.invalidate(embedded.cache, 'evict');
    const left = await embedded.cache.getMany(KEYS);
    return KEYS.filter((key) => !left.has(key));
  }

  it('may be one key', async () => {
    expect(await goneAfter(['product', 1])).toEqual([['product', 1]]);
  });

  it('may be keys, tags, prefixes and patterns in one list', async () => {
    expect(await goneAfter([['product', 1], { tags: ['x'] }, { prefix: 'search:' }, { pattern: '*:b' }])).toEqual([
      ['product', 1],
      'a:b',
      ['search', 'x'],
      'tagged',
    ]);
  });

  it('may be a list whose first item is a text', async () => {
    expect(await goneAfter(['a', { prefix: 'search:' }])).toEqual(['a', ['search', 'x']]);
  });

  it('are both where an array may be a key and a list', async () => {
    expect(await goneAfter(['by', { tags: ['x'] }])).toEqual([['by', { tags: ['x'] }], 'tagged']);
    expect(await goneAfter(['a', 'b'])).toEqual(expect.arrayContaining(['a', 'b', 'a:b']));
  });

  it('may be an empty list: then nothing is invalidated', async () => {
    expect(await goneAfter([])).toEqual([]);
    expect(await goneAfter({ tags: [] }, [['product', 1], { tags: [] }])).toEqual([['product', 1]]);
  });

  it('may be everything', async () => {
    expect(await goneAfter({ all: true })).toEqual(KEYS);
    expect(await goneAfter(['a', { all: true }])).toEqual(KEYS);
  });

  it('add up, each of them invalidated once', async () => {
    const told: unknown[] = [];
    embedded.cache.on('evict', ({ target, names }) => told.push([target, ...names]));
    await goneAfter({ prefix: 'search:' }, [{ prefix: 'search:' }, { tags: ['x'] }], { tags: ['x', 'y'] }, 'a', 'a');
    expect(told).toEqual([
      ['prefix', 'search:'],
      ['tags', 'x', 'y'],
      ['keys', 'a'],
    ]);
  });

  it('may be a thousand keys at once', async () => {
    const keys = Array.from({ length: 1000 }, (_, id) => ['product', id] as const);
    expect(await goneAfter(...keys)).toEqual([
      ['product', 1],
      ['product', 2],
    ]);
  });

  it('may be dates in a key', async () => {
    const day = new Date(0);
    await embedded.cache.set([day, 'a'], 1);
    await goneAfter([day, 'a']);
    expect(await embedded.cache.has([day, 'a'])).toBe(false);
  });

  it('that are expired may stand in for a load that fails', async () => {
    const set = new TargetSet();
    set.add('a');
    await set.invalidate(embedded.cache, 'expire');
    expect(await embedded.cache.get('a')).toBeUndefined();
    expect(await embedded.cache.getOrLoad('a', () => Promise.reject(new Error('down')))).toBe(1);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an object that is none', { tagz: ['x'] }],
    ['a list with something else', [['product', 1], { tagz: ['x'] }]],
    ['a list with nothing in it', [{ tags: ['x'] }, undefined]],
    ['all: false', { all: false }],
  ])('may not be %s', (_what, targets) => {
    expect(() => new TargetSet().add(targets as InvalidationTargets)).toThrow('Pass a key');
  });
});

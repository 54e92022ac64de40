import { describe, expect, it } from '@jest/globals';
import type { Cache } from '../../src/engine/cache.js';
import { deferred, embeddedCache } from './embedded-cache.js';

/** What may come while `user:7:name` is being loaded with the tag `staff`. */
const changes: [string, (cache: Cache) => Promise<unknown>][] = [
  ['evict by key', (cache) => cache.evict('user:7:name')],
  ['evict by several keys', (cache) => cache.evict(['x', 'user:7:name'])],
  ['evict by tag', (cache) => cache.evict({ tags: ['staff'] })],
  ['evict by a tag that only the result tells', (cache) => cache.evict({ tags: ['late'] })],
  ['evict by prefix', (cache) => cache.evict({ prefix: 'user:' })],
  ['evict by declared prefix', (cache) => cache.evict({ prefix: 'user:7:' })],
  ['evict by undeclared prefix', (cache) => cache.evict({ prefix: 'user:7:n' })],
  ['evict by pattern', (cache) => cache.evict({ pattern: '*:name' })],
  ['expire by key', (cache) => cache.expire('user:7:name')],
  ['expire by tag', (cache) => cache.expire({ tags: ['staff'] })],
  ['expire by a tag that only the result tells', (cache) => cache.expire({ tags: ['late'] })],
  ['expire by prefix', (cache) => cache.expire({ prefix: 'user:' })],
  ['expire by pattern', (cache) => cache.expire({ pattern: 'user:*' })],
  ['clear', (cache) => cache.clear()],
  ['set of undefined', (cache) => cache.set('user:7:name', undefined)],
  ['a write that fails', (cache) => cache.write('user:7:name', fail).catch(() => undefined)],
];

const others: [string, (cache: Cache) => Promise<unknown>][] = [
  ['evict of another key', (cache) => cache.evict('user:7:names')],
  ['evict of another tag', (cache) => cache.evict({ tags: ['other'] })],
  ['evict of another prefix', (cache) => cache.evict({ prefix: 'user:8:' })],
  ['evict of another pattern', (cache) => cache.evict({ pattern: '*:names' })],
  ['expire of another tag', (cache) => cache.expire({ tags: ['other'] })],
  ['set of another key', (cache) => cache.set('user:8:name', 'Bob')],
  ['a write of another key', (cache) => cache.write('user:8:name', async () => 'Bob')],
];

function fail(): Promise<never> {
  return Promise.reject(new Error('no database'));
}

function slowLoad() {
  const { cache, clock } = embeddedCache({ policies: { user: { prefixes: ['user:*:'] } } });
  const row = deferred<string>();
  const value = cache.getOrLoad<string>(
    'user:7:name',
    async (context) => {
      const result = await row.promise;
      context.setTags(['late']);
      return result;
    },
    { tags: ['staff'] },
  );
  return { cache, clock, row, value };
}

describe('a load', () => {
  it.each(changes)('stores nothing after %s came meanwhile; its callers get their value', async (_, change) => {
    const { cache, row, value } = slowLoad();
    await change(cache);
    row.resolve('old');
    expect(await value).toBe('old');
    expect([await cache.get('user:7:name'), cache.peek('user:7:name')]).toEqual([undefined, undefined]);
    expect(cache.stats()).toMatchObject({ refused: 1, memory: { entries: 0 } });
  });

  const known = changes.filter(([name]) => !name.includes('only the result tells'));
  const late = changes.filter(([name]) => name.includes('only the result tells'));

  it.each(known)('is not shared by those who ask after %s', async (_, change) => {
    const { cache, row, value } = slowLoad();
    await change(cache);
    expect(await cache.getOrLoad('user:7:name', () => 'new', { tags: ['staff'] })).toBe('new');
    row.resolve('old');
    expect(await value).toBe('old');
    expect(await cache.get('user:7:name')).toBe('new');
  });

  it.each(late)('gives those who ask after %s no old value: they load again, together', async (_, change) => {
    const { cache, row, value } = slowLoad();
    await change(cache);
    let loads = 0;
    const after = [1, 2, 3].map(() => cache.getOrLoad('user:7:name', () => `new ${++loads}`, { tags: ['staff'] }));
    row.resolve('old');
    expect(await value).toBe('old');
    expect(await Promise.all(after)).toEqual(['new 1', 'new 1', 'new 1']);
    expect(await cache.get('user:7:name')).toBe('new 1');
  });

  it('that is not stored gives no old value either to those who ask after an evict of a tag it tells', async () => {
    const { cache } = embeddedCache({});
    const row = deferred<string>();
    const first = cache.getOrLoad<string>('a', async (context) => {
      const result = await row.promise;
      context.setTags(['late']);
      context.skip();
      return result;
    });
    await cache.evict({ tags: ['late'] });
    const second = cache.getOrLoad('a', () => 'new');
    row.resolve('old');
    expect(await Promise.all([first, second])).toEqual(['old', 'new']);
  });

  it('is shared by those who ask after an evict of a tag that is none of its own', async () => {
    const { cache, row, value } = slowLoad();
    await cache.evict({ tags: ['other'] });
    const second = cache.getOrLoad('user:7:name', () => 'loaded again', { tags: ['staff'] });
    row.resolve('shared');
    expect(await Promise.all([value, second])).toEqual(['shared', 'shared']);
  });

  it.each(others)('is stored after %s', async (_, change) => {
    const { cache, row, value } = slowLoad();
    await change(cache);
    row.resolve('new');
    await value;
    expect(await cache.get('user:7:name')).toBe('new');
    expect(cache.stats().refused).toBe(0);
  });

  it('does not replace what was set meanwhile', async () => {
    const { cache, row, value } = slowLoad();
    await cache.set('user:7:name', 'set');
    row.resolve('old');
    expect(await value).toBe('old');
    expect(await cache.get('user:7:name')).toBe('set');
  });

  it('does not replace what was written meanwhile, whether it ends before or after the write', async () => {
    const { cache, row, value } = slowLoad();
    const change = deferred<string>();
    const written = cache.write('user:7:name', () => change.promise);
    const during = cache.getOrLoad('user:7:name', () => 'during');
    change.resolve('written');
    await written;
    row.resolve('old');
    await Promise.all([value, during]);
    expect(await cache.get('user:7:name')).not.toBe('old');
  });

  it('that ended before the change is gone like any value', async () => {
    const { cache, row, value } = slowLoad();
    row.resolve('old');
    await value;
    await cache.evict({ tags: ['late'] });
    expect(await cache.get('user:7:name')).toBeUndefined();
  });

  it('tells when its value was refused', async () => {
    const { cache, row, value } = slowLoad();
    const keys: string[] = [];
    cache.on('refused', ({ key }) => keys.push(key));
    await cache.evict('user:7:name');
    row.resolve('old');
    await value;
    expect(keys).toEqual(['user:7:name']);
  });

  it('of several keys stores those that were not changed', async () => {
    const { cache } = embeddedCache();
    const rows = deferred<Map<string, number>>();
    const values = cache.getOrLoadMany(['a', 'b', 'c'], () => rows.promise);
    await cache.evict('b');
    rows.resolve(
      new Map([
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ]),
    );
    expect((await values).size).toBe(3);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 1],
        ['c', 3],
      ]),
    );
  });
});

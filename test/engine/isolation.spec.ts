import { describe, expect, it } from '@jest/globals';
import type { Cache } from '../../src/engine/cache.js';
import { embeddedCache } from './embedded-cache.js';

interface Row {
  id: number;
  tags: string[];
  at: Date;
  seen: Map<string, number>;
  kinds: Set<string>;
}

const row = (): Row => ({ id: 1, tags: ['a'], at: new Date(0), seen: new Map([['x', 1]]), kinds: new Set(['y']) });

/** Every way a reader gets a value. */
async function readings<T>(cache: Cache, key: string): Promise<T[]> {
  return [
    (await cache.get<T>(key)) as T,
    cache.peek<T>(key) as T,
    (await cache.getEntry<T>(key))?.value as T,
    await cache.getOrLoad<T>(key, () => Promise.reject(new Error('not there'))),
    (await cache.getMany<T>([key])).get(key) as T,
    (await cache.getOrLoadMany<T>([key], () => new Map())).get(key) as T,
  ];
}

/** Every way a value gets in; what is stored under a, b, c comes from the very object. */
async function storings(cache: Cache, value: unknown): Promise<string[]> {
  await cache.set('a', value);
  await cache.getOrLoad('b', () => value);
  await cache.write('c', async () => value);
  await cache.setMany([['d', value]]);
  await cache.getOrLoadMany(['e'], () => new Map([['e', value]]));
  return ['a', 'b', 'c', 'd', 'e'];
}

describe.each(['frozen', 'cloned'] as const)('values that are %s', (values) => {
  it('do not change with the object they were made from', async () => {
    const { cache } = embeddedCache({ values });
    const source = row();
    const keys = await storings(cache, source);
    source.id = 2;
    source.tags.push('b');
    source.at.setTime(9);
    source.seen.set('x', 2);
    source.kinds.add('z');
    for (const key of keys) expect(await cache.get(key)).toEqual(row());
  });

  it('are what was stored, for every reader, of their own types', async () => {
    const { cache } = embeddedCache({ values });
    for (const key of await storings(cache, row())) {
      for (const value of await readings<Row>(cache, key)) {
        expect(value).toEqual(row());
        expect([value.at instanceof Date, value.seen instanceof Map, value.kinds instanceof Set]).toEqual([
          true,
          true,
          true,
        ]);
      }
    }
  });

  it('with binary data inside are copied for each reader, who may change the bytes', async () => {
    const { cache } = embeddedCache({ values });
    for (const bytes of [Buffer.from('abc'), new Uint8Array([97, 98, 99])]) {
      for (const key of await storings(cache, { bytes })) {
        for (const value of await readings<{ bytes: Uint8Array }>(cache, key)) {
          expect(value.bytes[0]).toBe(97);
          expect(value.bytes.constructor).toBe(bytes.constructor);
          value.bytes[0] = 0;
        }
      }
      bytes[0] = 1;
      for (const key of 'abcde') {
        expect((await cache.get<{ bytes: Uint8Array }>(key))?.bytes[0]).toBe(97);
        await cache.evict(key);
      }
    }
  });

  it('are not shared with the callers of the load that brought them', async () => {
    const { cache } = embeddedCache({ values });
    const source = { bytes: Buffer.from('abc') };
    const load = async (): Promise<typeof source> => source;
    const got = await Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', load)));
    source.bytes[0] = 0;
    for (const value of got) {
      expect(value.bytes.toString()).toBe('abc');
      value.bytes[0] = 0;
    }
    expect((await cache.get<typeof source>('a'))?.bytes.toString()).toBe('abc');
  });
});

describe('values that are frozen', () => {
  it('cannot be changed by a reader, not even deep inside', async () => {
    const { cache } = embeddedCache();
    for (const key of await storings(cache, row())) {
      for (const value of await readings<Row>(cache, key)) {
        const attempts = [
          () => {
            value.id = 2;
          },
          () => value.tags.push('b'),
          () => value.at.setTime(9),
          () => value.seen.set('x', 2),
          () => value.seen.clear(),
          () => value.kinds.add('z'),
        ];
        for (const attempt of attempts) expect(attempt).toThrow(TypeError);
        expect(value).toEqual(row());
      }
    }
  });

  it('are one object for all readers', async () => {
    const { cache } = embeddedCache();
    for (const key of await storings(cache, row())) expect(new Set(await readings(cache, key)).size).toBe(1);
  });

  it('leave the object they were made from as it was', async () => {
    const { cache } = embeddedCache();
    const source = row();
    const keys = await storings(cache, source);
    for (const key of keys) await readings(cache, key);
    expect([Object.isFrozen(source), Object.isFrozen(source.tags)]).toEqual([false, false]);
    expect(() => source.at.setTime(1)).not.toThrow();
  });
});

describe('values that are cloned', () => {
  it('belong to their reader, who may change them', async () => {
    const { cache } = embeddedCache({ values: 'cloned' });
    for (const key of await storings(cache, row())) {
      const all = await readings<Row>(cache, key);
      expect(new Set(all).size).toBe(all.length);
      for (const value of all) {
        value.id = 2;
        value.tags.push('b');
        value.at.setTime(9);
        value.seen.set('x', 2);
        value.kinds.add('z');
      }
      expect(await cache.get(key)).toEqual(row());
    }
  });

  it('belong to each caller of a shared load too', async () => {
    const { cache } = embeddedCache({ values: 'cloned' });
    const got = await Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', async () => ({ n: 1 }))));
    for (const value of got) {
      expect(value.n).toBe(1);
      value.n = 2;
    }
    expect(await cache.get('a')).toEqual({ n: 1 });
  });
});

describe('values that are shared', () => {
  it('are the very object, whatever it is', async () => {
    class Handle {
      readonly open = () => true;
    }
    const { cache } = embeddedCache({ values: 'shared' });
    for (const source of [row(), new Handle(), () => 1, Buffer.from('abc')]) {
      for (const key of await storings(cache, source)) {
        expect(new Set(await readings(cache, key))).toEqual(new Set([source]));
        for (const value of await readings(cache, key)) expect(value).toBe(source);
        await cache.evict(key);
      }
    }
  });

  it('are still bounded by their size', async () => {
    const { cache } = embeddedCache({ values: 'shared', maxValueBytes: 1_000 });
    await cache.set('a', { text: 'x'.repeat(2_000) });
    expect(await cache.has('a')).toBe(false);
  });
});

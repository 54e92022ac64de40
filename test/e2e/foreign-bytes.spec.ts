import { deflateRawSync } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import { decodeEntry, type EntryHeader, encodeEntry } from '../../src/engine/entry-format.js';
import { FakeClock } from '../../src/testing.js';
import { useWorld } from './world.js';

const KEY = 'product:1';

describe('what this version did not write, under our keys in Redis,', () => {
  const world = useWorld();
  const name = () => world.entry(KEY);

  /** The bytes of a value as this version writes them. */
  async function real(options = {}): Promise<Buffer> {
    const { cache } = await world.app(options);
    await cache.set(KEY, { text: 'stored before', list: [1, 2, 3], at: new Date(0) }, { tags: ['x'], grace: '1h' });
    const bytes = await world.redis.getBuffer(name());
    return bytes as Buffer;
  }

  const replaced = async (change: (bytes: Buffer) => Buffer | string): Promise<void> =>
    void (await world.redis.set(name(), change(await real())));

  const withPayload = (bytes: Buffer, payload: Buffer | string, header: Partial<EntryHeader> = {}): Buffer | string => {
    const entry = decodeEntry(bytes);
    if (entry.kind !== 'value') throw new Error('no value');
    return encodeEntry({ ...entry, ...header }, payload);
  };

  const cases: [what: string, place: () => Promise<unknown>][] = [
    ['a text of somebody else', () => world.redis.set(name(), 'hello, this is not a cache entry')],
    ['a short text of somebody else', () => world.redis.set(name(), 'hello')],
    ['an empty text', () => world.redis.set(name(), '')],
    [
      'JSON of another library',
      () => world.redis.set(name(), JSON.stringify({ value: 1, expires: 2_000_000_000_000 })),
    ],
    ['a number', () => world.redis.set(name(), 42)],
    [
      'random bytes',
      () => world.redis.set(name(), Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 89 + 7) % 256))),
    ],
    ['bytes of 0xff', () => world.redis.set(name(), Buffer.alloc(100, 0xff))],
    ['a newer format', () => replaced((bytes) => Buffer.from(bytes).fill('2', 17, 18))],
    ['a newer state', () => replaced((bytes) => Buffer.from(bytes).fill('y', 18, 19))],
    ['a header of nonsense', () => replaced((bytes) => Buffer.from(bytes).fill('z', 19, 60))],
    ['a header that ends beyond the bytes', () => replaced((bytes) => Buffer.from(bytes).fill('z', 49, 53))],
    ['a damaged list of markers', () => replaced((bytes) => Buffer.from(bytes).fill('=', 53, 70))],
    ['an entry without its end', () => replaced((bytes) => bytes.subarray(0, bytes.length - 5))],
    ['an entry without its payload', () => replaced((bytes) => withPayload(bytes, ''))],
    ['half an entry', () => replaced((bytes) => bytes.subarray(0, bytes.length / 2))],
    ['the beginning of an entry', () => replaced((bytes) => bytes.subarray(0, 17))],
    ['an entry with other bytes behind it', () => replaced((bytes) => Buffer.concat([bytes, Buffer.from('}}')]))],
    ['a payload that is no JSON', () => replaced((bytes) => withPayload(bytes, 'no JSON'))],
    [
      'a payload that says it is compressed',
      () => replaced((bytes) => withPayload(bytes, 'no zip', { compressed: true })),
    ],
    ['an unknown type tag', () => replaced((bytes) => withPayload(bytes, '{"$":["?",1]}', { tagged: true }))],
    ['a damaged type tag', () => replaced((bytes) => withPayload(bytes, '{"a":{"$":["m",5]}}', { tagged: true }))],
    ['a BigInt that is none', () => replaced((bytes) => withPayload(bytes, '{"$":["n","x"]}', { tagged: true }))],
    ['another serializer', () => replaced((bytes) => withPayload(bytes, '1', { profile: 'other/' }))],
    [
      'a payload that grows without end',
      () => replaced((bytes) => withPayload(bytes, deflateRawSync(Buffer.alloc(50_000_000)), { compressed: true })),
    ], // prettier-ignore
  ];

  it.each(cases)('is a miss and an error where it is %s, and the next load repairs it', async (_what, place) => {
    await place();
    const { cache, errors } = await world.app();
    expect(await cache.get(KEY)).toBeUndefined();
    expect(await cache.has(KEY)).toBe(false);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(errors.every(({ operation, key }) => operation === 'read' && key === KEY)).toBe(true);
    const load = jest.fn(() => 'loaded');
    expect(await cache.getOrLoad(KEY, load)).toBe('loaded');
    await cache.idle();
    expect(load).toHaveBeenCalledTimes(1);
    const other = await world.app();
    expect(await other.cache.getOrLoad(KEY, load)).toBe('loaded');
    expect(load).toHaveBeenCalledTimes(1);
    expect(other.errors).toEqual([]);
  });

  const types: [what: string, place: () => Promise<unknown>][] = [
    ['a list', () => world.redis.rpush(name(), 'a', 'b')],
    ['a hash', () => world.redis.hset(name(), 'a', 1)],
    ['a set', () => world.redis.sadd(name(), 'a')],
    ['a sorted set', () => world.redis.zadd(name(), 1, 'a')],
    ['a stream', () => world.redis.xadd(name(), '*', 'a', 'b')],
  ];

  it.each(types)('is a miss where it is %s; the next load repairs it and tells', async (_what, place) => {
    await place();
    const { cache, errors } = await world.app();
    expect(await cache.get(KEY)).toBeUndefined();
    expect(await cache.getOrLoad(KEY, () => 'loaded')).toBe('loaded');
    await cache.idle();
    expect(errors).toMatchObject([{ operation: 'hold' }]);
    expect(await (await world.app()).cache.get(KEY)).toBe('loaded');
  });

  it.each([...cases, ...types])(
    'does not disturb set, write, evict and expire where it is %s',
    async (_what, place) => {
      const { cache } = await world.app();
      const reader = await world.app({ memory: false });
      await place();
      await cache.set(KEY, 'set');
      expect(await reader.cache.get(KEY)).toBe('set');
      await world.redis.del(name());
      await place();
      // A write may store or remove, but nobody reads anything else than its value.
      expect(await cache.write(KEY, async () => 'written')).toBe('written');
      expect(['written', undefined]).toContain(await reader.cache.get(KEY));
      await world.redis.del(name());
      await place();
      await cache.expire(KEY);
      expect(await reader.cache.get(KEY)).toBeUndefined();
      await world.redis.del(name());
      await place();
      await cache.evict(KEY);
      expect(await world.redis.exists(name())).toBe(0);
    },
  );

  it('does not even stand in for a load that fails', async () => {
    const clock = new FakeClock();
    await world.redis.set(name(), 'hello, this is not a cache entry');
    const { cache } = await world.app({ clock, grace: '1h' });
    await expect(cache.getOrLoad(KEY, () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  });

  it.each(cases)('is explained, without an exception, where it is %s', async (_what, place) => {
    await place();
    const { cache } = await world.app();
    const { verdict, redis } = await cache.explain(KEY);
    expect(redis.state).toBe('alien');
    expect(verdict).toBe('A miss: what is in Redis cannot be read by this version.');
  });

  it.each<[string, string, (marker: string) => Promise<unknown>]>([
    ['a list', 't:x', (marker) => world.redis.rpush(marker, 'a')],
    ['a text', '*', (marker) => world.redis.set(marker, 'hello')],
    ['a long text', 'p:product:', (marker) => world.redis.set(marker, 'x'.repeat(100))],
  ])(
    'under the name of a marker (%s as %s) makes its entries stale, until the next load repairs it',
    async (_what, marker, place) => {
      await real();
      await world.redis.del(world.marker(marker));
      await place(world.marker(marker));
      const { cache } = await world.app({ memory: false });
      expect(await cache.get(KEY)).toBeUndefined();
      expect(await cache.getOrLoad(KEY, () => 'loaded', { tags: ['x'] })).toBe('loaded');
      await cache.idle();
      expect(await cache.get(KEY)).toBe('loaded');
      await cache.evict({ tags: ['x'] });
      expect(await cache.get(KEY)).toBeUndefined();
    },
  );
});

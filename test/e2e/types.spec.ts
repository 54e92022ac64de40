import { describe, expect, it, jest } from '@jest/globals';
import { Decimal } from '@prisma/client/runtime/client';
import { msgpackSerializer } from '../../src/msgpack.js';
import { FakeClock } from '../../src/testing.js';
import { type AppOptions, useWorld } from './world.js';

class Money {
  constructor(
    readonly amount: bigint,
    readonly currency: string,
  ) {}
  text(): string {
    return `${this.amount} ${this.currency}`;
  }
}

const VALUES: [what: string, value: unknown][] = [
  ['a Date', new Date('2026-11-21T09:47:09.123Z')],
  ['a BigInt', 2n ** 70n],
  ['a negative BigInt', -1n],
  ['NaN', Number.NaN],
  ['infinities', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ['minus zero', [-0, 0]],
  [
    'numbers of all sizes',
    [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 2 ** 31, 2 ** 32, 1.5, 5e-324, 1e308, 0.1],
  ],
  ['undefined inside an object', { a: undefined, b: null, c: 0 }],
  ['undefined inside an array', [undefined, null, 1]],
  ['an empty object and an empty array', [{}, []]],
  [
    'a Map with keys of any type',
    new Map<unknown, unknown>([
      [1, 'number'],
      ['1', 'text'],
      [{ id: 1 }, new Date(5)],
      [null, undefined],
    ]),
  ], // prettier-ignore
  ['a Set', new Set<unknown>([1, '1', new Date(7), 5n])],
  ['a Map inside a Map inside a Set', new Set([new Map([['a', new Map([[1, new Set([2n])]])]])])],
  ['a Buffer', Buffer.from([0, 1, 127, 128, 255])],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a Uint8Array', new Uint8Array([1, 2, 255])],
  [
    'other typed arrays',
    [new Float64Array([1.5, Number.NaN]), new Int16Array([-1]), new BigUint64Array([2n ** 63n]), new Uint32Array(3)],
  ], // prettier-ignore
  ['objects that look like our tags', { $: ['d', 0], inner: { $: 'x' }, list: [{ $: ['n', '5'] }, { $: [] }] }],
  ['properties with odd names', { constructor: 2, '': 3, toString: 4, 'ä😀': 5, '0': 6, hasOwnProperty: 7 }],
  ['text of all kinds', ['', ' ', '\u0000', 'ä', '日本語', '😀', '"\\\n', '\u2028', 'x'.repeat(10_000)]],
  [
    'a row as a database gives it',
    { id: 1, price: new Decimal('19.90'), at: new Date(0), tags: ['a'], blob: Buffer.from('x'), parent: null },
  ], // prettier-ignore
  ['a Decimal with many digits', new Decimal('-123456789012345678901234567890.123456789')],
  ['an instance of a registered class', { price: new Money(5n, 'EUR') }],
];

const FORMATS: [name: string, options: AppOptions][] = [
  ['JSON', {}],
  ['compressed JSON', { compress: { from: 0 } }],
  ['MessagePack', { serializer: msgpackSerializer() }],
  ['compressed MessagePack', { serializer: msgpackSerializer(), compress: { from: 0 } }],
];

describe.each(FORMATS)('types of values, stored as %s', (_name, options) => {
  const world = useWorld();
  const types = [Money, Decimal];

  it.each(VALUES)('keeps %s on its way through Redis and through memory', async (_what, value) => {
    const writer = await world.app({ ...options, types });
    const reader = await world.app({ ...options, types });
    await writer.cache.set('key', value);
    for (const tier of ['redis', 'memory']) {
      const entry = await reader.cache.getEntry('key');
      expect(entry?.tier).toBe(tier);
      expect(entry?.value).toStrictEqual(value);
    }
    expect(await writer.cache.get('key')).toStrictEqual(value);
    expect([...writer.errors, ...reader.errors]).toEqual([]);
  });

  it('keeps a Date that is none', async () => {
    const { cache } = await world.app(options);
    await cache.set('key', { at: new Date(Number.NaN) });
    const found = await (await world.app(options)).cache.get<{ at: Date }>('key');
    expect(found?.at).toBeInstanceOf(Date);
    expect(found?.at.getTime()).toBeNaN();
  });

  it('keeps a property called __proto__, and gives nobody a prototype', async () => {
    const value = JSON.parse('{"__proto__": {"isAdmin": true}, "name": "x", "inner": {"__proto__": [1]}}');
    const writer = await world.app(options);
    const found = [
      await writer.cache.getOrLoad<typeof value>('key', () => value),
      await (await world.app(options)).cache.get<typeof value>('key'),
      await writer.cache.get<typeof value>('key'),
    ];
    for (const one of found) {
      expect(JSON.stringify(one)).toBe(JSON.stringify(value));
      expect(one.isAdmin).toBeUndefined();
      expect(Object.getPrototypeOf(one.inner)).toBe(Object.prototype);
    }
  });

  it('gives instances their methods', async () => {
    const writer = await world.app({ ...options, types });
    const reader = await world.app({ ...options, types, memory: false });
    await writer.cache.set('key', { money: new Money(5n, 'EUR'), decimal: new Decimal('0.1') });
    const value = await reader.cache.get<{ money: Money; decimal: Decimal }>('key');
    expect(value?.money.text()).toBe('5 EUR');
    expect(value?.decimal.plus('0.2').toString()).toBe('0.3');
  });
});

describe('types of values', () => {
  const world = useWorld();

  it('are the same for the caller of the load, its followers, and later readers', async () => {
    const { cache } = await world.app();
    const row = { at: new Date(5), ids: new Set([1]), raw: Buffer.from('a') };
    const load = async () => row;
    const results = await Promise.all([cache.getOrLoad('key', load), cache.getOrLoad('key', load)]);
    results.push(await cache.getOrLoad('key', load));
    for (const result of results) expect(result).toStrictEqual(row);
  });

  it('are compressed where it is worth it', async () => {
    const { cache } = await world.app({ compress: true });
    const large = { text: 'the same again '.repeat(1_000) };
    await cache.set('large', large);
    await cache.set('small', { text: 'short' });
    expect(await world.redis.strlen(world.entry('large'))).toBeLessThan(1_000);
    expect(await world.redis.get(world.entry('small'))).toContain('short');
    expect(await (await world.app()).cache.get('large')).toEqual(large); // readable without the option as well
  });

  it('that nobody registered are not stored, and the caller gets what was loaded', async () => {
    const { cache } = await world.app();
    const skipped = jest.fn();
    cache.on('skipped', skipped);
    const money = new Money(1n, 'EUR');
    expect(await cache.getOrLoad('key', () => ({ money }))).toEqual({ money });
    expect(await cache.getOrLoad('other', () => () => 1)).toBeInstanceOf(Function);
    await cache.idle();
    expect(skipped).toHaveBeenCalledTimes(2);
    expect(await cache.get('key')).toBeUndefined();
  });

  it('that the reading process does not know are a miss and an error, and are loaded again', async () => {
    const writer = await world.app({ types: [Money] });
    await writer.cache.set('key', new Money(1n, 'EUR'));
    const reader = await world.app();
    expect(await reader.cache.get('key')).toBeUndefined();
    expect(reader.errors).toMatchObject([{ operation: 'read', key: 'key', error: { code: 'CACHE_ENTRY' } }]);
    expect(await reader.cache.getOrLoad('key', () => 'plain')).toBe('plain');
    await reader.cache.idle();
    expect(await (await world.app()).cache.get('key')).toBe('plain');
  });

  it.each<[string, AppOptions, AppOptions]>([
    ['another serializer', {}, { serializer: msgpackSerializer() }],
    ['another schema', { schema: 1 }, { schema: 2 }],
    ['no schema any more', { schema: 'a' }, {}],
  ])('written with %s are a miss, and are loaded again', async (_what, before, after) => {
    const old = await world.app(before);
    await old.cache.set('key', { old: true }, { grace: '1h' });
    const app = await world.app(after);
    expect(await app.cache.get('key')).toBeUndefined();
    expect(await app.cache.getOrLoad('key', () => ({ old: false }))).toEqual({ old: false });
    await app.cache.idle();
    expect(await (await world.app(after)).cache.get('key')).toEqual({ old: false });
    expect(await (await world.app(before)).cache.get('key')).toBeUndefined();
  });

  it('written with another schema do not even stand in for a load that fails', async () => {
    const clock = new FakeClock();
    const old = await world.app({ schema: 1, clock });
    await old.cache.set('key', 'old', { ttl: '1s', grace: '1h' });
    const app = await world.app({ schema: 2, clock });
    const failing = app.cache.getOrLoad('key', () => Promise.reject(new Error('down')), { grace: '1h' });
    await expect(failing).rejects.toThrow('down');
  });
});

import { inspect, isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { freeze, Values } from '../../src/engine/value.js';
import { ValueTypes } from '../../src/engine/value-types.js';
import { storable } from './arbitraries.js';

const values = new Values(new ValueTypes());

function readOnly<T>(value: T): T {
  return freeze(values.copy(value)) as T;
}

describe('a value that was made read-only', () => {
  it('throws when an object or array is changed, at any depth', () => {
    const value = readOnly({ list: [{ name: 'b' }, { name: 'a' }], nested: { n: 1 } as Record<string, number> });
    expect(() => value.list.push({ name: 'b' })).toThrow(TypeError);
    expect(() => Object.assign(value.list[0] as object, { name: 'b' })).toThrow(TypeError);
    expect(() => value.list.sort()).toThrow(TypeError);
    expect(() => Object.assign(value.nested, { n: 2 })).toThrow(TypeError);
    expect(() => {
      delete value.nested.n;
    }).toThrow(TypeError);
    expect(() => Object.defineProperty(value, 'more', { value: 1 })).toThrow(TypeError);
    expect(value).toEqual({ list: [{ name: 'b' }, { name: 'a' }], nested: { n: 1 } });
  });

  it('throws from every method of Date that sets something', () => {
    const date = readOnly(new Date(5));
    const setters = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'));
    expect(setters.length).toBeGreaterThanOrEqual(15);
    for (const name of setters) {
      expect(() => (date as unknown as Record<string, (n: number) => void>)[name]?.(1)).toThrow(/Copy it first/);
    }
    expect(date.getTime()).toBe(5);
  });

  it('throws from every method of Map and Set that changes something', () => {
    const map = readOnly(new Map([['k', { n: 1 }]]));
    const set = readOnly(new Set([{ n: 1 }]));
    const changes = [() => map.set('l', { n: 2 }), () => map.delete('k'), () => map.clear()];
    changes.push(
      () => set.add({ n: 2 }) as never,
      () => set.delete({ n: 1 }),
      () => set.clear(),
    );
    for (const change of changes) expect(change).toThrow(/shared by all callers.*values: 'cloned'/);
    expect([map.size, set.size]).toEqual([1, 1]);
  });

  it('is read-only inside Maps and Sets too', () => {
    const map = readOnly(new Map([[{ id: 1 }, { n: 1 }]]));
    for (const [key, value] of map) {
      expect(() => Object.assign(key, { id: 2 })).toThrow(TypeError);
      expect(() => Object.assign(value, { n: 2 })).toThrow(TypeError);
    }
    for (const item of readOnly(new Set([{ n: 1 }]))) expect(() => Object.assign(item, { n: 2 })).toThrow(TypeError);
  });

  it('is still what it was: for instanceof, printing, JSON, iteration and comparison', () => {
    const plain = { at: new Date(5), map: new Map([['k', [1]]]), set: new Set(['s']) };
    const value = readOnly(plain);
    expect(value.at instanceof Date && value.map instanceof Map && value.set instanceof Set).toBe(true);
    expect([value.at.constructor, value.map.constructor, value.set.constructor]).toEqual([Date, Map, Set]);
    expect(inspect(value)).toBe(inspect(plain));
    expect(`${value.at} ${value.map} ${value.set}`).toBe(`${plain.at} ${plain.map} ${plain.set}`);
    expect(JSON.stringify(value)).toBe(JSON.stringify(plain));
    expect([value.at.toISOString(), +value.at]).toEqual([plain.at.toISOString(), 5]);
    expect([[...value.map], value.map.get('k'), value.map.size]).toEqual([[['k', [1]]], [1], 1]);
    expect([[...value.set], value.set.has('s')]).toEqual([['s'], true]);
    expect(Object.keys(value.map)).toEqual([]);
    expect(value).toEqual(plain);
    expect(value).toStrictEqual(plain);
    expect(plain).toStrictEqual(value);
  });

  it('can be copied by its reader into something changeable', () => {
    const value = readOnly({ at: new Date(5), map: new Map([['k', 1]]), list: [1] });
    const own = { at: new Date(value.at), map: new Map(value.map), list: [...value.list] };
    own.at.setTime(6);
    own.map.set('l', 2);
    own.list.push(2);
    expect(own).toStrictEqual({
      at: new Date(6),
      map: new Map([
        ['k', 1],
        ['l', 2],
      ]),
      list: [1, 2],
    }); // prettier-ignore
    expect(structuredClone(value.map).set('l', 2).size).toBe(2);
  });

  it('can be stored again', () => {
    fc.assert(
      fc.property(storable, (value) => {
        const again = values.snapshot(readOnly(value));
        expect(isDeepStrictEqual(again.value, value)).toBe(true);
        expect(again).toMatchObject({ bytes: values.snapshot(value).bytes, typed: values.snapshot(value).typed });
      }),
    );
  });

  it('says the same, of whatever types it is made', () => {
    fc.assert(
      fc.property(storable, (value) => {
        expect(readOnly(value)).toStrictEqual(values.copy(value));
      }),
      { numRuns: 60 },
    );
  });

  it('stays as it is when it is made read-only twice', () => {
    const value = readOnly({ at: new Date(5), map: new Map([['k', new Set([1])]]) });
    expect(freeze(value)).toBe(value);
    expect(() => value.map.get('k')?.add(2)).toThrow(TypeError);
  });
});

describe('a copy for one reader', () => {
  it('may be changed, and changes nothing else', () => {
    const source = { at: new Date(5), map: new Map([['k', [1]]]), bytes: Buffer.from('a') };
    const copy = values.copy(source) as typeof source;
    copy.at.setTime(6);
    copy.map.get('k')?.push(2);
    copy.map.set('l', []);
    copy.bytes.fill('b');
    expect(source).toStrictEqual({ at: new Date(5), map: new Map([['k', [1]]]), bytes: Buffer.from('a') });
  });

  it('may be changed also when its source is read-only', () => {
    const copy = values.copy(readOnly({ at: new Date(5), set: new Set([1]) })) as { at: Date; set: Set<number> };
    copy.at.setTime(6);
    copy.set.add(2);
    expect(copy).toStrictEqual({ at: new Date(6), set: new Set([1, 2]) });
  });
});

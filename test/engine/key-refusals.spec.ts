import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { CacheError, CacheKeyError } from '../../src/cache.errors.js';
import { encodeKey } from '../../src/engine/key.js';

class Plain {
  constructor(readonly id: number) {}
}

class Hidden {
  readonly kind = 'user';
  readonly #id: number;
  constructor(id: number) {
    this.#id = id;
  }
  id(): number {
    return this.#id;
  }
}

class HiddenBelow extends Hidden {
  readonly more = true;
}

class Stateless {}

class ZonedDate extends Date {
  constructor(
    time: number,
    readonly zone: string,
  ) {
    super(time);
  }
}

class Page extends Map<string, number> {
  total = 1;
}

const circle: Record<string, unknown> = { a: 1 };
circle.self = circle;
const ring: unknown[] = [];
ring.push([ring]);

describe('a key argument without a stable text form', () => {
  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a class', Plain],
    ['a symbol', Symbol('id')],
    ['a registered symbol', Symbol.for('id')],
    ['a request', new IncomingMessage(new Socket())],
    ['an instance with #private state', new Hidden(1)],
    ['an instance whose base class has #private state', new HiddenBelow(1)],
    ['an instance without properties', new Stateless()],
    ['an object with a symbol as name', { where: { [Symbol('gt')]: 5 } }],
    ['a Date with a state of its own', new ZonedDate(0, 'Europe/Vienna')],
    ['a Map with a state of its own', new Page([['a', 1]])],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('a')],
    ['a WeakMap', new WeakMap()],
    ['an AbortSignal', new AbortController().signal],
    ['URLSearchParams', new URLSearchParams('a=1')],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a boxed string', Object('text')],
    ['an object with a strange prototype', Object.create(Object.create(null))],
    ['an object that contains itself', circle],
    ['an array that contains itself', ring],
  ])('is refused with a remedy: %s', (_case, value) => {
    for (const key of [
      ['a', value],
      ['a', [value]],
      ['a', { in: value }],
      ['a', new Set([value])],
    ]) {
      expect(() => encodeKey(key)).toThrow(CacheKeyError);
      expect(() => encodeKey(key)).toThrow(/Give the decorator a `key` function that picks what identifies the value/);
    }
  });

  it('is named, so that its author finds it', () => {
    expect(() => encodeKey([() => 1])).toThrow('A key cannot contain a function');
    expect(() => encodeKey([new HiddenBelow(1)])).toThrow('an instance of HiddenBelow');
    expect(() => encodeKey([new ZonedDate(0, 'UTC')])).toThrow('an instance of ZonedDate');
  });

  it('gives an error that programs can tell by its code', () => {
    let error: unknown;
    try {
      encodeKey([Symbol('a')]);
    } catch (caught) {
      error = caught;
    }
    expect(CacheError.is(error) && error.code).toBe('CACHE_KEY');
  });

  it('is refused soon, however the cycle branches', () => {
    const bush: Record<string, unknown> = {};
    for (const name of 'abcdefgh') bush[name] = bush;
    expect(() => encodeKey([bush])).toThrow(CacheKeyError);
  });
});

describe('a key argument that is an object', () => {
  it('may be an instance of a data class: its properties say all', () => {
    expect(encodeKey([new Plain(1)])).not.toBe(encodeKey([new Plain(2)]));
    expect(encodeKey([new Plain(1)])).toBe(encodeKey([new Plain(1)]));
  });

  it('says itself what it is if it has a toJSON', () => {
    expect(encodeKey([new URL('https://a.example/b?c')])).toBe('~jhttps%3a//a.example/b?c');
    const endless = { toJSON: (): unknown => endless };
    expect(() => encodeKey([endless])).toThrow(CacheKeyError);
  });

  it('is not changed by being encoded', () => {
    const list = [3, 1, 2];
    const filter = Object.freeze({ b: list, a: new Set(['z', 'a']) });
    encodeKey([filter]);
    expect(list).toEqual([3, 1, 2]);
    expect([...filter.a]).toEqual(['z', 'a']);
  });
});

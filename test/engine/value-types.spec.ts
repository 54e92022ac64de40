import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Decimal } from '@prisma/client/runtime/client';
import fc from 'fast-check';
import { CacheEntryError, CacheOptionsError } from '../../src/cache.errors.js';
import { Values } from '../../src/engine/value.js';
import { fromTagged, toTagged } from '../../src/engine/value-codec.js';
import { type ValueTypeOption, ValueTypes } from '../../src/engine/value-types.js';

class Money {
  constructor(
    public amount: number,
    public currency: string,
  ) {
    if (currency.length !== 3) throw new RangeError(currency);
  }
  text(): string {
    return `${this.amount} ${this.currency}`;
  }
}

class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  reveal(): string {
    return this.#text;
  }
}

class ZonedDate extends Date {
  constructor(
    time: number,
    readonly zone: string,
  ) {
    super(time);
  }
}

const secret = {
  name: 'secret',
  class: Secret,
  encode: (value: Secret) => ({ text: value.reveal(), at: new Date(0) }),
  decode: (data: unknown) => new Secret((data as { text: string }).text),
};
const zoned = {
  name: 'zoned',
  class: ZonedDate,
  encode: (value: ZonedDate) => [value.getTime(), value.zone],
  decode: (data: unknown) => new ZonedDate(...(data as [number, string])),
};

/** As another process would read it. */
function throughText(value: unknown, options: ValueTypeOption[], read = options): unknown {
  const copy = new Values(new ValueTypes(options)).snapshot(value).value;
  return fromTagged(JSON.parse(JSON.stringify(toTagged(copy, new ValueTypes(options)))), new ValueTypes(read));
}

describe('an instance of a registered class', () => {
  it('is the same class again, with what it holds', () => {
    const value = { price: new Money(5, 'EUR'), list: [new Money(1, 'USD')] };
    const again = throughText(value, [Money]) as typeof value;
    expect(again).toStrictEqual(value);
    expect(again.price.text()).toBe('5 EUR');
  });

  it('may say itself how it is stored', () => {
    const again = throughText(new Map([['k', new Secret('a')]]), [secret]) as Map<string, Secret>;
    expect(again.get('k')).toBeInstanceOf(Secret);
    expect(again.get('k')?.reveal()).toBe('a');
  });

  it('may hold whatever else can be stored', () => {
    const holder = new Money(Number.NaN, 'EUR');
    expect(throughText(holder, [Money])).toStrictEqual(holder);
    expect(throughText(Object.assign(new Money(1, 'EUR'), { at: new Date(3) }), [Money])).toMatchObject({
      at: new Date(3),
    });
  });

  it('may extend a built-in class, and keeps what it has besides', () => {
    const again = throughText({ at: new ZonedDate(5, 'Europe/Vienna') }, [zoned]) as { at: ZonedDate };
    expect(again.at).toBeInstanceOf(ZonedDate);
    expect([again.at.getTime(), again.at.zone]).toEqual([5, 'Europe/Vienna']);
  });

  it('is copied, so that its maker cannot change what is stored', () => {
    const money = new Money(5, 'EUR');
    const snapshot = new Values(new ValueTypes([Money])).snapshot({ money });
    money.amount = 6;
    expect(snapshot.value).toStrictEqual({ money: new Money(5, 'EUR') });
  });

  it('needs copies for its readers, unless its class says that instances never change', () => {
    const types = [Money, { ...secret, immutable: true }];
    const values = new Values(new ValueTypes(types));
    const hidden = new Secret('a');
    expect(values.snapshot([new Money(5, 'EUR')]).binary).toBe(true);
    expect(values.snapshot([hidden])).toMatchObject({ binary: false, value: [hidden] });
  });

  it('cannot be read by a process that does not know the class: a miss with a remedy', () => {
    expect(() => throughText([new Money(1, 'EUR')], [Money], [])).toThrow(CacheEntryError);
    expect(() => throughText([new Money(1, 'EUR')], [Money], [])).toThrow(/types: \[Money\]/);
  });
});

describe('a Decimal of Prisma', () => {
  it('needs no registration', () => {
    const types = new ValueTypes();
    const value = { price: new Decimal('19.90'), none: null };
    const copy = new Values(types).snapshot(value).value;
    const again = fromTagged(JSON.parse(JSON.stringify(toTagged(copy, types))), types) as typeof value;
    expect(again.price).toBeInstanceOf(Decimal);
    expect(again.price.equals('19.9')).toBe(true);
  });

  it('keeps every digit and sign', () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom('', '-'), digits, fc.integer({ min: -40, max: 40 }), (sign, list, exponent) => {
        const value = new Decimal(`${sign}0.${list.join('')}e${exponent}`);
        expect(isDeepStrictEqual(throughText(value, [Decimal]), value)).toBe(true);
      }),
    );
    for (const text of ['-0', 'NaN', '-Infinity']) {
      expect((throughText(new Decimal(text), [Decimal]) as Decimal).valueOf()).toBe(text);
    }
  });

  it('is shared, not copied: it never changes', () => {
    const price = new Decimal('1.5');
    const snapshot = new Values(new ValueTypes()).snapshot({ price });
    expect((snapshot.value as { price: Decimal }).price).toBe(price);
    expect(snapshot.binary).toBe(false);
  });

  it('is a miss in a process that has not seen one and did not register it', () => {
    expect(() => throughText(new Decimal(1), [Decimal], [])).toThrow(CacheEntryError);
  });
});

describe('the registered classes of a cache', () => {
  const other = { Money: class Money {} }.Money;

  it.each<[string, unknown[], RegExp]>([
    ['two of one name', [Money, other], /types: "Money".*There are two of this name/],
    ['one without a name', [class {}], /It has no name/],
    ['one that is missing, as in a circle of imports', [undefined], /Pass classes, or \{ name, class/],
    ['one that cannot be read again', [{ name: 'a', class: Money, encode: () => 1 }], /Pass classes, or/],
  ])('are refused at once: %s', (_case, types, message) => {
    expect(() => new ValueTypes(types as ValueTypeOption[])).toThrow(CacheOptionsError);
    expect(() => new ValueTypes(types as ValueTypeOption[])).toThrow(message);
  });

  it('may name one class twice', () => {
    expect(() => new ValueTypes([Money, Money])).not.toThrow();
  });
});

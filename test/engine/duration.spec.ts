import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FOREVER, parseDuration } from '../../src/engine/duration.js';

describe('a duration', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [250, 250],
    [0.5, 1],
    [0.1, 1],
    [1_000.4, 1_000],
    ['1.001s', 1_001],
    ['0ms', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['007s', 7_000],
  ])('%p is %d ms', (value, milliseconds) => {
    expect(parseDuration(value)).toBe(milliseconds);
  });

  it('that is infinite, or longer than entries can say, lasts for ever', () => {
    expect(parseDuration(Number.POSITIVE_INFINITY)).toBe(FOREVER);
    expect(parseDuration(2 ** 60)).toBe(FOREVER);
    expect(parseDuration(`${'9'.repeat(30)}d`)).toBe(FOREVER);
    expect(FOREVER).toBeLessThan(2 ** 48);
  });

  it.each<[unknown]>([
    [-1],
    [Number.NaN],
    [Number.NEGATIVE_INFINITY],
    [''],
    ['5'],
    ['m'],
    ['-5m'],
    ['5 m'],
    [' 5m'],
    ['5m\n'],
    ['5M'],
    ['5min'],
    ['5m30s'],
    ['1e3ms'],
    ['.5s'],
    ['5constructor'],
    [null],
    [undefined],
    [true],
    [5n],
    [['5m']],
    [new Date(5)],
  ])('is not guessed from %p', (value) => {
    expect(parseDuration(value)).toBeUndefined();
  });

  it('is the same in whatever unit it is written', () => {
    fc.assert(
      fc.property(fc.nat(1_000), (n) => {
        expect(parseDuration(`${n}s`)).toBe(parseDuration(n * 1_000));
        expect(parseDuration(`${n}m`)).toBe(parseDuration(`${n * 60}s`));
        expect(parseDuration(`${n}h`)).toBe(parseDuration(`${n * 60}m`));
        expect(parseDuration(`${n}d`)).toBe(parseDuration(`${n * 24}h`));
      }),
    );
  });

  it('is a number of milliseconds or nothing, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.msdh -e') }), (text) => {
        const parsed = parseDuration(text);
        if (parsed !== undefined) expect(parsed).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { CacheableMany, CacheKeyError, CacheModule, CacheOptionsError } from '../../src/index.js';
import { startWith } from '../module/app.js';

@Injectable()
class Films {
  runs = 0;
  result: unknown;

  @CacheableMany()
  async map(_ids: unknown[]): Promise<Map<number, string>> {
    this.runs++;
    return this.result as Map<number, string>;
  }

  @CacheableMany({ itemOf: (row) => row.id })
  async rows(_ids: unknown[]): Promise<{ id: unknown }[]> {
    this.runs++;
    return this.result as { id: unknown }[];
  }
}

async function start(result: unknown): Promise<Films> {
  const films = await startWith(CacheModule.forRoot(), Films);
  films.result = result;
  return films;
}

async function errorOf(call: Promise<unknown>): Promise<CacheOptionsError> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CacheOptionsError);
  return error as CacheOptionsError;
}

describe('@CacheableMany tells what is wrong', () => {
  it('with an array where nothing says to which item a row belongs', async () => {
    const error = await errorOf((await start([{ id: 1 }])).map([1]));
    expect(error.message).toMatch(/^@CacheableMany of Films\.map does not work:\n {2}- result: "Array"/);
    expect(error.message).toContain('add itemOf: (row) => row.id, or return a Map by item');
  });

  it.each([[undefined], [null], ['text'], [{ 1: 'one' }]])('with the result %j', async (result) => {
    const films = await start(result);
    expect((await errorOf(films.map([1]))).message).toContain('Return a Map by item, or an array with itemOf set.');
    expect((await errorOf(films.rows([1]))).message).toContain('Return an array of rows (itemOf is set).');
  });

  it('with a Map where itemOf waits for rows', async () => {
    const error = await errorOf((await start(new Map())).rows([1]));
    expect(error.message).toContain('Return an array of rows (itemOf is set).');
  });

  it('with rows whose items are another kind of value than those asked for', async () => {
    const error = await errorOf((await start([{ id: '1' }])).rows([1]));
    expect(error.problems[0]?.value).toBe('rows of string items for number items');
    expect(error.message).toContain('must be the same kind of value');
  });

  it('but takes rows nobody asked for beside some that were', async () => {
    const films = await start([{ id: 7 }, { id: 1 }]);
    expect(await films.rows([1, 2])).toEqual([{ id: 1 }]);
  });

  it.each([[undefined], [5], ['abc'], [new Set([1])]])(
    'with the first argument %p, and does not run the method',
    async (argument) => {
      const films = await start(new Map());
      const error = await errorOf(films.map(argument as unknown as unknown[]));
      expect(error.problems[0]).toMatchObject({
        option: 'first argument',
        remedy: expect.stringContaining('an array'),
      });
      expect(films.runs).toBe(0);
    },
  );

  it('with an item that has no text form, and does not run the method', async () => {
    const films = await start(new Map());
    await expect(films.map([1, () => 1])).rejects.toThrow(CacheKeyError);
    await expect(films.map([1, () => 1])).rejects.toThrow(
      '@CacheableMany of Films.map: A key cannot contain a function',
    );
    expect(films.runs).toBe(0);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cacheable, CacheKeyError, CacheModule, CacheService } from '../../src/index.js';
import { bootError, startApp, startWith } from '../module/app.js';

const HIDDEN = Symbol('hidden');
const SAME = Symbol('hidden');

@Injectable()
class Films {
  runs = 0;

  @Cacheable()
  async find(...args: unknown[]): Promise<string> {
    this.runs++;
    return `run ${this.runs} of ${args.length} arguments`;
  }

  @Cacheable()
  async all(): Promise<number> {
    return ++this.runs;
  }

  @Cacheable()
  async [HIDDEN](id: number): Promise<number> {
    this.runs++;
    return id;
  }
}

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

const start = () => startWith(CacheModule.forRoot(), Films);

class Criteria {
  constructor(
    readonly genre: string,
    readonly year?: number,
  ) {}
}

describe('the default key', () => {
  it.each<[string, unknown[], unknown[]]>([
    ['a number and its text', [1], ['1']],
    ['null and undefined', [null], [undefined]],
    ['nothing and undefined', [], [undefined]],
    ['true and its text', [true], ['true']],
    ['a BigInt and a number', [1n], [1]],
    ['a Date and its text', [new Date(0)], [new Date(0).toISOString()]],
    ['one list and two texts', [['a', 'b']], ['a', 'b']],
    ['a separator in a text and two texts', ['a:b'], ['a', 'b']],
    ['arguments in another order', ['a', 'b'], ['b', 'a']],
    ['different data classes fields', [new Criteria('drama', 1999)], [new Criteria('drama')]],
    ['long texts that differ at the end', ['x'.repeat(3000)], [`${'x'.repeat(2999)}y`]],
    ['a Map and a Set', [new Map([['a', 1]])], [new Set(['a'])]],
    ['different bytes', [Buffer.from('a')], [Buffer.from('b')]],
    ['a text with the form of another value', [{ a: 1 }], ['~{a=~1}']],
  ])('tells %s apart', async (_, one, other) => {
    const films = await start();
    const first = await films.find(...one);
    expect(await films.find(...other)).not.toBe(first);
    expect(await films.find(...one)).toBe(first);
    expect(films.runs).toBe(2);
  });

  it.each<[string, unknown[], unknown[]]>([
    ['the order of properties', [{ a: 1, b: { c: 2, d: 3 } }], [{ b: { d: 3, c: 2 }, a: 1 }]],
    ['the order of a Set', [new Set([1, 2])], [new Set([2, 1])]],
    ['the identity of a Date', [new Date(5)], [new Date(5)]],
    ['the sign of zero', [0], [-0]],
    ['the identity of a data class', [new Criteria('drama', 1999)], [new Criteria('drama', 1999)]],
    ['the identity of NaN', [Number.NaN], [Number.NaN]],
  ])('does not depend on %s', async (_, one, other) => {
    const films = await start();
    expect(await films.find(...other)).toBe(await films.find(...one));
    expect(films.runs).toBe(1);
  });

  it('begins with class and method, so that methods do not share values', async () => {
    const app = await startApp({ imports: [CacheModule.forRoot()], providers: [Films] });
    const films = app.get(Films);
    await films.find(1);
    expect(await films.all()).toBe(2);
    const cache = app.get(CacheService);
    expect(await cache.has('Films.find:~1')).toBe(true);
    expect(await cache.has('Films.all')).toBe(true);
  });

  it('works for methods with a symbol as name', async () => {
    const films = await start();
    expect([await films[HIDDEN](1), await films[HIDDEN](1)]).toEqual([1, 1]);
    expect(films.runs).toBe(1);
  });

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['an object that contains itself', cyclic],
    ['a promise', Promise.resolve()],
    ['an object with a function inside', { page: 1, map: () => 1 }],
  ])(
    'refuses %s as argument with an error that names method and remedy, and does not run the method',
    async (_, argument) => {
      const films = await start();
      const error: unknown = await films.find(argument).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CacheKeyError);
      expect((error as Error).message).toMatch(/^@Cacheable of Films\.find: A key cannot contain .*`key` function/);
      expect(films.runs).toBe(0);
    },
  );
});

describe('default keys that would be the same', () => {
  function filmsOf(country: string) {
    @Injectable()
    class LocalFilms {
      @Cacheable()
      async find(id: number): Promise<string> {
        return `${country} ${id}`;
      }
    }
    return LocalFilms;
  }

  it('are refused when the app starts: two classes with one name', async () => {
    const error = await bootError({
      imports: [CacheModule.forRoot()],
      providers: [filmsOf('fr'), { provide: 'other', useClass: filmsOf('de') }],
    });
    expect(error.problems).toEqual([
      {
        option: 'key in @Cacheable of LocalFilms.find',
        value: 'LocalFilms.find',
        remedy: expect.stringMatching(/two classes LocalFilms.*@CacheConfig\(\{ keyPrefix \}\)/),
      },
    ]);
  });

  it('are refused when the app starts: two classes without a name', async () => {
    const types = [filmsOf('fr'), filmsOf('de')].map((type) => Object.defineProperty(type, 'name', { value: '' }));
    const providers = types.map((useClass, i) => ({ provide: `films ${i}`, useClass }));
    const error = await bootError({ imports: [CacheModule.forRoot()], providers });
    expect(error.message).toContain('two classes without a name');
  });

  it('are refused when the app starts: two symbols with one description', async () => {
    @Injectable()
    class Twins {
      @Cacheable()
      async [HIDDEN](): Promise<number> {
        return 1;
      }

      @Cacheable()
      async [SAME](): Promise<number> {
        return 2;
      }
    }
    const error = await bootError({ imports: [CacheModule.forRoot()], providers: [Twins] });
    expect(error.message).toContain('Give one of them a key.');
  });

  it('are no problem for two instances of one class, nor for methods with other names', async () => {
    const Local = filmsOf('fr');
    @Injectable()
    class Renamed {
      @Cacheable()
      async findOther(id: number): Promise<number> {
        return id;
      }
    }
    Object.defineProperty(Renamed, 'name', { value: 'LocalFilms' });
    await startApp({
      imports: [CacheModule.forRoot()],
      providers: [Local, { provide: 'again', useClass: Local }, Renamed],
    });
  });
});

import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module, Scope } from '@nestjs/common';
import {
  Cacheable,
  CacheableMany,
  CacheConfig,
  CacheEvict,
  CacheModule,
  CachePut,
  type Duration,
} from '../../src/index.js';
import { bootError, startApp } from '../module/app.js';

@Injectable()
@CacheConfig({ policy: 'film' })
class Films {
  @Cacheable({ policy: 'nope' })
  async find(id: number): Promise<number> {
    return id;
  }

  @Cacheable()
  async byClass(id: number): Promise<number> {
    return id;
  }

  @CachePut({ key: 'k', cache: 'gone' })
  async save(): Promise<number> {
    return 1;
  }

  @CacheEvict({ key: 'k' })
  async remove(): Promise<void> {}
}

@Controller()
class FilmController {
  @Get()
  @CacheableMany({ cache: 'missing' })
  async list(ids: number[]): Promise<Map<number, number>> {
    return new Map(ids.map((id) => [id, id]));
  }
}

@Injectable({ scope: Scope.REQUEST })
class OfRequest {
  @CacheEvict({ all: true, cache: 'requests' })
  async forget(): Promise<void> {}
}

class Given {
  @Cacheable({ ttl: 0, hardTimeout: 'soon' as Duration, tags: 'sale' as unknown as string[] })
  async find(id: number): Promise<number> {
    return id;
  }
}

@Injectable()
@CacheConfig({ grace: -1 })
class Defaults {
  @CachePut({ key: 'k' })
  async save(): Promise<number> {
    return 1;
  }
}

describe('what decorators say is checked when the app starts', () => {
  it('and everything wrong in all classes is reported together, with class and method', async () => {
    @Module({ providers: [Films], controllers: [FilmController] })
    class FilmModule {}
    const error = await bootError({
      imports: [CacheModule.forRoot(), FilmModule],
      providers: [OfRequest, { provide: 'given', useFactory: () => new Given() }, Defaults],
    });
    expect(error.message).toMatch(/^Cache decorators are used wrongly:/);
    expect(error.problems.map(({ option, value }) => [option, value]).sort()).toEqual([
      ['cache in @CacheEvict of OfRequest.forget', 'requests'],
      ['cache in @CachePut of Films.save', 'gone'],
      ['cache in @CacheableMany of FilmController.list', 'missing'],
      ['grace in @CachePut of Defaults.save', -1],
      ['hardTimeout in @Cacheable of Given.find', 'soon'],
      ['policy in @Cacheable of Films.byClass', 'film'],
      ['policy in @Cacheable of Films.find', 'nope'],
      ['tags in @Cacheable of Given.find', 'sale'],
      ['ttl in @Cacheable of Given.find', 0],
    ]);
  });

  it('and each is told with a remedy', async () => {
    const { problems } = await bootError({ imports: [CacheModule.forRoot()], providers: [Films, Given] });
    const remedies = new Map(problems.map(({ option, remedy }) => [option, remedy]));
    expect(remedies.get('cache in @CachePut of Films.save')).toBe(
      'Known caches: default. Add one with CacheModule.register({ name }).',
    );
    expect(remedies.get('policy in @Cacheable of Films.find')).toBe(
      'There is no such policy: add it to policies in CacheModule.forRoot().',
    );
    expect(remedies.get('ttl in @Cacheable of Given.find')).toMatch(/Use milliseconds or a text/);
  });

  it('and a class that is provided several times is reported once', async () => {
    const { problems } = await bootError({
      imports: [CacheModule.forRoot()],
      providers: [Given, { provide: 'again', useClass: Given }],
    });
    expect(problems).toHaveLength(3);
  });

  it('and an inherited method by the class that inherits it', async () => {
    @Injectable()
    class Special extends Given {}
    const { problems } = await bootError({ imports: [CacheModule.forRoot()], providers: [Special] });
    expect(problems.map(({ option }) => option)).toContain('ttl in @Cacheable of Special.find');
  });

  it('and the app starts when all that is named exists', async () => {
    const names = ['gone', 'missing', 'requests'];
    const policies = { film: {}, nope: {} };
    const caches = names.map((name) => CacheModule.register({ name }));
    const imports = [CacheModule.forRoot({ policies }), ...caches];
    await startApp({ imports, providers: [Films, OfRequest], controllers: [FilmController] });
  });
});

describe('a decorator in the wrong place', () => {
  const misplaced =
    /^@Cacheable stands in the wrong place:\n.*Put the decorator on a method of a provider or controller/;

  it('is refused when the class is defined: a static method', () => {
    const define = () => {
      class Films {
        @Cacheable()
        static async find(id: number): Promise<number> {
          return id;
        }
      }
      return Films;
    };
    expect(define).toThrow(misplaced);
    expect(define).toThrow('static Films.find');
  });

  it.each<[string, () => unknown]>([
    ['a getter', () => ({ get: () => 1 })],
    ['a property', () => undefined],
    ['a value that is no method', () => ({ value: 5 })],
    ['a generator', () => Object.getOwnPropertyDescriptor({ *find() {} }, 'find')],
    ['a generator of promises', () => Object.getOwnPropertyDescriptor({ async *find() {} }, 'find')],
  ])('is refused when the class is defined: %s', (_, descriptor) => {
    class Films {}
    const decorate = () => Cacheable()(Films.prototype, 'find', descriptor() as PropertyDescriptor);
    expect(decorate).toThrow(misplaced);
    expect(decorate).toThrow('Films.find');
  });

  it.each<[string, object, string]>([
    ['without a key', {}, 'Say which key the method writes'],
    ['with another way of writing', { key: 'k', write: 'back' }, "Use 'through', 'around' or 'behind'."],
    ['behind without an entity', { key: 'k', write: 'behind' }, 'Give both'],
    ['with an entity and no write behind', { key: 'k', entity: 'Film' }, 'Give both'],
    ['with another phase', { key: 'k', phase: 'before' }, "Use 'after' or 'afterCommit'."],
    ['behind after a commit', { key: 'k', write: 'behind', entity: 'Film', phase: 'afterCommit' }, "use phase 'after'"],
  ])('and a @CachePut %s too', (_, options, remedy) => {
    const define = () => {
      class Films {
        @CachePut(options as { key: string })
        async save(): Promise<number> {
          return 1;
        }
      }
      return Films;
    };
    expect(define).toThrow('@CachePut of Films.save is wrong');
    expect(define).toThrow(remedy);
  });
});

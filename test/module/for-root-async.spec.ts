import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import {
  Cacheable,
  CacheModule,
  type CacheModuleAsyncOptions,
  type CacheModuleOptions,
  type CacheOptionsFactory,
  CacheService,
} from '../../src/index.js';
import { bootError, startApp } from './app.js';

@Injectable()
class Config {
  readonly maxEntries: number = 7;
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class CacheConfigService implements CacheOptionsFactory {
  constructor(private readonly config: Config) {}

  async createCacheOptions(): Promise<CacheModuleOptions> {
    return { memory: { maxEntries: this.config.maxEntries } };
  }
}

@Module({ imports: [ConfigModule], providers: [CacheConfigService], exports: [CacheConfigService] })
class CacheConfigModule {}

@Injectable()
class Films {
  runs = 0;

  @Cacheable()
  async find(id: number): Promise<string> {
    this.runs++;
    return `film ${id}`;
  }
}

/** The bound on entries that reached the cache of an app, after its decorators were seen to work. */
async function maxEntries(options: CacheModuleAsyncOptions): Promise<number> {
  const app = await startApp({ imports: [CacheModule.forRootAsync(options)], providers: [Films] });
  const films = app.get(Films);
  await films.find(1);
  await films.find(1);
  expect(films.runs).toBe(1);
  return app.get(CacheService).stats().memory.maxEntries;
}

describe('CacheModule.forRootAsync', () => {
  it('takes options from useFactory with what it injects from its imports', async () => {
    const useFactory = (config: Config) => ({ memory: { maxEntries: config.maxEntries } });
    expect(await maxEntries({ imports: [ConfigModule], inject: [Config], useFactory })).toBe(7);
  });

  it('waits for a useFactory that returns a promise', async () => {
    expect(await maxEntries({ useFactory: async () => ({ memory: { maxEntries: 9 } }) })).toBe(9);
  });

  it('makes the class of useClass with its dependencies', async () => {
    expect(await maxEntries({ imports: [ConfigModule], useClass: CacheConfigService })).toBe(7);
  });

  it('asks the instance that useExisting names', async () => {
    expect(await maxEntries({ imports: [CacheConfigModule], useExisting: CacheConfigService })).toBe(7);
  });

  it('reports wrong options of a factory like those of forRoot', async () => {
    const error = await bootError({
      imports: [CacheModule.forRootAsync({ useFactory: async () => ({ ttl: 0, memory: { maxEntries: -1 } }) })],
    });
    expect(error.problems.map(({ option }) => option)).toEqual(['ttl', 'memory.maxEntries']);
  });

  it('lets the error of a factory through as it is', async () => {
    const failure = new Error('no such secret');
    const useFactory = () => Promise.reject(failure);
    await expect(startApp({ imports: [CacheModule.forRootAsync({ useFactory })] })).rejects.toBe(failure);
  });

  it('says that a factory returned nothing', async () => {
    const useFactory = (() => undefined) as unknown as () => CacheModuleOptions;
    const error = await bootError({ imports: [CacheModule.forRootAsync({ useFactory })] });
    expect(error.message).toContain('Return the options from useFactory');
  });

  it.each<[string, CacheModuleAsyncOptions]>([
    ['none', { imports: [ConfigModule] }],
    ['two', { useFactory: () => ({}), useClass: CacheConfigService }],
  ])('refuses %s of its three ways when the app starts, not when the module is imported', async (_, options) => {
    const imported = CacheModule.forRootAsync(options);
    const error = await bootError({ imports: [imported, ConfigModule] });
    expect(error.message).toContain('exactly one of useFactory, useClass, useExisting');
  });

  it('can be kept from being global', async () => {
    @Module({ imports: [CacheModule.forRootAsync({ isGlobal: false, useFactory: () => ({}) })] })
    class OtherModule {}
    @Injectable()
    class Reader {
      constructor(readonly cache: CacheService) {}
    }
    await expect(startApp({ imports: [OtherModule], providers: [Reader] })).rejects.toThrow(/Reader.*CacheService/);
  });
});

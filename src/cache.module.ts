import { type DynamicModule, Inject, Module, Optional, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER, DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { CacheOptionsError } from './cache.errors.js';
import { CacheExplorer } from './cache.explorer.js';
import { buildCache, type SharedParts, sharedParts } from './cache.factory.js';
import { CacheLifecycle, CacheSet } from './cache.lifecycle.js';
import type { CacheModuleOptions, NamedCacheOptions } from './cache.options.js';
import { CacheRegistry } from './cache.registry.js';
import { resolveNamed, resolveRoot } from './cache.resolve.js';
import { CacheService } from './cache.service.js';
import { CACHE_OPTIONS, getCacheToken } from './cache.tokens.js';
import { Invalidation } from './invalidation/invalidation.js';
import { Jobs } from './jobs/jobs.js';
import { OverloadFilter } from './overload.filter.js';
import { FallbackInterceptor } from './sources/fallback.interceptor.js';
import type { OpenedWriteBehind } from './write-behind/write-behind.port.js';
import { entityProviders, WRITE_BEHIND } from './write-behind/write-behind.providers.js';

/** For `forRootAsync({ useClass })` and `{ useExisting }`. */
export interface CacheOptionsFactory {
  createCacheOptions(): CacheModuleOptions | Promise<CacheModuleOptions>;
}

/** How `forRootAsync` gets the options: exactly one of `useFactory`, `useClass`, `useExisting`. */
export interface CacheModuleAsyncOptions {
  imports?: DynamicModule['imports'];
  inject?: Extract<Provider, { useFactory: unknown }>['inject'];
  useFactory?: (...dependencies: never[]) => CacheModuleOptions | Promise<CacheModuleOptions>;
  useClass?: Type<CacheOptionsFactory>;
  useExisting?: Type<CacheOptionsFactory>;
  /** Whether the cache can be used in every module. Default `true`. */
  isGlobal?: boolean;
}

const SHARED = Symbol('nestjs-strata.shared');

/** Nest's module. Import `CacheModule.forRoot()` once, in the root module. */
@Module({})
export class CacheModule {
  constructor(@Optional() @Inject(CacheRegistry) registry?: CacheRegistry) {
    if (registry) return;
    const remedy =
      'Write imports: [CacheModule.forRoot()] in the root module. With isGlobal: false: import the module that has it in its exports.';
    throw new CacheOptionsError([{ option: 'imports', value: 'CacheModule', remedy }], 'CacheModule has no options');
  }

  /** The cache of the app: memory, and Redis if `redis` is given. Wrong options are reported together when the app starts. */
  static forRoot(options: CacheModuleOptions & { isGlobal?: boolean } = {}): DynamicModule {
    const entities = options.writeBehind?.entities;
    return rootModule({ provide: CACHE_OPTIONS, useValue: options }, [], options.isGlobal, entities);
  }

  /** `forRoot` with options that have to be asked for, for example from a `ConfigService`. */
  static forRootAsync(options: CacheModuleAsyncOptions): DynamicModule {
    return rootModule(...asyncOptions(options), options.isGlobal);
  }

  /** A further cache with its own options and its own namespace. Inject it with `@InjectCache(name)`. */
  static register(options: NamedCacheOptions & { isGlobal?: boolean }): DynamicModule {
    const cache: Provider = {
      provide: getCacheToken(options.name),
      inject: [
        { token: CacheSet, optional: true },
        { token: CACHE_OPTIONS, optional: true },
        { token: SHARED, optional: true },
      ],
      useFactory: (caches?: CacheSet, root?: CacheModuleOptions, shared?: SharedParts) => {
        if (!caches || !root || !shared) throw noRoot(options.name);
        const built = buildCache(resolveNamed(options, root), options, shared);
        caches.add(built);
        return built.cache;
      },
    };
    return { module: NamedCacheModule, global: options.isGlobal ?? true, providers: [cache], exports: [cache.provide] };
  }
}

/** The module of one named cache. */
@Module({})
class NamedCacheModule {}

/** What named caches need of `forRoot`, also where that is not global. */
@Module({})
class CacheCoreModule {}

function rootModule(
  options: Provider,
  imports: DynamicModule['imports'] = [],
  isGlobal = true,
  entities: readonly string[] = [],
): DynamicModule {
  const writeBehind = entityProviders(entities);
  const core: DynamicModule = {
    module: CacheCoreModule,
    global: true,
    imports,
    providers: [
      options,
      { provide: SHARED, inject: [CACHE_OPTIONS], useFactory: (given: unknown) => sharedParts(assertGiven(given)) },
      {
        provide: CacheSet,
        inject: [CACHE_OPTIONS, SHARED],
        useFactory: (given: CacheModuleOptions, shared: SharedParts) => {
          const resolved = resolveRoot(given);
          const caches = new CacheSet(new CacheRegistry(shared.clock, shared.random), resolved, shared.clock);
          caches.add(buildCache(resolved, given, shared));
          return caches;
        },
      },
      { provide: WRITE_BEHIND, inject: [CACHE_OPTIONS, CacheSet, SHARED], useFactory: openWriteBehind },
      ...writeBehind,
    ],
    exports: [CACHE_OPTIONS, SHARED, CacheSet, WRITE_BEHIND, ...writeBehind.map(({ provide }) => provide)],
  };
  return {
    module: CacheModule,
    global: isGlobal,
    imports: [DiscoveryModule, core],
    providers: [
      { provide: CacheRegistry, inject: [CacheSet], useFactory: (caches: CacheSet) => caches.registry },
      { provide: CacheService, inject: [CacheRegistry], useFactory: (registry: CacheRegistry) => registry.get() },
      {
        provide: CacheExplorer,
        inject: [DiscoveryService, CacheRegistry],
        useFactory: (discovery: DiscoveryService, registry: CacheRegistry) => new CacheExplorer(discovery, registry),
      },
      {
        provide: Invalidation,
        inject: [CACHE_OPTIONS, CacheSet, DiscoveryService],
        useFactory: (
          { invalidation }: CacheModuleOptions,
          { registry, logger }: CacheSet,
          discovery: DiscoveryService,
        ) => new Invalidation(invalidation, registry, discovery, logger),
      },
      {
        provide: Jobs,
        inject: [CacheSet, SHARED, { token: WRITE_BEHIND, optional: true }],
        useFactory: (caches: CacheSet, { clock, redis }: SharedParts, opened?: OpenedWriteBehind) =>
          new Jobs(caches.jobs, {
            caches: () => caches.built,
            sites: () => caches.registry.sites(),
            clock,
            schema: caches.schema,
            redis,
            log: caches.logger.part(),
            sweepWriteBehind: opened && (() => opened.sweep()),
          }),
      },
      CacheLifecycle,
      { provide: APP_FILTER, useClass: OverloadFilter },
      FallbackInterceptor,
    ],
    exports: [CacheService, CacheRegistry, FallbackInterceptor],
  };
}

function openWriteBehind(
  { writeBehind }: CacheModuleOptions,
  caches: CacheSet,
  { clock, random, redis }: SharedParts,
): OpenedWriteBehind | undefined {
  const { namespace, registry, logger } = caches;
  registry.writeBehind = writeBehind?.open({ namespace, clock, random, redis, log: logger.part() });
  return registry.writeBehind;
}

function asyncOptions(options: CacheModuleAsyncOptions): [Provider, DynamicModule['imports']] {
  const { imports, inject = [], useFactory, useClass, useExisting } = options;
  const ways = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (ways.length !== 1) return [{ provide: CACHE_OPTIONS, useFactory: () => throwWays(options) }, imports];
  if (useFactory) return [{ provide: CACHE_OPTIONS, inject, useFactory }, imports];
  const factory = (useClass ?? useExisting) as Type<CacheOptionsFactory>;
  const create = (made: CacheOptionsFactory) => made.createCacheOptions();
  if (useExisting) return [{ provide: CACHE_OPTIONS, inject: [factory], useFactory: create }, imports];
  // A module of its own makes the class, with the imports it needs.
  const maker: DynamicModule = {
    module: CacheOptionsMaker,
    imports: imports ?? [],
    providers: [factory],
    exports: [factory],
  };
  return [{ provide: CACHE_OPTIONS, inject: [factory], useFactory: create }, [maker]];
}

function throwWays(options: CacheModuleAsyncOptions): never {
  const remedy = 'Give exactly one of useFactory, useClass, useExisting.';
  throw new CacheOptionsError([{ option: 'forRootAsync', value: Object.keys(options), remedy }]);
}

function assertGiven(options: unknown): CacheModuleOptions {
  if (typeof options === 'object' && options !== null) return options;
  const remedy = 'Return the options from useFactory or createCacheOptions(); {} for the defaults.';
  throw new CacheOptionsError([{ option: 'forRootAsync', value: options, remedy }], 'CacheModule got no options');
}

@Module({})
class CacheOptionsMaker {}

function noRoot(name: string): CacheOptionsError {
  const remedy = 'Import CacheModule.forRoot() in the root module as well: it brings Redis and what all caches share.';
  return new CacheOptionsError([{ option: 'CacheModule.register', value: name, remedy }], 'There is no CacheModule');
}

import type { DynamicModule, Provider, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule, type CacheModuleOptions, CacheService, type NamedCacheOptions } from '../../src/index.js';
import { type RedisTierOptions, redisTier } from '../../src/redis.js';
import { clusterNodes, redisUrl } from '../support/services.js';
import { type Rig, useRig } from '../tiers/redis/rig.js';

export { commandsDuring, until } from '../tiers/redis/rig.js';

/** What an app of a spec is made of, besides what every one of them has. */
export interface AppOptions extends Omit<CacheModuleOptions, 'redis'> {
  /** Where Redis is, when a proxy stands in between; `false`: a cache without Redis. */
  url?: string | false;
  tier?: RedisTierOptions;
  named?: NamedCacheOptions[];
  imports?: DynamicModule[];
  providers?: Provider[];
}

/** A started Nest app with its default cache. */
export interface TestApp {
  readonly cache: CacheService;
  /** What the cache's `error` event told, oldest first. */
  readonly errors: { operation: string; error: unknown; key?: string }[];
  get<T>(token: Type<T> | string | symbol): T;
  close(): Promise<void>;
}

/** Everything one test may open; all of it is closed when the test ends. */
export interface World extends Rig {
  /** Two apps in one process with the same namespace behave like two processes. */
  app(options?: AppOptions): Promise<TestApp>;
}

let bus = (process.env.STRATA_TEST_BUS ?? 'pubsub') as RedisTierOptions['bus'];

/** How the apps of a spec hear of each other if it does not say so: for spec files that run those of others once more. */
export function useBus(kind: RedisTierOptions['bus']): void {
  bus = kind;
}

/** Call it once in a `describe`; each test gets a namespace of its own. */
export function useWorld(): World {
  const rig = useRig();
  const app: World['app'] = async (options) => {
    const opened = await openApp({ namespace: rig.namespace, ...options });
    rig.later(() => opened.close());
    return opened;
  };
  return Object.assign(Object.create(rig) as Rig, { app });
}

async function openApp({
  url,
  tier,
  named = [],
  imports = [],
  providers = [],
  ...options
}: AppOptions): Promise<TestApp> {
  // A client that stands between cache and Redis is for commands; it cannot be duplicated for a bus.
  const place =
    tier?.sentinel || tier?.url || tier?.cluster
      ? {}
      : tier?.client
        ? { bus: false }
        : { ...whereRedisIs(url || undefined), clientOptions: { retryStrategy: () => 25 } };
  const redis = url === false && !tier ? undefined : redisTier({ bus, ...place, ...tier });
  const errors: TestApp['errors'] = [];
  const root: DynamicModule = {
    module: class TestModule {},
    imports: [
      ...imports,
      CacheModule.forRootAsync({ useFactory: () => ({ jitter: 0, jobs: { enabled: false }, ...options, redis }) }),
      ...named.map((one) => CacheModule.register({ jitter: 0, ...one })),
    ],
    providers: [
      ...providers,
      {
        // Listens before the app is started, when its cache already tells what happens.
        provide: Symbol('errors'),
        inject: [CacheService],
        useFactory: (cache: CacheService) => cache.on('error', (event) => errors.push(event)),
      },
    ],
  };
  const app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false });
  return { cache: app.get(CacheService), errors, get: (token) => app.get(token), close: () => app.close() };
}

/** The cluster, if this run has one and the spec does not care. */
function whereRedisIs(url: string | undefined): Pick<RedisTierOptions, 'url' | 'cluster'> {
  const nodes = clusterNodes();
  return url === undefined && nodes ? { cluster: { nodes } } : { url: url ?? redisUrl() };
}

/** A promise that the test settles. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A loader that tells when it was called, and answers when the test says so. */
export interface SlowLoader<T> {
  readonly load: () => Promise<T>;
  readonly started: Promise<void>;
  readonly calls: () => number;
  finish(value: T): void;
  fail(error: unknown): void;
}

export function slowLoader<T = unknown>(): SlowLoader<T> {
  const started = deferred();
  const answer = deferred<T>();
  let calls = 0;
  const load = (): Promise<T> => {
    calls++;
    started.resolve();
    return answer.promise;
  };
  return { load, started: started.promise, calls: () => calls, finish: answer.resolve, fail: answer.reject };
}

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CacheOptionsError } from './cache.errors.js';
import { CacheExplorer } from './cache.explorer.js';
import type { BuiltCache } from './cache.factory.js';
import { CacheLogger } from './cache.logger.js';
import { CacheRegistry } from './cache.registry.js';
import type { ResolvedRoot } from './cache.resolve.js';
import { atMost } from './engine/at-most.js';
import type { Clock } from './engine/clock.js';
import type { Milliseconds } from './engine/duration.js';
import { Invalidation } from './invalidation/invalidation.js';
import { Jobs } from './jobs/jobs.js';
import type { ResolvedJobs } from './jobs/jobs.options.js';
import { providerFinder } from './sources/provider-finder.js';
import type { OpenedWriteBehind } from './write-behind/write-behind.port.js';
import { checkEntities, WRITE_BEHIND } from './write-behind/write-behind.providers.js';

/** The caches of the app before they are started, in the order in which they were made. */
export class CacheSet {
  readonly built: BuiltCache[] = [];
  readonly shutdownTimeout: Milliseconds;
  /** Of the root cache. */
  readonly namespace: string;
  readonly schema: string;
  readonly jobs: ResolvedJobs;
  readonly logger: CacheLogger;

  constructor(
    readonly registry: CacheRegistry,
    { shutdownTimeout, namespace, schema, jobs }: ResolvedRoot,
    clock: Clock,
  ) {
    this.shutdownTimeout = shutdownTimeout;
    this.namespace = namespace;
    this.schema = schema;
    this.jobs = jobs;
    this.logger = new CacheLogger(clock);
  }

  add(built: BuiltCache): void {
    this.registry.add(built.cache);
    built.cache.onEvent = async (event, payload) => this.registry.emit?.(event, payload);
    this.built.push(built);
    this.logger.watch(built.cache);
  }

  /** Waits for Redis (one connection serves all caches), within its deadline. */
  async start(): Promise<void> {
    const there = await Promise.all(this.built.map(({ start }) => start?.()));
    if (there.includes(false)) this.logger.notThere();
  }
}

/** The one place that starts and stops things. Start: check, bind, connect. Stop: undecorate, finish stores, disconnect. */
@Injectable()
export class CacheLifecycle
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private stopped: Promise<void> | undefined;

  constructor(
    @Inject(CacheSet) private readonly caches: CacheSet,
    @Inject(CacheExplorer) private readonly explorer: CacheExplorer,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(Invalidation) private readonly invalidation: Invalidation,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Optional() @Inject(WRITE_BEHIND) private readonly writeBehind?: OpenedWriteBehind,
  ) {
    caches.registry.sources.finder = providerFinder(moduleRef);
  }

  async onModuleInit(): Promise<void> {
    try {
      this.assertOnce();
      checkEntities(this.modules, this.writeBehind);
      this.explorer.check(this.invalidation.problems());
      this.explorer.bindAll();
      await this.caches.start();
      await this.writeBehind?.start((token) => this.moduleRef.get(token, { strict: false }));
      await this.invalidation.start();
    } catch (error) {
      // Nest does not call the shutdown hooks of an app that did not start: nothing may stay connected.
      await this.stop();
      throw error;
    }
  }

  /** Not earlier: jobs call the app's methods, which may need what other modules prepare in their `onModuleInit`. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.jobs.start(this.schedulerRegistry());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** First of all: what is loaded ahead now would be in the way. */
  async beforeApplicationShutdown(): Promise<void> {
    await atMost(this.caches.shutdownTimeout, this.jobs.stop());
  }

  /** Not earlier: until here requests are drained, and they want the cache. */
  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private stop(): Promise<void> {
    this.stopped ??= this.close();
    return this.stopped;
  }

  private async close(): Promise<void> {
    this.caches.registry.closed = true;
    await atMost(this.caches.shutdownTimeout, this.jobs.stop());
    await this.invalidation.stop();
    await this.writeBehind?.stop();
    // Methods that write behind stay decorated: without that they would return as if the row had been taken.
    if (!this.writeBehind) this.explorer.unbindAll();
    await Promise.all(this.caches.built.map(({ cache }) => cache.close(this.caches.shutdownTimeout)));
  }

  /** The app's own, if it has `ScheduleModule.forRoot()`: there it sees the jobs. */
  private schedulerRegistry(): SchedulerRegistry {
    try {
      return this.moduleRef.get(SchedulerRegistry, { strict: false });
    } catch {
      return new SchedulerRegistry();
    }
  }

  private assertOnce(): void {
    const roots = [...this.modules.values()].filter((module) => module.hasProvider(CacheLifecycle)).length;
    if (roots === 1) return;
    const remedy = 'Call it once, in the root module. Further caches: CacheModule.register({ name }).';
    throw new CacheOptionsError(
      [{ option: 'CacheModule.forRoot', value: `called ${roots} times`, remedy }],
      'CacheModule is imported more than once',
    );
  }
}

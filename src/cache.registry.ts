import { CacheOptionsError } from './cache.errors.js';
import { DEFAULT_CACHE } from './cache.resolve.js';
import type { WarmSite } from './decorators/warm-site.js';
import type { Cache } from './engine/cache.js';
import { type Clock, SystemClock } from './engine/clock.js';
import { AppSources } from './sources/app-sources.js';
import type { EntityAccess, OpenedWriteBehind } from './write-behind/write-behind.port.js';

/** The caches of one app by name: what decorators talk to. */
export class CacheRegistry {
  private readonly caches = new Map<string, Cache>();
  /** What decorators prepared for a class of this app. */
  private readonly prepared = new WeakMap<Function, unknown[]>();
  /** The methods that the jobs may call, by class. */
  private readonly warmSites = new Map<Function, WarmSite[]>();
  /** What its methods with fallbacks share. */
  readonly sources: AppSources;
  /** Set if the app writes behind. */
  writeBehind: OpenedWriteBehind | undefined;
  /** Tells the app's rules of an event; set when they are made. */
  emit: ((event: string, payload: unknown) => Promise<void>) | undefined;
  /** After shutdown decorated methods run as if they were not decorated. */
  closed = false;

  constructor(clock: Clock = new SystemClock(), random: () => number = Math.random) {
    this.sources = new AppSources(clock, random);
  }

  add(cache: Cache): void {
    if (this.caches.has(cache.name)) {
      const remedy = 'Call CacheModule.register() for it once, in one module; its cache can be injected everywhere.';
      throw new CacheOptionsError([{ option: 'name', value: cache.name, remedy }], 'A cache is registered twice');
    }
    this.caches.set(cache.name, cache);
  }

  get(name: string = DEFAULT_CACHE): Cache {
    const cache = this.caches.get(name);
    if (cache) return cache;
    throw new CacheOptionsError([{ option: 'cache', value: name, remedy: this.remedy() }], 'There is no such cache');
  }

  has(name: string): boolean {
    return this.caches.has(name);
  }

  all(): Iterable<Cache> {
    return this.caches.values();
  }

  /** The slots of a class, one for each decorated method: filled at its first call. */
  slotsOf(type: Function): unknown[] {
    let slots = this.prepared.get(type);
    if (!slots) {
      slots = [];
      this.prepared.set(type, slots);
    }
    return slots;
  }

  /** A decorated method was made ready for a class. */
  addSite(type: Function, site: WarmSite): WarmSite {
    const sites = this.warmSites.get(type);
    if (sites) sites.push(site);
    else this.warmSites.set(type, [site]);
    return site;
  }

  /** Whose methods the jobs call. Of several instances of a class the first one: they are expected to answer alike. */
  bindSites(instance: object): void {
    for (const site of this.warmSites.get(instance.constructor) ?? []) site.instance ??= instance;
  }

  sites(): WarmSite[] {
    return [...this.warmSites.values()].flat();
  }

  /** A write-behind entity, for decorators. Throws `CacheOptionsError` if it is not configured. */
  entity(name: string): EntityAccess {
    if (this.writeBehind) return this.writeBehind.entity(name);
    const remedy = 'Pass writeBehind: writeBehind({ client, entities }) to CacheModule.forRoot.';
    throw new CacheOptionsError([{ option: 'entity', value: name, remedy }], 'There is no write-behind');
  }

  remedy(): string {
    return `Known caches: ${[...this.caches.keys()].join(', ')}. Add one with CacheModule.register({ name }).`;
  }
}

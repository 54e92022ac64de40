import type { NotWarmed, WarmSite } from '../../decorators/warm-site.js';
import { atMost } from '../../engine/at-most.js';
import type { Cache } from '../../engine/cache.js';
import type { Milliseconds } from '../../engine/duration.js';
import { type CacheKey, type EncodedKey, encodeKey } from '../../engine/key.js';
import type { Loader } from '../../engine/loading.js';
import type { Refreshed } from '../../engine/loading-ahead.js';
import type { PopularKey } from '../popularity/popular-keys.js';

/** Something that can be loaded. */
export interface WarmItem {
  readonly key: EncodedKey;
  /** Requests, each halved every half-life; `Infinity` for what is always to be warm. */
  readonly count: number;
  /** Length of its next life. */
  readonly ttl: Milliseconds;
  refresh(horizon: Milliseconds): Promise<Refreshed | NotWarmed>;
}

/** What cannot be loaded, and why: `gone` with the name of the method that is. */
export interface Unwarmable {
  readonly key: EncodedKey;
  readonly why: 'gone' | 'several' | 'damaged' | 'no recipe' | 'always' | NotWarmed;
  readonly call?: string;
}

/** Finds out how keys of one cache are loaded. */
export class WarmPlan {
  private readonly sites = new Map<string, WarmSite[]>();

  constructor(
    private readonly cache: Cache,
    sites: readonly WarmSite[],
    /** How long the app may take to say what is always to be warm. */
    private readonly patience: Milliseconds,
  ) {
    for (const site of sites) {
      const same = this.sites.get(site.name);
      if (same) same.push(site);
      else this.sites.set(site.name, [site]);
    }
  }

  of({ key, count, recipe }: PopularKey): WarmItem | Unwarmable {
    if (!recipe) return this.byLoader(key, count) ?? { key, why: 'no recipe' };
    const { call } = recipe;
    const [site, another] = this.sites.get(call) ?? [];
    if (!site || site.cache !== this.cache || !site.learns) return { key, why: 'gone', call };
    if (another) return { key, why: 'several', call };
    if (!site.instance) return { key, why: 'no instance', call };
    try {
      const args = this.cache.warming.decode(recipe.args);
      return { key, count, ttl: site.policy.ttl, refresh: (horizon) => site.refresh(key, args, horizon) };
    } catch {
      return { key, why: 'damaged', call };
    }
  }

  /** What is to be warm whatever is asked for. `keys`: those that the options name. */
  async always(keys: readonly CacheKey[]): Promise<(WarmItem | Unwarmable)[]> {
    const count = Number.POSITIVE_INFINITY;
    const items: (WarmItem | Unwarmable)[] = keys.map((key) => {
      const encoded = encodeKey(key);
      return this.byLoader(encoded, count) ?? { key: encoded, why: 'no recipe' };
    });
    for (const site of [...this.sites.values()].flat()) {
      if (site.cache !== this.cache) continue;
      items.push(...(await this.alwaysOf(site)));
    }
    return items;
  }

  /** What the app says may fail, or take for ever: the other keys are warmed all the same. */
  private async alwaysOf(site: WarmSite): Promise<(WarmItem | Unwarmable)[]> {
    const count = Number.POSITIVE_INFINITY;
    try {
      let calls: readonly (readonly unknown[])[] | undefined;
      const said = site.always().then((all) => {
        calls = all;
      });
      await atMost(this.patience, said);
      if (!calls) return [{ key: site.name as EncodedKey, why: 'always', call: site.name }];
      return calls.map((args) => {
        const key = site.keyOf(args);
        const refresh = (horizon: Milliseconds) => site.refresh(key, [...args], horizon);
        return site.instance
          ? { key, count, ttl: site.policy.ttl, refresh }
          : { key, why: 'no instance', call: site.name };
      });
    } catch {
      return [{ key: site.name as EncodedKey, why: 'always', call: site.name }];
    }
  }

  private byLoader(key: EncodedKey, count: number): WarmItem | undefined {
    const loader = this.cache.warming.loaderOf(key);
    if (!loader) return undefined;
    const { load, policy } = loader;
    const run: Loader = (context) => load(key, context);
    return { key, count, ttl: policy.ttl, refresh: (horizon) => this.cache.loadAhead(key, horizon, run, policy) };
  }
}

export function isItem(planned: WarmItem | Unwarmable): planned is WarmItem {
  return 'refresh' in planned;
}

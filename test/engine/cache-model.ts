/** A cache of memory as one would write it down first: a Map, walked for every invalidation. The measure for the real one. */

export interface ModelEntry {
  value: number;
  freshUntil: number;
  staleUntil: number;
  tags: readonly string[];
}

/** A load under way. */
export interface ModelLoad {
  key: string;
  value: number;
  tags: readonly string[];
  /** Something it depends on was changed since it began. */
  spoiled: boolean;
}

/** Says of a key with these tags whether it is meant. */
export type Meant = (key: string, tags: readonly string[]) => boolean;

export class CacheModel {
  readonly entries = new Map<string, ModelEntry>();
  readonly loads: ModelLoad[] = [];
  now = 0;

  constructor(private readonly times: { ttl: number; grace: number; graceBackoff: number }) {}

  fresh(key: string): number | undefined {
    const entry = this.entries.get(key);
    return entry && this.now < entry.freshUntil ? entry.value : undefined;
  }

  put(key: string, value: number, tags: readonly string[], ttl = this.times.ttl): void {
    this.invalidate((other) => other === key, false);
    this.store(key, value, tags, ttl);
  }

  /** What the callers of a load that fails get; `undefined`: its error. */
  standIn(key: string): number | undefined {
    const entry = this.entries.get(key);
    if (!entry || this.now >= entry.staleUntil) return undefined;
    entry.freshUntil = Math.min(this.now + this.times.graceBackoff, entry.staleUntil);
    return entry.value;
  }

  invalidate(meant: Meant, kept: boolean): void {
    for (const load of this.loads) if (meant(load.key, load.tags)) load.spoiled = true;
    for (const [key, entry] of this.entries) {
      if (!meant(key, entry.tags)) continue;
      if (kept) entry.freshUntil = 0;
      else this.entries.delete(key);
    }
  }

  begin(key: string, value: number, tags: readonly string[]): ModelLoad {
    const load = { key, value, tags, spoiled: false };
    this.loads.push(load);
    return load;
  }

  /** The load that a new caller of this key would share. */
  joinable(key: string): ModelLoad | undefined {
    return this.loads.find((load) => load.key === key && !load.spoiled);
  }

  end(load: ModelLoad): void {
    const older = this.loads.splice(0, this.loads.indexOf(load) + 1).slice(0, -1);
    this.loads.unshift(...older);
    if (!load.spoiled) this.storeLoaded(load.key, load.value, load.tags, older);
  }

  /** What a load brings replaces what is there; loads that began before it must not replace it. */
  storeLoaded(key: string, value: number, tags: readonly string[], older = this.loads): void {
    for (const load of older) if (load.key === key) load.spoiled = true;
    this.store(key, value, tags);
  }

  private store(key: string, value: number, tags: readonly string[], ttl = this.times.ttl): void {
    const freshUntil = this.now + ttl;
    this.entries.set(key, { value, tags, freshUntil, staleUntil: freshUntil + this.times.grace });
  }
}

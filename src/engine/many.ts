import { CacheEntryError } from '../cache.errors.js';
import type { ManyValues } from '../cache.service.js';
import { type Core, holdFor, tellOverload } from './core.js';
import { type CacheKey, type EncodedKey, encodeKey } from './key.js';
import type { LanePriority } from './lanes/lane-request.js';
import { type LoadContext, LoadGroup, type LoadRecord } from './load-context.js';
import type { ResolvedPolicy } from './policy.js';
import type { ReadPath } from './read-path.js';
import type { Due } from './refreshing.js';

/** What loads several keys; `group`: their loads. */
export type LoadMissing<T> = (missing: CacheKey[], group: LoadGroup) => Promise<ManyValues<T>> | ManyValues<T>;

/** The values of several keys, in their order; one call loads those that are missing. */
export async function loadMany<T>(
  core: Core,
  reading: ReadPath,
  keys: readonly CacheKey[],
  load: LoadMissing<T>,
  options: ResolvedPolicy,
): Promise<(T | undefined)[]> {
  // One call loads all keys of this process that are missing: it does not wait for those of other processes. It is one load
  // for the lane, too: one key waiting there for its turn would wait for itself.
  const policy = { ...options, cluster: false, loads: undefined };
  const encoded = keys.map((key) => encodeKey(key));
  const byEncoded = new Map<EncodedKey, CacheKey>();
  encoded.forEach((key, i) => {
    if (!byEncoded.has(key)) byEncoded.set(key, keys[i] as CacheKey);
  });
  const bulk = new BulkLoad<T>(byEncoded.size, inTurn(core, options, load, 'interactive'));
  const loads = new Map<EncodedKey, Promise<unknown>>();
  const dues: Due[] = [];
  for (const [key, given] of byEncoded) {
    const one = bulk.oneOf(key, given);
    const joins = reading.leader(key, policy) !== undefined;
    const value = reading.getOrLoad(key, one.load, policy, (due) => dues.push(due));
    // Served by a tier: no load was asked for. Somebody else's load is not waited for before ours begins.
    if (joins) one.decide();
    else value.then(one.decide, one.decide);
    loads.set(key, value);
  }
  const values = await Promise.all(encoded.map((key) => loads.get(key) as Promise<T | undefined>));
  refreshMany(reading, dues, byEncoded, inTurn(core, options, load, 'background'));
  return values;
}

/** A bulk load that waits for its turn, where a lane bounds how many run at once. */
function inTurn<T>(core: Core, policy: ResolvedPolicy, load: LoadMissing<T>, priority: LanePriority): LoadMissing<T> {
  if (policy.loads === undefined) return load;
  const lane = core.lanes.of(policy.loads);
  const { inside } = core.lanes;
  return async (missing, group) => {
    if (inside.getStore() && priority === 'interactive') return load(missing, group);
    try {
      return await lane.submit(() => inside.run(true, async () => load(missing, group)), {
        priority,
        lostAfter: holdFor(policy),
      }).result;
    } catch (error) {
      tellOverload(core, error);
      throw error;
    }
  };
}

/** Early refresh of several keys, by one load. */
function refreshMany<T>(
  reading: ReadPath,
  dues: readonly Due[],
  keys: ReadonlyMap<EncodedKey, CacheKey>,
  load: LoadMissing<T>,
): void {
  const bulk = new BulkLoad<T>(dues.length, load);
  for (const due of dues) {
    const one = bulk.oneOf(due.key, keys.get(due.key) as CacheKey);
    const refresh = reading.refresh(due, one.load);
    if (refresh) void refresh.then(one.decide);
    else one.decide();
  }
}

/**
 * Loads of several keys by one call. Each key takes the ordinary way (memory, Redis, fence, hold, fill); only its load
 * waits here until it is known of all keys whether they have to be loaded.
 */
class BulkLoad<T> {
  private readonly wanted = new Map<EncodedKey, CacheKey>();
  private undecided: number;
  private start!: () => void;
  private readonly values: Promise<Map<EncodedKey, T>>;

  private readonly group = new LoadGroup();

  constructor(
    keys: number,
    private readonly loadKeys: LoadMissing<T>,
  ) {
    this.undecided = keys;
    const ready = new Promise<void>((resolve) => {
      this.start = resolve;
    });
    this.values = ready.then(async () => byEncodedKey(await loadKeys([...this.wanted.values()], this.group)));
    // Every key that wants a value hears of a failure; without any, nobody may.
    this.values.catch(() => undefined);
  }

  /** One of its keys: a loader for it, and what to call when it turns out that it needs no load. */
  oneOf(
    encoded: EncodedKey,
    key: CacheKey,
  ): {
    load: (context: LoadContext<never>) => Promise<T | undefined>;
    decide: () => void;
  } {
    let decided = false;
    const decide = (): void => {
      if (!decided && --this.undecided <= 0 && this.wanted.size > 0) this.start();
      decided = true;
    };
    const load = async (context: LoadContext<never>): Promise<T | undefined> => {
      // Its caller has been answered otherwise meanwhile, or what it shared was no answer: the others have not waited for it.
      if (decided) return this.alone(encoded, key, context);
      this.wanted.set(encoded, key);
      this.group.add(context as unknown as LoadRecord);
      decide();
      return (await this.values).get(encoded);
    };
    return { load, decide };
  }

  private async alone(encoded: EncodedKey, key: CacheKey, context: LoadContext<never>): Promise<T | undefined> {
    const group = new LoadGroup();
    group.add(context as unknown as LoadRecord);
    return byEncodedKey(await this.loadKeys([key], group)).get(encoded);
  }
}

function byEncodedKey<T>(values: ManyValues<T>): Map<EncodedKey, T> {
  if (values instanceof Map) return new Map(Array.from(values, ([key, value]) => [encodeKey(key), value as T]));
  // An array of rows would look like an object with the keys '0', '1', ...: every key would quietly be missing.
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    const what = Array.isArray(values) ? 'an array' : values === null ? 'null' : `a value of type ${typeof values}`;
    throw new CacheEntryError(
      `The loader of several keys returned ${what}.`,
      'Return a Map by key, or an object by encoded key; leave out what is not there.',
    );
  }
  return new Map(Object.entries(values as Record<string, T>));
}

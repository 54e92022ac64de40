import { CacheEntryError } from '../cache.errors.js';
import type { ManyValues } from '../cache.service.js';
import { type CacheKey, type EncodedKey, encodeKey } from './key.js';

/**
 * Loads of several keys by one call. Each key takes the ordinary way (memory, Redis, fence, hold, fill); only its load
 * waits here until it is known of all keys whether they have to be loaded.
 */
export class BulkLoad<T> {
  private readonly wanted = new Map<EncodedKey, CacheKey>();
  private undecided: number;
  private start!: () => void;
  private readonly values: Promise<Map<EncodedKey, T>>;

  constructor(keys: number, load: (missing: CacheKey[]) => Promise<ManyValues<T>> | ManyValues<T>) {
    this.undecided = keys;
    const ready = new Promise<void>((resolve) => {
      this.start = resolve;
    });
    this.values = ready.then(async () => byEncodedKey(await load([...this.wanted.values()])));
    // Every key that wants a value hears of a failure; without any, nobody may.
    this.values.catch(() => undefined);
  }

  /** The key has to be loaded. */
  async want(encoded: EncodedKey, key: CacheKey): Promise<T | undefined> {
    this.wanted.set(encoded, key);
    this.decide();
    return (await this.values).get(encoded);
  }

  /** One key less to wait for. */
  decide(): void {
    if (--this.undecided <= 0 && this.wanted.size > 0) this.start();
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

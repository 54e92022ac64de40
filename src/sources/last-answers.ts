import type { Cache } from '../engine/cache.js';
import type { Clock } from '../engine/clock.js';
import type { Milliseconds } from '../engine/duration.js';
import type { CacheKey } from '../engine/key.js';

/** A good answer is stored again at the earliest after this time: a handler that is asked often must not write as often. */
const NOT_BEFORE: Milliseconds = 10_000;

/** How many moments of storing are remembered. */
const REMEMBERED = 10_000;

/** The last good answers of a method, for when nobody answers. */
export class LastAnswers {
  private readonly storedAt = new Map<string, Milliseconds>();

  constructor(
    private readonly cache: Cache,
    private readonly clock: Clock,
    private readonly life: Milliseconds,
    private readonly keyOf: (args: readonly unknown[]) => CacheKey,
  ) {}

  /** Storing is a favour: nobody waits for it, and an error is the cache's to tell. */
  store(args: readonly unknown[], value: unknown): void {
    if (value === undefined || isStream(value)) return;
    let key: CacheKey;
    try {
      key = this.keyOf(args);
    } catch (error) {
      this.cache.trouble('fallback key', error);
      return;
    }
    const now = this.clock.now();
    const name = String(key);
    const before = this.storedAt.get(name);
    if (before !== undefined && now - before < Math.min(NOT_BEFORE, this.life / 2)) return;
    if (this.storedAt.size >= REMEMBERED) this.storedAt.clear();
    this.storedAt.set(name, now);
    this.cache.set(key, value, { ttl: this.life }).catch((error) => this.cache.trouble('fallback store', error));
  }

  /** `undefined`: there is none. */
  async find(args: readonly unknown[]): Promise<unknown> {
    try {
      return await this.cache.get(this.keyOf(args));
    } catch (error) {
      this.cache.trouble('fallback key', error);
      return undefined;
    }
  }
}

/** Something that is read once: a Node or web stream, a `StreamableFile`. */
function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { pipe, getStream, getReader } = value as Record<string, unknown>;
  return [pipe, getStream, getReader].some((method) => typeof method === 'function');
}

import { buildCache, sharedParts } from '../../src/cache.factory.js';
import type { CacheModuleOptions } from '../../src/cache.options.js';
import { resolveRoot } from '../../src/cache.resolve.js';
import type { Cache } from '../../src/engine/cache.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

/** A cache of memory only, and its time. */
export interface Embedded {
  cache: Cache;
  clock: FakeClock;
}

/** Without jitter, on a clock that the spec moves; options that are given count. */
export function embeddedCache(options: CacheModuleOptions = {}): Embedded {
  const clock = new FakeClock();
  const all = { jitter: 0, clock, ...options };
  return { cache: buildCache(resolveRoot(all), all, sharedParts(all)).cache, clock };
}

/** A promise that the spec settles. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function deferred<T = unknown>(): Deferred<T> {
  const parts: Partial<Deferred<T>> = {};
  const promise = new Promise<T>((resolve, reject) => {
    parts.resolve = resolve;
    parts.reject = reject;
  });
  return { ...(parts as Deferred<T>), promise };
}

/** Lets everything that needs no time happen. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

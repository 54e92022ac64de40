import type { Advice } from './advice.js';
import type { Milliseconds } from './duration.js';

/** Which store answered. */
export type TierName = 'memory' | 'redis';

/** What the cache tells of itself while it works (the app's own events go to `emit` and the rules for them): name of the event -> what listeners get. Keys are in their encoded form. */
export interface CacheEvents {
  /** A read was answered by a store. */
  hit: { key: string; tier: TierName };
  /** A read found nothing that could be served. */
  miss: { key: string };
  /** A load began to run. */
  load: { key: string };
  /**
   * A load ended; `error` if it failed. `source`: where the value came from (`'load'` if the loader did not say), after how
   * many `attempts`. `requestId`: as the loader knew it.
   */
  loaded: {
    key: string;
    took: Milliseconds;
    source: string;
    attempts: number;
    requestId: string;
    error?: unknown;
  };
  /**
   * Not the first source of a chain answered: a backup (`source`: its name), a last good answer (`'stale'`), or nobody
   * (`'none'`). `error`: why the first one did not; absent if it was only slower than its backup. `key`: of the cached value,
   * if the chain loaded one.
   */
  fallback: {
    chain: string;
    source: string;
    attempts: number;
    took: Milliseconds;
    requestId: string;
    error?: unknown;
    key?: string;
  };
  /** A value was stored; `tiers` says where. */
  store: { key: string; tiers: TierName[] };
  /** A loaded value was not stored because the key or one of its tags was changed meanwhile. Its callers got it. */
  refused: { key: string };
  /** A stale value was served because the load failed or took too long. */
  stale: { key: string; error: unknown };
  /** A load (a bulk load: without a key) did not run: the queue of its lane was full, or it waited there too long. */
  overload: { lane: string; reason: 'full' | 'deadline'; key?: string };
  /** Keys, tags or prefixes were invalidated in this process. */
  evict: { target: 'keys' | 'tags' | 'prefix' | 'pattern' | 'all'; names: readonly string[]; kept: boolean };
  /** A value was not stored: too large, or of a type that cannot be stored. The caller got it. */
  skipped: { key: string; reason: string };
  /** Something went wrong that no caller sees: Redis did not answer, bytes could not be read, a listener threw. */
  error: { operation: string; error: unknown; key?: string };
  /**
   * Events that rules of this cache wait for may have been missed (`source`: `'postgres'`), so what they concern is being
   * invalidated. `reason`: the connection was away, the app started, one event did not tell all, a message was unreadable.
   */
  missed: { source: string; reason: 'connection' | 'start' | 'incomplete' | 'unreadable' };
  /** The jobs measured something and say what to change: the same as long as it holds. See also `advice()`. */
  advice: Advice;
  /** The connection to Redis came (`true`) or went (`false`). */
  connection: { ready: boolean };
}

export type CacheEventName = keyof CacheEvents;

type Listener<Name extends CacheEventName> = (event: CacheEvents[Name]) => void;

/** Listeners by event. Whether anybody listens is a property read, so that unheard events cost nothing. */
export class EventHub {
  private readonly listeners = new Map<CacheEventName, Set<Listener<never>>>();

  on<Name extends CacheEventName>(event: Name, listener: Listener<Name>): () => void {
    let set = this.listeners.get(event);
    if (!set) {
      set = new Set();
      this.listeners.set(event, set);
    }
    set.add(listener);
    return () => {
      set.delete(listener);
      // It may have been replaced since, if this is called twice.
      if (set.size === 0 && this.listeners.get(event) === set) this.listeners.delete(event);
    };
  }

  /** True when building the event's object is worth it. */
  heard(event: CacheEventName): boolean {
    return this.listeners.size > 0 && this.listeners.has(event);
  }

  emit<Name extends CacheEventName>(event: Name, data: CacheEvents[Name]): void {
    const set = this.listeners.get(event);
    if (!set) return;
    for (const listener of [...set] as Listener<Name>[]) {
      try {
        listener(data);
      } catch (error) {
        // A listener must not change what a caller of the cache gets; a failing 'error' listener has nobody left to tell.
        if (event !== 'error') this.emit('error', { operation: `listener of "${event}"`, error });
      }
    }
  }

  clear(): void {
    this.listeners.clear();
  }
}
